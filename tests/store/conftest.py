"""Fixtures of the store's tests: settings with a short patience, filled stores, processes that start together."""

import os
import sqlite3
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from qualytics.client.local import LocalClient
from qualytics.secret import Secret
from qualytics.settings import Settings
from qualytics.store import open_store

CRASH = Path(__file__).with_name("crash.py")


def pytest_configure(config):
    config.addinivalue_line("markers", "both_stores: runs on the embedded store and on PostgreSQL")


def pytest_generate_tests(metafunc):
    if metafunc.definition.get_closest_marker("both_stores"):
        stores = ["embedded", pytest.param("postgresql", marks=pytest.mark.servers)]
        metafunc.parametrize("settings", stores, indirect=True)


@pytest.fixture
def settings(home, request) -> Settings:
    """Return settings of the fresh home; nobody is waited for longer than a moment."""
    found = Settings(home=home, busy_s=0.2)
    if getattr(request, "param", "embedded") == "embedded":
        return found
    return request.getfixturevalue("on_postgres")(found)


@pytest.fixture
def raw():
    """Return a function that runs one statement on the database of a store, past every rule, and returns rows."""

    def run(settings: Settings, sql: str, *arguments: object) -> list[tuple]:
        if settings.store_url is None:
            with closing(sqlite3.connect(settings.store_path)) as database, database:
                return database.execute(sql, arguments).fetchall()
        import psycopg

        with psycopg.connect(settings.store_url.reveal()) as database:
            cursor = database.execute(sql.replace("?", "%s"), arguments)
            return cursor.fetchall() if cursor.description else []

    return run


@pytest.fixture
def filled(settings) -> Settings:
    """Return settings of a store with three connections that have secrets, and a datastore on the first."""
    with LocalClient(settings) as client:
        for number in (1, 2, 3):
            client.connections.create(
                {
                    "type": "postgresql",
                    "name": f"c{number}",
                    "host": "h",
                    "username": "u",
                    "password": f"canary-{number}",
                }
            )
        client.datastores.create({"name": "d", "connection_id": 1, "database": "x", "schema": "y"})
    return settings


@pytest.fixture
def secrets_of():
    """Return a function that opens the passwords of a store: {name: text}."""

    def read(settings: Settings) -> dict[str, str]:
        with open_store(settings) as store:
            found = list(store.connections.select())
            return {one.name: store.connections.secrets(one.id)["password"].reveal() for one in found}

    return read


@pytest.fixture
def seal_count():
    """Return a function that writes many connections with a secret in one transaction."""

    def write(settings: Settings, count: int) -> None:
        with open_store(settings) as store, store.writing():
            for number in range(count):
                name, secret = f"n{number}", Secret(f"canary-{number}")
                store.connections.insert(
                    name, name, "postgresql", {"host": "h", "username": "u"}, {"password": secret}, "now"
                )

    return write


@pytest.fixture
def mounted(tmp_path):
    """Return a function that mounts a small tmpfs of some options on a new directory."""
    places = []

    def mount(options: str) -> Path:
        place = tmp_path / f"mount{len(places)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("only root with the right to mount can do this")
        places.append(place)
        return place

    yield mount
    for place in places:
        subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def crash(home):
    """Return a function that runs one scenario of crash.py in a process of its own and returns what it printed."""

    def run(*args: str, env: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            [sys.executable, str(CRASH), *map(str, args)],
            capture_output=True,
            text=True,
            env={**os.environ, **(env or {})},
            timeout=500,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    return run


# Forks a process for each pipe, when all is imported: to import it in each cost more than most of what they are for.
_FORKING = """
import os, sys, qualytics, qualytics.client.local
if "QUALYTICS_STORE" in os.environ:
    import qualytics.store.postgres.opening
text, gate, *outputs = sys.argv[1:]
for number, output in enumerate(outputs):
    if os.fork() == 0:
        break
else:
    for output in outputs:
        os.close(int(output))
    print("ready", flush=True)
    sys.exit(any([os.wait()[1] for _ in outputs]))
os.dup2(int(output), 1)
for output in outputs:
    os.close(int(output))
sys.argv[1:] = [str(number)]
os.read(int(gate), 1)
exec(text)
"""


@pytest.fixture
def together(home):
    """Return a function that starts many processes of one Python text, lets all go at once, and returns their outputs.

    All are there when the first begins; a text that reads stdin to its end waits there until all have printed a line.
    """

    def run(text: str, count: int) -> list[str]:
        (gate, opened), outputs = os.pipe(), [os.pipe() for _ in range(count)]
        theirs = [gate, *(writing for _, writing in outputs)]
        command = [sys.executable, "-c", _FORKING, text, *map(str, theirs)]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        with subprocess.Popen(command, text=True, pass_fds=theirs, **pipes) as parent, ExitStack() as stack:
            for descriptor in theirs:
                os.close(descriptor)
            files = [stack.enter_context(open(reading)) for reading, _ in outputs]
            assert parent.stdout.readline() == "ready\n"
            os.close(opened)
            lines = [file.readline() for file in files]
            parent.stdin.close()
            found = [line + file.read() for line, file in zip(lines, files, strict=True)]
            assert (parent.stderr.read(), parent.wait(100)) == ("", 0)
        return found

    return run
