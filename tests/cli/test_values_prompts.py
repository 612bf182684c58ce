"""At a terminal: prompts that show nothing of what is typed."""

import json

import pytest

from tests.support.terminals import Terminal

pytestmark = pytest.mark.slow  # each test starts processes

SECRET = "tippsel-geheim-7"


def stored_secrets():
    from qualytics.service.context import Context
    from qualytics.settings import load

    with Context(load()) as context:
        return {name: secret.reveal() for name, secret in context.store.connections.secrets(1).items()}


def test_a_password_is_asked_for_without_showing_it(home):
    terminal = Terminal("connections", "create", "-t", "postgresql", "--host", "h", "--password", "-", "-f", "json")
    terminal.read_until(b"Password: ")
    terminal.type("  ${HOME} " + SECRET + "\n")
    assert terminal.end() == 0
    assert SECRET.encode() not in terminal.shown
    assert json.loads(terminal.shown.split(b"Password: ")[1])["password"] == "********"
    assert stored_secrets() == {"password": "  ${HOME} " + SECRET}
    assert not any(SECRET.encode() in path.read_bytes() for path in home.iterdir())


def test_a_bad_reference_is_told_before_anything_is_asked(home):
    terminal = Terminal("connections", "create", "-t", "postgresql", "--host", "${NO}", "--password", "-")
    assert terminal.end() == 2
    assert b"${NO} is not set" in terminal.shown
    assert b"Password" not in terminal.shown


@pytest.mark.parametrize(
    ("key", "code", "said"),
    [
        ("\x03", 130, b""),
        ("\x04", 2, b"error: no password was typed"),
        (
            "\n",
            2,
            b"error: no password was typed\r\nhint: run it again; where an empty one is meant, add --allow-empty",
        ),
    ],
)
def test_a_prompt_that_is_left_ends_the_command_and_stores_nothing(home, key, code, said):
    terminal = Terminal("connections", "create", "-t", "postgresql", "--host", "h", "--password", "-")
    terminal.read_until(b"Password: ")
    terminal.type(key)
    assert terminal.end() == code
    assert said in terminal.shown
    assert b"Traceback" not in terminal.shown
    assert not home.exists()


def test_an_empty_password_may_be_typed_where_it_is_said_to_be_meant(home):
    words = ("connections", "create", "-t", "postgresql", "--host", "h", "--password", "-", "--allow-empty")
    terminal = Terminal(*words)
    terminal.read_until(b"Password: ")
    terminal.type("\n")
    assert terminal.end() == 0
    assert stored_secrets() == {"password": ""}


def test_standard_input_is_not_read_from_a_terminal_where_it_would_show(home):
    terminal = Terminal("connections", "create", "-t", "postgresql", "--host", "h", "--password-stdin")
    assert terminal.end() == 2
    assert b"standard input is a terminal" in terminal.shown
    assert b"--password - asks for it without showing it" in terminal.shown
