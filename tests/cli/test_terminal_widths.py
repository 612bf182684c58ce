"""What terminals of 40, 80 and 200 columns show, in tmux."""

import os
import re
import shlex
import sqlite3
import subprocess
from contextlib import closing

import pytest

from testbed import shells
from tests.support.terminals import PROGRAM, stdout_of

pytestmark = pytest.mark.slow
HOST = "warehouse-primary.eu-central-1.databases.example.com"
TABLES = [
    ("connections", "list", "-f", "table"),
    ("connections", "list", "-f", "wide"),
    ("connections", "get", "warehouse", "-f", "table"),
    ("connections", "test", "files", "-f", "table"),
    ("connections", "test", "gone", "-f", "table", "--quiet"),
    ("connections", "test", "--help"),
    ("connections", "--help"),
]


@pytest.fixture
def stored(run, tmp_path, monkeypatch):
    place = tmp_path / "sales.db"
    with closing(sqlite3.connect(place)) as database:
        database.execute("create table orders (id integer)")
    run(
        "connections",
        "create",
        "-t",
        "postgresql",
        "--host",
        HOST,
        "--port",
        "5432",
        "--username",
        "u",
        "-n",
        "warehouse",
    )
    run("connections", "create", "-t", "sqlite", "--uri", place, "-n", "files")
    run("connections", "create", "-t", "sqlite", "--uri", tmp_path / "none.db", "-n", "gone")
    for name in ("NO_COLOR", "CLICOLOR_FORCE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def screen(tmp_path):
    """Return a function that runs a command in a terminal so wide and returns its lines, wrapped and joined."""
    tmux = [shells.tmux(), "-S", str(tmp_path / "tmux"), "-f", "/dev/null"]

    def call(*args):
        # The environment as Python has it: readline gives that of the process a COLUMNS of its own.
        env = {**os.environ, "TERM": "xterm"}
        return subprocess.run([*tmux, *args], env=env, capture_output=True, text=True, timeout=60, check=True).stdout

    def show(columns, *words):
        command = f"{shlex.join([*PROGRAM, *words])} 2>&1; {shlex.join(tmux)} wait-for -S done; exec sleep 600"
        call("new-session", "-d", "-x", str(columns), "-y", "300", command)
        call("wait-for", "done")
        wrapped, joined = (call("capture-pane", "-p", *how).rstrip().splitlines() for how in ((), ("-J",)))
        call("kill-server")
        return wrapped, [line.rstrip() for line in joined]

    return show


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("words", TABLES, ids=" ".join)
def test_no_row_wraps(stored, screen, words, columns):
    wrapped, joined = screen(columns, *words)
    if "--quiet" in words:  # an error and its hint are prose, which the terminal wraps
        joined = joined[: next(number for number, line in enumerate(joined) if line.startswith("error: "))]
    assert joined
    assert wrapped[: len(joined)] == joined


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_what_is_cut_shows_it(stored, screen, columns):
    wrapped, _ = screen(columns, "connections", "list", "-f", "table")
    (row,) = (line for line in wrapped if line.startswith("1 "))
    assert (f"{HOST}:5432" in row) == (columns == 200)
    assert ("…" in row) == (columns < 200)


@pytest.mark.parametrize("background", ["0;15", "15;0"])
def test_colours_are_those_that_every_background_shows(stored, monkeypatch, background):
    monkeypatch.setenv("COLORFGBG", background)
    monkeypatch.setenv("TERM", "xterm-256color")
    for words in TABLES:
        assert {*re.findall("\x1b\\[([0-9;]*)m", stdout_of(*words)[2])} <= {"0", "1", "2", "31", "32"}
