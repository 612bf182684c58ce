"""`qualytics config` in one contract: what is exported, planned and applied, on either store."""

import json

import pytest

from qualytics.packed import PackedList
from tests.support.refused_commands import check

CANARY = "c4n4ry-s3cr3t-Zq9"
PG = ("connections", "create", "-t", "postgresql", "--host", "db.example.com", "--username", "app")
CONTENT = """\
# yaml-language-server: $schema=../.schema/postgresql.json
name: Prod DB
tags: []
owner: null
type: postgresql
host: db.example.com
port: null
username: app
password: ${PROD_DB_PASSWORD}
passphrase: null
parameters: null
jdbc_fetch_size: null
max_parallelization: null
secrets_manager: null
"""


@pytest.fixture
def exported(commands, tmp_path):
    """Return a folder that a connection and a datastore were exported to."""
    assert commands(*PG, "--name", "Prod DB", "--password", CANARY).code == 0
    place = ("--connection-name", "Prod DB", "--database", "sales", "--schema", "public")
    assert commands("datastores", "create", "--name", "marts", *place).code == 0
    assert commands("config", "export", "--output", str(tmp_path / "config")).code == 0
    return tmp_path / "config"


def test_a_folder_has_a_file_for_each_record_and_no_secret(commands, exported):
    assert (exported / "connections" / "prod_db.yaml").read_text() == CONTENT
    row = (exported / "datastores" / "marts" / "_datastore.yaml").read_text()
    assert "connection_name: Prod DB\ndatabase: sales\nschema: public\n" in row
    again = commands("config", "export", "--output", str(exported), "-f", "json")
    counts = {"connections": 1, "datastores": 1, "written": 0, "unchanged": 2, "others": []}
    assert json.loads(again.out) == {"folder": str(exported), **counts}
    assert not [path for path in exported.rglob("*") if path.is_file() and CANARY in path.read_text()]


def test_filters_choose_connections_and_the_datastores_on_them(commands, exported, tmp_path):
    assert commands(*PG, "--name", "other").code == 0
    done = commands("config", "export", "--output", str(tmp_path / "some"), "--name", "OTH", "-f", "json")
    assert [json.loads(done.out)[key] for key in ("connections", "datastores")] == [1, 0]
    done = commands("config", "export", "--output", str(exported), "--type", "mysql", "-f", "json")
    assert json.loads(done.out)["others"] == ["connections/prod_db.yaml", "datastores/marts/_datastore.yaml"]


FILTERS = [
    (("--tag", "Finance"), ["a", "b"]),
    (("--tag", "finance", "--tag", "eu"), ["a"]),
    (("--owner", "DATA-team"), ["b"]),
    (("--tag", "finance", "--owner", "data-team", "--name", "B"), ["b"]),
    (("--tag", "none"), []),
]


def test_tags_and_owners_choose_what_is_exported_as_they_choose_what_is_listed(commands, tmp_path):
    assert commands(*PG, "--name", "a", "--tag", "finance", "--tag", "eu").code == 0
    assert commands(*PG, "--name", "b", "--tag", "finance", "--owner", "data-team").code == 0
    assert commands(*PG, "--name", "c").code == 0
    for number, (filters, names) in enumerate(FILTERS):
        folder = tmp_path / str(number)
        done = commands("config", "export", "--output", str(folder), *filters, "-f", "json")
        assert (done.code, json.loads(done.out)["connections"]) == (0, len(names))
        assert sorted(path.stem for path in (folder / "connections").glob("*")) == names
        listed = json.loads(commands("connections", "list", *filters, "-f", "json").out)
        assert [one["name"] for one in listed] == names


