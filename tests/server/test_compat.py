"""The published client, unmodified, drives the control plane through every command and option it has."""

from __future__ import annotations

import difflib
import json
import os
import re
import subprocess

import pytest
import yaml

from testbed import servers
from testbed.control_plane import PASSWORD, serving
from testbed.published import Published, inventory, program
from tests.support.browser import Browser

pytestmark = pytest.mark.timeout(300)
ROLE = "arn:aws:iam::123456789012:role/reader"


@pytest.fixture(scope="module")
def database(postgres_server):
    """Return a PostgreSQL with two schemas in `sales` that a user may read."""
    with servers.postgres_admin(postgres_server, "sales") as admin:
        for schema in ("raw", "enrich"):
            admin.execute(f"create schema if not exists {schema}")
            admin.execute(f"create table if not exists {schema}.orders (id integer)")
    return postgres_server


@pytest.fixture
def client(tmp_path):
    """Return a function that makes a client of a control plane."""

    def make(plane, who=None):
        home = tmp_path / f"client-{len(made)}"
        home.mkdir()
        made.append(Published(home, plane.environment(who) if who else {}))
        return made[-1]

    made: list[Published] = []
    yield make
    for run in made:
        run.close()


def document(done):
    """Return the document behind the lines that the client prints for people, which are allowed to wrap."""
    lines = done.stdout.splitlines()
    for start in range(len(lines)):
        try:
            found = yaml.safe_load("\n".join(lines[start:]))
        except yaml.YAMLError:
            continue
        if isinstance(found, dict | list):
            return found
    raise AssertionError(done.stdout + done.stderr)


def created(run, *words, **variables):
    """Run a command that creates, and return what it has made."""
    done = ok(run(*words, **variables))
    (number,) = re.findall(r"^\w+ ID: (\d+)$", done.stdout, re.MULTILINE)
    return document(ok(run(words[0], "get", "--id", number)))


