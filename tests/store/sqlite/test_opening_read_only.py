"""A store on a read-only file system: it is read and tested with, and what would change it says what to do."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from tests.conftest import Result

pytestmark = pytest.mark.slow  # each command is a process in a namespace of its own
HINT = "hint: check the path and who may read and write it, or set QUALYTICS_CONFIG_HOME"
# The flags of /dev/shm, which nobody but its owner may take away, are given again.
_MOUNTED = 'mount --bind "$0" "$0" && mount -o remount,bind,ro,nosuid,nodev "$0" && exec "$@"'


@pytest.fixture
def read_only(run, home, tmp_path):
    """Return a function that runs one command on a store with a connection and a datastore, mounted read-only."""
    place = tmp_path / "sales.db"
    with closing(sqlite3.connect(place)) as database:
        database.execute("create table orders (id integer)")
    assert run("connections", "create", "-t", "sqlite", "--uri", place, "--name", "files").code == 0
    assert run("datastores", "create", "--name", "d", "--connection-id", "1", "--schema", "main").code == 0
    rootless = [] if os.geteuid() == 0 else ["--map-root-user"]

    def call(*words):
        program = [sys.executable, "-m", "qualytics", *words]
        command = ["unshare", "--mount", *rootless, "sh", "-c", _MOUNTED, str(home), *program]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        return Result(done.returncode, done.stdout, done.stderr)

    return call


def test_reading_and_testing_work(read_only, home):
    before = sorted((path.name, path.read_bytes()) for path in home.iterdir())
    why = f"the store {home / 'store.db'} cannot be written: its directory is read-only"
    assert read_only("connections", "get", "files").document["name"] == "files"
    assert "files" in read_only("connections", "list", "-f", "table").out
    assert read_only("datastores", "list").document[0]["name"] == "d"
    assert read_only("connections", "tables", "files", "--schema", "main").document["items"][0]["name"] == "orders"
    for words in (("connections", "test", "files"), ("datastores", "verify", "d")):
        tested = read_only(*words)
        assert (tested.code, tested.document["connected"]) == (0, True)
        assert tested.err == f"warning: the result of the test is not stored: {why}\n"
    for words in (("connections", "types", "sqlite"), ("connections", "test", "--help"), ("store", "check")):
        assert read_only(*words).code == 0
    assert sorted((path.name, path.read_bytes()) for path in home.iterdir()) == before


@pytest.mark.parametrize(
    "words",
    [
        ("connections", "create", "-t", "sqlite", "--uri", "/x.db"),
        ("connections", "update", "files", "--name", "other"),
        ("datastores", "delete", "--id", "1"),
        ("keys", "rotate"),
        ("auth", "use", "embedded"),
    ],
)
def test_what_would_change_it_says_what_to_do(read_only, words):
    refused = read_only(*words)
    assert (refused.code, refused.out) == (1, "")
    error, hint = [line for line in refused.err.splitlines() if not line.startswith("warning: ")]
    assert "read-only" in error.lower()
    assert hint == HINT


def test_a_copy_without_its_lock_is_read_and_tested_with_too(read_only, home):
    (home / "store.lock").unlink()
    assert read_only("connections", "get", "files").document["name"] == "files"
    assert read_only("connections", "test", "files").document["connected"]
    refused = read_only("keys", "rotate")
    assert refused.code == 1
    assert HINT in refused.err
    (home / "store.db").unlink()
    assert read_only("connections", "list").err.splitlines() == [
        f"error: {home / '.store.db.tmp'}: Read-only file system",
        HINT,
    ]


def test_the_doctor_says_what_fails(read_only, home):
    report = read_only("doctor", "-f", "json")
    assert report.code == 1
    failed = [check for check in json.loads(report.out)["checks"] if not check["ok"]]
    assert [(check["name"], check["found"]) for check in failed] == [("home", f"{home}: Read-only file system")]


def test_what_another_process_has_in_its_log_is_read_too(read_only, home, run):
    # Another process has the store open: its changes are in the log, not yet in the file.
    with closing(sqlite3.connect(home / "store.db")) as other:
        other.execute("select count(*) from connections").fetchone()
        assert run("connections", "update", "files", "--name", "renamed").code == 0
        assert (home / "store.db-wal").stat().st_size > 0
        assert read_only("connections", "get", "--id", "1").document["name"] == "renamed"
