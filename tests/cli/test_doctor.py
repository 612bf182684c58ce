"""The doctor: one document on stdout, exit 1 when a check fails, and drivers that are missing, broken or stuck."""

import importlib.metadata
import json
import os
import stat
import subprocess
import sys

import pytest

from qualytics.connectors import all_connectors
from qualytics.service import doctor

pytestmark = pytest.mark.slow  # it looks at every driver that is installed


def checks(result):
    return {check["name"]: check for check in result.json["checks"]}


def of_type(result, name):
    return next(found for found in result.json["types"] if found["type"] == name)


def test_a_fresh_machine_is_well_and_nothing_is_made(run, home):
    result = run("doctor", "--format", "json")
    assert result.code == 0
    assert "error:" not in result.err
    assert list(result.json) == ["checks", "types"]
    assert list(checks(result)) == ["python_version", "sqlite_version", "roots", "host_name", "home", "store", "key"]
    assert all(check["ok"] for check in result.json["checks"])
    assert checks(result)["store"]["found"].endswith("is not made yet")
    assert not home.exists()


def test_every_type_is_listed_with_its_driver(run):
    result = run("doctor", "--format", "json")
    assert [found["type"] for found in result.json["types"]] == [one.type for one in all_connectors()]
    keys = ["type", "driver", "installed", "version", "importable", "install", "java"]
    assert all(list(found) == keys for found in result.json["types"])
    assert of_type(result, "postgresql") == {
        "type": "postgresql",
        "driver": "psycopg",
        "installed": True,
        "version": importlib.metadata.version("psycopg"),
        "importable": None,
        "install": "pip install 'qualytics[postgresql]'",
        "java": None,
    }


def test_a_store_in_use_is_well(run, home):
    run("connections", "create", "-t", "postgresql", "--host", "h", "--password", "secret word")
    result = run("doctor", "--format", "json")
    assert result.code == 0
    assert checks(result)["home"]["found"] == f"{home}, mode 0700"
    assert checks(result)["store"]["found"] == f"{home}/store.db, mode 0600"
    assert checks(result)["key"]["found"] == f"{home}/key"


