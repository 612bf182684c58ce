"""A password is in nothing that a read writes, says or keeps, and in nothing that other programs see of it."""

import json
import os
import secrets
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from psycopg import sql

from testbed import servers

pytestmark = pytest.mark.servers

# In each form that a URL, a shell or a message would give it.
CANARY = secrets.token_hex(12)
PASSWORD = f"{CANARY} @:/?#%41'\"\\${{X}}é"


@pytest.fixture
def stored(run, postgres_server):
    """Return the options of a connection of a role whose password nothing may show."""
    role = f"reader_{os.getpid()}"
    with closing(servers.postgres_admin(postgres_server)) as admin:
        name = sql.Identifier(role)
        admin.execute(sql.SQL("drop role if exists {}").format(name))
        admin.execute(sql.SQL("create role {} login password {}").format(name, sql.Literal(PASSWORD)))
    where = ("--host", "127.0.0.1", "--port", postgres_server.port, "--parameters", '{"ssl_mode": "disable"}')
    given = ("--type", "postgresql", "--name", "pg", *where, "--username", role, "--password-stdin")
    assert run("connections", "create", *given, stdin=PASSWORD.encode()).code == 0
    return ("connections", "read", "pg", "--database", "sales")


def said(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("form", ["parquet", "arrow", "csv", "jsonl"])
def test_neither_a_file_nor_its_receipt_has_it(run, stored, tmp_path, form):
    folder = tmp_path / "out"
    folder.mkdir()
    options = ("--parallel", 2, "--output", folder / f"n.{form}", "--receipt", folder / "receipt.json", "--verify")
    done = run(*stored, "--sql", "select n from generate_series(1, 100) n", "--partition-column", "n", *options)
    assert done.code == 0, done.err
    assert json.loads((folder / "receipt.json").read_text())["rows"] == 100
    assert len(said(folder)) == 2
    for text in (done.out, done.err, *said(folder).values()):
        assert CANARY not in str(text)


@pytest.mark.parametrize(
    "options",
    [
        ("--table", "nowhere"),
        ("--sql", f"select '{CANARY}'::int"),
        ("--sql", f"select nullif('{CANARY}', n::text)::int from generate_series(1, 9) n"),
        ("--table", "pg_class", "--where", f"relname = {CANARY}"),
    ],
)
def test_a_failure_does_not_say_it(run, stored, home, tmp_path, options):
    done = run(*stored, *options, "--debug", "--output", tmp_path / "n.csv")
    assert done.code == 1, done.err
    assert CANARY not in done.out + done.err
    kept = [path for path in home.rglob("*") if path.is_file()]
    assert kept
    assert all(CANARY.encode() not in path.read_bytes() for path in kept)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc shows what others see")
def test_neither_arguments_nor_environments_have_it(stored):
    endless = "select n from generate_series(1, 1000000000) n"
    command = [sys.executable, "-m", "qualytics", *stored, "--sql", endless, "--output", "-", "--format", "csv"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        try:
            assert program.stdout.readline() == b'"n"\n'
            processes = family(program.pid)
            assert len(processes) > 1
            seen = [
                (path / name).read_bytes() for path in processes for name in ("cmdline", "environ") if path.is_dir()
            ]
        finally:
            program.kill()
    assert all(CANARY.encode() not in one for one in seen)


def family(pid):
    """Return the folders of a process and of all that it has started."""
    parents = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                parents[path] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    found = [Path(f"/proc/{pid}")]
    for one in found:
        found += [path for path, parent in parents.items() if parent == int(one.name)]
    return found