def test_a_plan_shows_what_apply_then_does_and_exits_with_7_while_it_is_pending(commands, exported):
    secret = {"PROD_DB_PASSWORD": CANARY}
    done = commands("config", "plan", str(exported), "--exit-code", "-f", "json", env=secret)
    assert (done.code, json.loads(done.out)["unchanged"]) == (0, 2)
    path = exported / "connections" / "prod_db.yaml"
    path.write_text(CONTENT.replace("db.example.com", "new.example.com"))
    changed = {"PROD_DB_PASSWORD": CANARY + "2"}
    done = commands("config", "plan", str(exported), "--exit-code", "-f", "json", env=changed)
    document = json.loads(done.out)
    fields = [(one["name"], one["before"], one["after"], one["secret"]) for one in document["changes"][0]["fields"]]
    host = ("host", "db.example.com", "new.example.com", None)
    assert (done.code, fields) == (7, [host, ("password", None, None, "changed")])
    assert document["references"] == ["PROD_DB_PASSWORD"]
    check(commands("config", "apply", str(exported), env=changed), 2, "--yes is missing", "look at the plan")
    done = commands("config", "apply", str(exported), "--yes", "-f", "json", env=changed)
    assert (done.code, json.loads(done.out)) == (0, document)
    assert CANARY not in done.out + done.err
    done = commands("config", "apply", str(exported), "-f", "json", env=changed)
    assert (done.code, json.loads(done.out)["unchanged"]) == (0, 2)


def test_every_fault_is_told_at_once_in_the_order_of_files_and_the_rest_is_planned(commands, exported):
    (exported / "connections" / "a.yaml").write_text("name: a\ntype: mysql\nhost: h\nprot: 1\npassword: ${UNSET}\n")
    (exported / "connections" / "b.yaml").write_text("name: b\ntype: postgresql\nhost: h\nhots: x\n")
    (exported / "connections" / "c.yaml").write_text("name: c\ntype: postgresql\nhost: h\n")
    done = commands("config", "plan", str(exported), "-f", "json")
    assert (done.code, [one["name"] for one in json.loads(done.out)["changes"]]) == (2, ["c"])
    folder = f"error: {exported}/connections"
    assert done.err.splitlines() == [
        f"{folder}/a.yaml:4: prot is not a field",
        "hint: did you mean port?",
        f"{folder}/a.yaml:5: password: ${{UNSET}} is not set",
        "hint: export UNSET=… or use --env-file",
        f"{folder}/b.yaml:4: hots is not a field",
        "hint: did you mean host?",
        f"{folder}/prod_db.yaml:9: password: ${{PROD_DB_PASSWORD}} is not set",
        "hint: export PROD_DB_PASSWORD=… or use --env-file",
    ]
    done = commands("config", "apply", str(exported), "--yes")
    assert (done.code, done.out) == (2, "")
    assert len(json.loads(commands("connections", "list", "-f", "json").out)) == 1


def test_prune_deletes_what_the_folder_does_not_hold_and_nothing_while_a_file_has_a_fault(commands, exported):
    assert commands(*PG, "--name", "old").code == 0
    done = commands("config", "plan", str(exported), "--prune", "-f", "json")
    assert (done.code, json.loads(done.out)["delete"]) == (2, 0)
    secret = {"PROD_DB_PASSWORD": CANARY}
    done = commands("config", "apply", str(exported), "--prune", "--yes", "-f", "json", env=secret)
    changes = [(one["action"], one["name"]) for one in json.loads(done.out)["changes"]]
    assert (done.code, changes) == (0, [("delete", "old")])


def test_what_only_conflicts_with_what_is_stored_exits_with_5(commands, exported):
    assert commands(*PG, "--name", "old").code == 0
    place = ("--connection-name", "old", "--database", "sales", "--schema", "dq")
    assert commands("datastores", "create", "--name", "results", *place).code == 0
    for path in (exported / "datastores" / "marts", exported / "datastores"):
        for inner in path.glob("*.yaml"):
            inner.unlink()
        path.rmdir()
    secret = {"PROD_DB_PASSWORD": CANARY}
    for words in (("plan",), ("apply", "--yes")):
        done = commands("config", *words, str(exported), "--prune", env=secret)
        assert (done.code, "connection 'old' is used by 1 datastore" in done.err) == (5, True)
    (exported / "connections" / "b.yaml").write_text("name: b\ntype: mysql\n")
    assert commands("config", "plan", str(exported), "--prune", env=secret).code == 2


@pytest.fixture
def files(tmp_path):
    """Return a function that writes connections of SQLite, by name and path, as files of a folder."""
    folder = tmp_path / "files"

    def call(**paths):
        for name, path in paths.items():
            place = folder / "connections" / f"{name}.yaml"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(f"name: {name}\ntype: sqlite\nuri: {path}\n")
        return str(folder)

    return call