def ok(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def connections(run, database):
    """Run every command of `connections` with every option; return the id of one that works."""
    secret = {"PG_PASSWORD": database.password}
    login = ("--username", database.user, "--password", "${PG_PASSWORD}")
    encrypted = ("--parameters", '{"ssl_mode": "require"}')
    postgres = ("--type", "postgresql", "--host", "127.0.0.1", "--port", str(database.port))
    tuned = ("--jdbc-fetch-size", "500", "--max-parallelization", "4", "--format", "json")
    made = created(run, "connections", "create", *postgres, *login, *encrypted, *tuned, "--name", "pg", **secret)
    number = str(made["id"])
    assert (made["jdbc_fetch_size"], made["max_parallelization"]) == (500, 4)
    keys = ("--access-key", "${S3_KEY}", "--secret-key", "${S3_SECRET}")
    assumed = ("--authentication-type", "IAM_ROLE", "--role-arn", ROLE, "--external-id", "ours")
    s3 = ("connections", "create", "--type", "s3", "--name", "lake", "--uri", "s3://lake/raw", *keys, *assumed)
    aws = {"S3_KEY": "AKIAEXAMPLE", "S3_SECRET": "s3 secret"}
    preview = ok(run(*s3, "--dry-run", **aws))
    assert "s3 secret" not in preview.stdout
    lake = created(run, *s3, **aws)
    assert lake["parameters"] == {"authentication_type": "IAM_ROLE", "role_arn": ROLE, "external_id": "ours"}
    native = ("--type", "databricks_native", "--name", "unity", "--catalog", "main", "--host", "x.cloud.databricks.com")
    unity = created(run, "connections", "create", *native, "--password", "${PAT}", PAT="dapi-secret")
    assert unity["catalog"] == "main"

    everything = ("--name", "pg renamed", "--host", "localhost", "--port", str(database.port), *login, *encrypted)
    changed = document(ok(run("connections", "update", "--id", number, *everything, "--format", "json", **secret)))
    assert (changed["name"], changed["host"], changed["jdbc_fetch_size"]) == ("pg renamed", "localhost", 500)
    moved = ("connections", "update", "--id", str(lake["id"]), "--uri", "s3://lake/other", *keys)
    assumed = ("--authentication-type", "IAM_ROLE", "--role-arn", ROLE + "2", "--external-id", "theirs")
    assert document(ok(run(*moved, *assumed, **aws)))["parameters"]["external_id"] == "theirs"

    by_id = document(ok(run("connections", "get", "--id", number, "--format", "json")))
    by_name = document(ok(run("connections", "get", "--name", "pg renamed")))
    assert by_id["id"] == by_name["id"] == made["id"]
    assert database.password not in json.dumps(by_id)
    listed = document(
        ok(run("connections", "list", "--name", "RENAMED", "--type", "postgresql,s3", "--format", "json"))
    )
    assert [found["id"] for found in listed] == [made["id"]]
    assert len(document(ok(run("connections", "list")))) == 3

    assert "successful" in ok(run("connections", "test", "--id", number)).stdout
    overrides = ("--host", "127.0.0.1", "--username", database.user, "--password", "${PG_PASSWORD}", "--format", "json")
    assert document(ok(run("connections", "test", "--id", number, *overrides, **secret)))["connected"] is True
    failed = ok(run("connections", "test", "--id", number, "--password", "wrong"))
    assert "test failed" in failed.stdout
    ok(run("connections", "delete", "--id", str(unity["id"])))
    assert run("connections", "get", "--id", str(unity["id"])).returncode == 1
    return number


def datastores(run, connection):
    """Run every command of `datastores` with every option; return the ids of two that stay."""
    place = ("--database", "sales", "--schema", "raw")
    settings = ("--enrichment-prefix", "e_", "--enrichment-source-record-limit", "20")
    settings += ("--enrichment-remediation-strategy", "append", "--high-count-rollup-threshold", "12")
    named = ("--tags", "finance,eu", "--teams", "Public")
    common = ("--connection-id", connection, *place, *named, *settings, "--format", "json")
    create = ("datastores", "create", "--name", "orders", *common, "--no-enrichment-only", "--no-trigger-sync")
    ok(run(*create, "--dry-run"))
    orders = created(run, *create)
    assert (orders["enrichment_prefix"], orders["high_count_rollup_threshold"]) == ("e_", 12)
    assert [team["name"] for team in orders["teams"]] == ["Public"]
    keeper = ("--name", "keeper", "--connection-name", "pg renamed", "--database", "sales", "--schema", "enrich")
    keeper = created(run, "datastores", "create", *keeper, "--enrichment-only", "--trigger-sync")
    number, other = str(orders["id"]), str(keeper["id"])

    update = ("datastores", "update", "--id", number, "--name", "orders 2", "--connection-id", connection, *place)
    changed = document(ok(run(*update, *named, *settings, "--no-enrichment-only", "--format", "json")))
    assert changed["name"] == "orders 2"
    ok(run("datastores", "update", "--id", other, "--enrichment-only"))
    assert document(ok(run("datastores", "get", "--id", number, "--format", "json")))["tags"] == ["finance", "eu"]
    assert document(ok(run("datastores", "get", "--name", "orders 2")))["id"] == orders["id"]
    filters = ("--name", "orders 2", "--type", "postgresql", "--tag", "finance", "--no-enrichment-only")
    listed = document(ok(run("datastores", "list", *filters, "--format", "json")))
    assert [found["id"] for found in listed] == [orders["id"]]
    listed = document(ok(run("datastores", "list", "--enrichment-only")))
    assert [found["id"] for found in listed] == [keeper["id"]]
    assert document(ok(run("datastores", "verify", "--id", number, "--format", "json")))["connected"] is True
    ok(run("datastores", "enrichment", "--id", number, "--link", other))
    linked = document(ok(run("datastores", "get", "--id", number)))
    assert linked["enrich_datastore"] == {"id": keeper["id"], "name": "keeper"}
    ok(run("datastores", "enrichment", "--id", number, "--unlink"))
    assert document(ok(run("datastores", "get", "--id", number)))["enrich_datastore"] is None
    ok(run("datastores", "enrichment", "--id", number, "--link", other))
    gone = created(run, "datastores", "create", "--name", "gone", *common, "--no-trigger-sync")
    ok(run("datastores", "delete", "--id", str(gone["id"])))
    refused = run("connections", "delete", "--id", connection)
    assert (refused.returncode, "still reference it" in refused.stdout) == (1, True)
    return number, other


def config(run, second, numbers, password):
    """Export, preview and import into an empty control plane, and export from there: the same files."""
    ids = [word for number in numbers for word in ("--datastore-id", number)]
    kinds = ("--include", "connections,datastores")
    ok(run("config", "export", *ids, "--output", "export"))
    (written,) = (run.home / "export" / "connections").iterdir()
    text = written.read_text()
    names = re.findall(r"\$\{(\w+)\}", text)
    assert "PG_RENAMED_PASSWORD" in names
    assert password not in text
    variables = dict.fromkeys(names, "") | {"PG_RENAMED_PASSWORD": password}
    ok(second("config", "import", "--input", str(run.home / "export"), *kinds, "--dry-run"))
    done = ok(second("config", "import", "--input", str(run.home / "export"), *kinds, **variables))
    assert counts(done) == {"Connections": [1, 0, 0], "Datastores": [2, 0, 0], "Sync": [2, 0, 0]}
    found = document(ok(second("datastores", "list", "--format", "json")))
    twins = [
        word for entry in sorted(found, key=lambda entry: entry["id"]) for word in ("--datastore-id", str(entry["id"]))
    ]
    ok(second("config", "export", *twins, "--output", "export", *kinds))
    assert differences(run.home / "export", second.home / "export") == []
    assert document(ok(second("datastores", "verify", "--id", twins[1])))["connected"] is True


def counts(done):
    """Return what an import has created, updated and failed to, of each kind."""
    rows = re.findall(r"│ (\w+) +│ (\d+) +│ (\d+) +│ (\d+) +│", done.stdout)
    return {name: [int(number) for number in numbers] for name, *numbers in rows}


def differences(left, right):
    """Return what is not the same in two folders."""
    one, other = (
        {path.relative_to(place): path for path in place.rglob("*") if path.is_file()} for place in (left, right)
    )
    missing = [f"{path} is in one alone" for path in one.keys() ^ other.keys()]
    pairs = [(one[path].read_text(), other[path].read_text()) for path in one.keys() & other.keys()]
    return missing + [line for pair in pairs for line in difflib.unified_diff(*map(str.splitlines, pair))]


def sign_in(run, plane):
    """Run `auth init`, `status`, `doctor` and `login`, with a browser that fills in the form."""
    token = plane.tokens["Manager"]
    ok(run("auth", "init", "--url", plane.url, "--token", token, "--no-verify-ssl"))
    assert "127.0.0.1" in ok(run("auth", "status")).stdout
    ok(run("doctor"))
    pipe, words = run.home / "opened", ("auth", "login", "--url", plane.url, "--timeout", "300", "--no-verify-ssl")
    os.mkfifo(pipe)
    opener = run.home / "open"
    opener.write_text(f'#!/bin/sh\nprintf %s "$1" > {pipe}\n')
    opener.chmod(0o700)
    process = subprocess.Popen(
        [str(program()), *words],
        env=run.variables(BROWSER=f"{opener} %s"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        browser = Browser()
        done = browser.sign_in(browser.open(pipe.read_text()), "manager", PASSWORD)
        assert done.status == 303, done.text
        assert browser.open(done.header("location")).status == 200
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    run.keep(words, subprocess.CompletedProcess(words, process.returncode, out, ""))
    assert (process.returncode, "successful" in out) == (0, True), out
    assert document(ok(run("connections", "list", "--format", "json")))


@pytest.mark.parametrize("who", ["Admin", "Manager"])
def test_the_published_client_does_all_it_can(who, database, client, tmp_path, record_property):
    homes = (tmp_path / "first", tmp_path / "second")
    with serving(homes[0], password=PASSWORD) as plane, serving(homes[1]) as other:
        run, second = client(plane, who), client(other, who)
        signed_in = client(plane)
        try:
            connection = connections(run, database)
            numbers = datastores(run, connection)
            config(run, second, numbers, database.password)
            sign_in(signed_in, plane)
        finally:
            text = "\n".join([*run.transcript, *second.transcript, *signed_in.transcript])
            for token in (*plane.tokens.values(), *other.tokens.values()):
                text = text.replace(token, "TOKEN")
            record_property("transcript", f"as {who}\n\n{text}")
        used = run.used | second.used | signed_in.used
        assert inventory(run) - used == set()
        for line in (*plane.log, *other.log):
            assert "internal fault" not in line
            assert database.password not in line
