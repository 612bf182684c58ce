"""Questions on a terminal before what a user of a control plane cannot undo alone."""

import json

import pytest

from tests.support.terminals import Terminal


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


def test_ending_the_last_token_of_ones_own_asks_on_a_terminal_and_nowhere_else(robot, run, home):
    words = ("auth", "token", "revoke", "--id", str(robot))
    for answer, code in (("n\n", 1), ("y\n", 0)):
        terminal = Terminal(*words)
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
