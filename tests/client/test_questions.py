"""A control plane at a terminal: questions before what cannot be undone alone, stages, and Ctrl-C."""

import json
import re
import threading

import pytest

from tests.support import faults
from tests.support.terminals import Terminal, stderr_of


@pytest.fixture
def robot(remotely, fresh_plane, monkeypatch, home):
    """Sign in as a service account with one token; return its id."""
    name = "last-token"
    made = remotely("service-accounts", "create", "--name", name, "--role", "member", "--token", "-f", "json").json
    listed = remotely("auth", "token", "list", "--user", name, "-f", "json").json
    for variable, value in {**fresh_plane.environment("Admin"), "QUALYTICS_TOKEN": made["bearer_token"]}.items():
        monkeypatch.setenv(variable, value)
    yield listed[0]["id"]
    monkeypatch.undo()
    remotely("service-accounts", "delete", "--name", name)


def test_ctrl_c_ends_the_test_on_the_control_plane_too(fresh_plane, monkeypatch, home):
    left = threading.Event()

    def wait_for_the_end(peer, _over):
        while peer.recv(4_096):
            pass
        left.set()

    for name, value in fresh_plane.environment("Admin").items():
        monkeypatch.setenv(name, value)
    with faults.serving(wait_for_the_end) as port:
        address = ("--host", "127.0.0.1", "--port", str(port), "--username", "u", "--password", "p")
        terminal = Terminal("connections", "test", "-t", "postgresql", *address, "--timeout", "300")
        terminal.read_until(b" tls ")
        terminal.type("\x03")
        assert terminal.end() == 130
        assert left.wait(60)
    shown = terminal.shown.decode()
    assert "stopped the test at tls; nothing was changed" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
    assert "Traceback" not in shown


def test_the_stages_of_a_failed_test_before_a_change_are_shown(fresh_plane, monkeypatch, home):
    for name, value in fresh_plane.environment("Admin").items():
        monkeypatch.setenv(name, value)
    with faults.closed() as port:
        address = ("--host", "127.0.0.1", "--port", str(port), "--username", "u", "--password", "p")
        code, out, said = stderr_of("connections", "create", "-t", "postgresql", *address, "--test", "--color", "never")
    assert (code, out) == (6, b"")
    assert [line.partition(" ")[0] for line in said.splitlines()] == ["note:", "✓", "✗", "error:", "detail:", "hint:"]


def test_the_stages_of_a_change_on_a_control_plane_are_shown_as_they_end(fresh_plane, allowed_files, monkeypatch, home):
    for name, value in fresh_plane.environment("Admin").items():
        monkeypatch.setenv(name, value)
    new = ("-t", "sqlite", "--name", "files", "--uri", str(allowed_files / "sales.sqlite"))
    code, out, said = stderr_of("connections", "create", *new, "--test", "--color", "never")
    assert (code, out[:6]) == (0, b"id: 1\n")
    assert re.fullmatch("(✓ (open|query) [0-9.]+ ms\n){2}", said)


def test_ctrl_c_in_a_change_on_a_control_plane_never_says_that_nothing_was_changed(fresh_plane, monkeypatch, home):
    for name, value in fresh_plane.environment("Admin").items():
        monkeypatch.setenv(name, value)
    with faults.silent() as port:
        address = ("--host", "127.0.0.1", "--port", str(port), "--username", "u", "--password", "p")
        terminal = Terminal("connections", "create", "-t", "postgresql", *address, "--test", "--timeout", "300")
        terminal.read_until(b" tls ")
        terminal.type("\x03")
        assert terminal.end() == 130
    shown = terminal.shown.decode()
    assert "stopped the test of the new connection at tls; look at what is stored before you repeat it" in shown


def test_ending_the_last_token_of_ones_own_asks_on_a_terminal_and_nowhere_else(robot, run, home):
    for words, answer, code in (
        ((str(robot),), "n\n", 1),
        (("FIRST token",), "n\n", 1),
        (("--id", str(robot)), "y\n", 0),
    ):
        terminal = Terminal("auth", "token", "revoke", *words)
        terminal.read_until(b"is your last one, and ending it signs you out; end it? [y/N] ")
        terminal.type(answer)
        assert terminal.end() == code
    assert run("connections", "list").code == 4


@pytest.mark.parametrize("more", [("--yes",), ()])
def test_yes_answers_and_a_pipe_is_never_asked(robot, run, home, more):
    words = ("auth", "token", "revoke", "--id", str(robot), *more)
    if more:
        terminal = Terminal(*words)
        assert terminal.end() == 0
        assert b"[y/N]" not in terminal.shown
    else:
        done = run(*words, "-f", "json")
        assert (done.code, json.loads(done.out)["active"]) == (0, False)


def test_a_token_beside_another_is_ended_without_a_question(robot, run, home):
    other = run("auth", "token", "create", "--name", "other", "-f", "json").json["id"]
    terminal = Terminal("auth", "token", "revoke", "--id", str(other))
    assert terminal.end() == 0
    assert b"[y/N]" not in terminal.shown