@pytest.mark.parametrize(
    ("harm", "name", "found", "hint"),
    [
        (lambda home: (home / "key").unlink(), "key", "there is a store, but no key at {home}/key", "put the key"),
        (lambda home: (home / "key").chmod(0o644), "key", "other users can read {home}/key", "chmod 600 {home}/key"),
        (lambda home: (home / "key").write_text("x"), "key", "{home}/key does not hold a key", "put the right key"),
        (
            lambda home: (home / "store.db").chmod(0o644),
            "store",
            "{home}/store.db has mode 0644",
            "chmod 600 {home}/st",
        ),
        (lambda home: home.chmod(0o755), "home", "{home} has mode 0755", "chmod 700 {home}"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do_and_left_as_it_is(run, home, harm, name, found, hint):
    run("connections", "create", "-t", "postgresql", "--host", "h", "--password", "secret word")
    harm(home)
    before = {path: stat.S_IMODE(os.lstat(path).st_mode) for path in (home, *home.iterdir())}
    result = run("doctor", "--format", "json")
    assert result.code == 1
    assert [check["name"] for check in result.json["checks"] if not check["ok"]] == [name]
    error, advice = result.err.splitlines()
    assert error.startswith(f"error: {name}: {found.format(home=home)}")
    assert advice.startswith(f"hint: {hint.format(home=home)}")
    assert {path: stat.S_IMODE(os.lstat(path).st_mode) for path in (home, *home.iterdir())} == before


def test_links_in_the_place_of_home_and_store_fail(run, home, tmp_path):
    home.parent.mkdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    home.symlink_to(tmp_path / "elsewhere")
    assert checks(run("doctor", "-f", "json"))["home"]["found"] == f"{home} is not a directory"


def test_missing_roots_fail(run, tmp_path):
    (tmp_path / "roots.pem").write_text("no certificate")
    result = run("doctor", "-f", "json", env={"SSL_CERT_FILE": str(tmp_path / "roots.pem")})
    assert result.code == 1
    assert checks(result)["roots"]["found"] == f"{tmp_path}/roots.pem cannot be read"


def test_a_key_in_the_environment_is_named_and_never_shown(run):
    key = run("keys", "generate").out.strip()
    result = run("doctor", "--format", "json", "--debug", env={"QUALYTICS_KEY": key})
    assert checks(result)["key"]["found"] == "QUALYTICS_KEY"
    assert key not in result.out + result.err


def test_drivers_are_imported_on_demand(run):
    result = run("doctor", "--import", "--format", "json")
    assert result.code == 0
    assert {found["type"]: found["importable"] for found in result.json["types"] if found["installed"]} == {
        found["type"]: True for found in result.json["types"] if found["installed"]
    }


@pytest.mark.parametrize(
    ("body", "within_s", "loads"),
    [
        ("", 30.0, True),
        ("raise ImportError('libodbc.so.2 is missing')", 30.0, False),
        ("import os; os.abort()", 30.0, False),
        ("import os; os.write(1, b'noise'); os.write(2, b'noise')", 30.0, True),
        ("while True: pass", 0.5, False),
    ],
)
def test_a_driver_that_does_not_load_harms_nobody(tmp_path, monkeypatch, body, within_s, loads):
    (tmp_path / "strange_driver.py").write_text(body)
    monkeypatch.syspath_prepend(tmp_path)
    assert doctor.importable("strange_driver", within_s) is loads


def test_without_the_flag_no_driver_is_imported(home):
    script = (
        "import sys; from qualytics.cli import main; main(['doctor']); sys.stdout.flush(); "
        "print([name for name in ('psycopg', 'pymysql', 'duckdb', 'snowflake.connector') if name in sys.modules], "
        "file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stderr.replace("'", '"')) == []


@pytest.mark.parametrize(
    ("hosts", "listed"),
    [
        ("127.0.0.1 localhost\n127.0.1.1\tbuild-7.example.com build-7\n", True),
        ("127.0.1.1 BUILD-7", True),
        ("::1 build-7 # ours", True),
        ("127.0.0.1 localhost # build-7", False),
        ("build-7 127.0.0.1", False),
        ("127.0.1.1 build-77", False),
        ("", False),
    ],
)
def test_a_name_is_found_in_a_hosts_file_as_the_system_finds_it(hosts, listed):
    assert doctor.lists(hosts, "build-7") is listed


def test_a_machine_that_does_not_know_its_own_name_is_warned(home):
    name = "no-such-machine.invalid"
    program = "import socket, sys; socket.sethostname(sys.argv[1]); from qualytics.cli import main; sys.exit(main(['doctor', '-f', 'json']))"  # noqa: E501 - a program in one line
    done = subprocess.run(
        ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--uts", sys.executable, "-c", program, name],
        capture_output=True,
        text=True,
        check=True,
    )
    found = next(check for check in json.loads(done.stdout)["checks"] if check["name"] == "host_name")
    assert found["ok"] is True
    warning, hint = done.stderr.splitlines()
    assert warning.startswith(f"warning: host_name: {name} does not resolve without a name server; tests of sqlserver")
    assert hint == f"hint: add the line to /etc/hosts: 127.0.1.1 {name}"


JAVA = """#!/bin/sh
[ "$1" = -version ] || exit 9
printf '%s\\n' {said} >&2
exit {code}
"""


def java_of(run, place, body):
    program = place / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(body)
    program.chmod(0o755)
    return of_type(run("doctor", "-f", "json", env={"JAVA_HOME": str(place)}), "jdbc")["java"]


def test_the_java_of_a_type_that_needs_it_is_asked_for_its_version(run, tmp_path):
    said = java_of(run, tmp_path / "jdk", JAVA.format(said="'openjdk version \"21.0.4\"' 'more'", code=0))
    assert said == 'openjdk version "21.0.4"'
    assert of_type(run("doctor", "-f", "json"), "postgresql")["java"] is None


def test_a_java_that_does_not_start_is_none(run, tmp_path):
    assert java_of(run, tmp_path / "broken", JAVA.format(said="'no such library'", code=1)) is None
    assert java_of(run, tmp_path / "no-program", "\0") is None


def test_without_java_home_the_java_of_the_path_counts(run, tmp_path):
    program = tmp_path / "java"
    program.write_text(JAVA.format(said="'java of the path'", code=0))
    program.chmod(0o755)
    env = {"JAVA_HOME": "", "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert of_type(run("doctor", "-f", "json", env=env), "jdbc")["java"] == "java of the path"
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    env = {"JAVA_HOME": str(nothing), "PATH": str(nothing)}
    assert of_type(run("doctor", "-f", "json", env=env), "jdbc")["java"] is None