def history(commands, name):
    return [test["connected"] for test in json.loads(commands("connections", "history", name, "-f", "json").out)]


@pytest.mark.slow
def test_what_is_new_or_changed_is_tested_first_and_nothing_is_applied_when_one_fails(commands, files, allowed_files):
    good = allowed_files / "sales.sqlite"
    apply = ("--test", "--yes", "-f", "json")
    done = commands("config", "apply", files(a=good, b=good), *apply)
    assert (done.code, json.loads(done.out)["create"]) == (0, 2)
    assert history(commands, "a") == [True]
    assert commands("connections", "test", "a").code == 0
    assert commands("config", "apply", files(a=good, b=allowed_files / "other.sqlite"), "--yes").code == 0
    assert commands("config", "apply", files(a=good, b=good), *apply).code == 0
    assert [history(commands, name) for name in "ab"] == [[True, True], [True, True]]
    assert json.loads(commands("connections", "get", "b", "-f", "json").out)["product_name"] == "SQLite"
    listed = json.loads(commands("connections", "list", "--state", "works", "-f", "json").out)
    assert [one["name"] for one in listed] == ["a", "b"]
    damaged = allowed_files / "odd.sqlite"
    done = commands("config", "apply", files(b=damaged, c=damaged), *apply)
    reports = json.loads(done.out)
    assert (done.code, [(one["id"], one["name"], one["type"]) for one in reports]) == (
        *(6, [(2, "b", "sqlite"), (None, "c", "sqlite")]),
    )
    assert [one["connected"] for one in reports] == [False, False]
    assert done.err.splitlines()[-1] == "error: nothing was applied: 2 of 2 tests failed"
    assert "error: the test of connection 'b' failed at query" in done.err
    stored = json.loads(commands("connections", "list", "-f", "json").out)
    assert [(one["name"], one["uri"]) for one in stored] == [("a", str(good)), ("b", str(good))]
    done = commands("config", "apply", files(b=damaged, c=damaged), "--test", "--yes", "-f", "table")
    assert (done.code, done.out.split()[:4]) == (6, ["ID", "NAME", "TYPE", "RESULT"])
    assert [history(commands, name) for name in "ab"] == [[True, True], [True, True]]  # of values that are stored
    check(commands("config", "apply", files(c=good), "--timeout", "5"), 2, "--timeout is for --test", "add --test")


@pytest.mark.servers
def test_a_test_before_an_apply_has_the_secrets_of_the_file_and_else_those_that_are_stored(
    commands, exported, postgres_server
):
    server = {"type": "postgresql", "host": "127.0.0.1", "port": postgres_server.port, "username": postgres_server.user}
    path = exported / "connections" / "prod_db.yaml"
    content = {"name": "Prod DB", **server, "password": "${PW}", "parameters": {"ssl_mode": "require"}}
    apply = ("config", "apply", str(exported), "--test", "--yes", "-f", "json")
    path.write_text(json.dumps(content))
    assert commands(*apply, env={"PW": postgres_server.password}).code == 0
    path.write_text(json.dumps(content | {"max_parallelization": 7}))
    done = commands(*apply, env={"PW": CANARY})
    assert (done.code, [one["class"] for one in json.loads(done.out)]) == (6, ["auth"])
    assert CANARY not in done.out + done.err
    path.write_text(json.dumps(content | {"max_parallelization": 7, "password": None}))
    assert commands(*apply).code == 0
    path.write_text(json.dumps(content | {"parameters": {"ssl_mode": "verify"}, "password": None}))
    done = commands(*apply)
    assert (done.code, [one["class"] for one in json.loads(done.out)]) == (6, ["tls"])


def test_changes_are_taken_one_by_one_of_resources_that_are_packed(client):
    resources, changes = PackedList(), []
    for number in range(3):
        resources.append({"name": f"n{number}", "type": "postgresql", "host": "db.example.com"})
    whole = client.config.plan({"connections": [*resources]})
    for verb in (client.config.plan, client.config.apply):
        done = verb({"connections": resources}, on_change=changes.append)
        assert {**done, "changes": changes} == whole
        assert done["changes"] == []
        changes.clear()
    assert client.config.plan({"connections": resources})["unchanged"] == 3
