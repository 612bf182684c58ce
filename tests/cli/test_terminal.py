"""Stages on a terminal: each as it ends, the one that runs, and what Ctrl-C leaves behind; in a pipe nothing of it."""

import re
import sqlite3
import threading
from contextlib import closing

import pytest

from tests.support import faults
from tests.support.terminals import Terminal, stderr_of

pytestmark = pytest.mark.slow  # each test starts processes


def words(port, *more):
    login = ("--username", "u", "--password", "p")
    return ("connections", "test", "-t", "postgresql", "--host", "127.0.0.1", "--port", str(port), *login, *more)


@pytest.fixture(autouse=True)
def plain(home, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("CLICOLOR_FORCE", raising=False)


def test_a_terminal_shows_each_stage_and_tells_a_failure_once():
    with faults.closed() as port:
        code, out, said = stderr_of(*words(port))
    assert code == 6
    assert out.startswith(b"connected: false\n")
    assert re.search("\x1b\\[32m✓\x1b\\[0m resolve [0-9.]+ ms\n", said)
    assert "\x1b[31m✗\x1b[0m tcp refused\n" in said
    assert "error:" not in said
    assert said.splitlines()[-1].startswith("hint: ")


def test_quiet_shows_no_stage_and_tells_the_failure_alone(run):
    with faults.closed() as port:
        code, out, said = stderr_of(*words(port), "--quiet")
    assert (code, out.partition(b"\n")[0]) == (6, b"connected: false")
    assert [line.partition(":")[0] for line in said.splitlines()] == ["error", "hint"]
    assert "\x1b" not in said


def test_color_wins_over_what_variables_say_of_stages(monkeypatch):
    with faults.closed() as port:
        assert "\x1b[3" not in stderr_of(*words(port), "--color", "never")[2]
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b[31m✗\x1b[0m tcp refused\n" in stderr_of(*words(port), "--color", "always")[2]


def test_a_pipe_gets_one_error_line_and_no_stage(run):
    with faults.closed() as port:
        refused = run(*words(port))
    assert [line.partition(":")[0] for line in refused.err.splitlines()] == ["error", "hint"]
    assert "\x1b" not in refused.err


@pytest.mark.parametrize(
    ("variable", "value", "shown"),
    [
        ("NO_COLOR", "1", "✗ tcp refused\n"),
        ("TERM", "dumb", "✗ tcp refused\n"),
        ("PYTHONIOENCODING", "ascii", "\x1b[31mfailed\x1b[0m tcp refused\n"),
        ("COLORFGBG", "0;15", "\x1b[31m✗\x1b[0m tcp refused\n"),
    ],
)
def test_colors_and_signs_follow_the_terminal(monkeypatch, variable, value, shown):
    monkeypatch.setenv(variable, value)
    with faults.closed() as port:
        said = stderr_of(*words(port))[2]
    assert shown in said
    assert ("\x1b[3" in said) == ("\x1b[3" in shown)
    assert value != "dumb" or "\x1b" not in said


def test_ctrl_c_says_what_it_stopped_ends_the_test_and_shows_the_cursor():
    left = threading.Event()

    def wait_for_the_end(peer, _over):
        while peer.recv(4_096):
            pass
        left.set()

    with faults.serving(wait_for_the_end) as port:
        terminal = Terminal(*words(port, "--timeout", "300"))
        terminal.read_until(b" tls ")  # it is drawn while it runs
        terminal.type("\x03")
        assert terminal.end() == 130
        assert left.wait(60)
    shown = terminal.shown.decode()
    assert "stopped the test at tls; nothing was changed" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
    assert "Traceback" not in shown


@pytest.mark.parametrize("verb", ["create", "update"])
def test_a_change_that_is_tested_first_shows_its_stages(run, verb):
    with faults.closed() as port:
        new = ("-t", "postgresql", "--host", "127.0.0.1", "--port", str(port), "--username", "u", "--password", "p")
        if verb == "update":
            assert run("connections", "create", *new, "--name", "prod").code == 0
            new = ("prod", "--username", "v")
        code, out, said = stderr_of("connections", verb, *new, "--test")
    assert (code, out) == (6, b"")
    assert said.splitlines()[0] == "note: ssl_mode is auto (default here)"
    assert re.search("\x1b\\[32m✓\x1b\\[0m resolve [0-9.]+ ms\n\x1b\\[31m✗\x1b\\[0m tcp refused\n", said)
    assert said.count("error: ") == 1


def test_a_connection_whose_test_passes_is_stored_after_its_stages(tmp_path):
    place = tmp_path / "sales.db"
    with closing(sqlite3.connect(place)) as database:
        database.execute("create table orders (id integer)")
    code, out, said = stderr_of("connections", "create", "-t", "sqlite", "--uri", str(place), "--test")
    assert (code, out[:6]) == (0, b"id: 1\n")
    assert re.fullmatch("(\x1b\\[32m✓\x1b\\[0m (open|query) [0-9.]+ ms\n){2}", said)


def test_ctrl_c_in_the_test_of_a_new_connection_stores_nothing(run):
    with faults.silent() as port:
        terminal = Terminal("connections", "create", *words(port, "--timeout", "300", "--test")[2:])
        terminal.read_until(b" tls ")
        terminal.type("\x03")
        assert terminal.end() == 130
    assert "stopped the test of the new connection at tls; nothing was changed" in terminal.shown.decode()
    assert run("connections", "list").out == "[]\n"


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("\n", 1), ("no\n", 1), ("\x04", 1)])
def test_a_deletion_by_name_asks_on_a_terminal(run, answer, code):
    new = (
        "connections",
        "create",
        "-t",
        "postgresql",
        "--host",
        "h",
        "--port",
        "5433",
        "--username",
        "u",
        "--password",
        "p",
    )
    assert run(*new, "--name", "prod").code == 0
    terminal = Terminal("connections", "delete", "prod")
    terminal.read_until(b"delete connection 1 'prod' (postgresql, h:5433)? [y/N] ")
    terminal.type(answer)
    assert terminal.end() == code
    assert (b"nothing was changed" in terminal.shown) == (code == 1)
    assert run("connections", "get", "prod").code == (3 if code == 0 else 0)


@pytest.mark.parametrize("words", [("--id", "1"), ("prod", "--yes"), ("--name", "prod", "--dry-run")])
def test_a_deletion_by_id_or_with_yes_asks_nothing(run, words):
    new = ("connections", "create", "-t", "postgresql", "--host", "h", "--username", "u", "--password", "p")
    assert run(*new, "--name", "prod").code == 0
    terminal = Terminal("connections", "delete", *words)
    assert terminal.end() == 0
    assert b"[y/N]" not in terminal.shown


def test_a_connection_in_use_is_refused_without_a_question(run):
    new = ("connections", "create", "-t", "postgresql", "--host", "h", "--username", "u", "--password", "p")
    assert run(*new, "--name", "prod").code == 0
    place = ("--connection-id", "1", "--database", "d", "--schema", "s")
    assert run("datastores", "create", "--name", "sales", *place).code == 0
    terminal = Terminal("connections", "delete", "prod")
    assert terminal.end() == 5
    assert b"[y/N]" not in terminal.shown
    asked = Terminal("datastores", "delete", "sales")
    asked.read_until(b"delete datastore 1 'sales' (postgresql, prod, d, s)? [y/N] ")
    asked.type("y\n")
    assert asked.end() == 0
