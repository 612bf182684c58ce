"""A refused login says what nobody sees at the ends of its secret, and nothing else of it."""

import pytest

from qualytics.probe import Plan, run
from qualytics.probe.parent.secret_edges import edges_hint
from qualytics.secret import Secret

KEY = "-----BEGIN X-----\nabc\n-----END X-----\n"


@pytest.mark.parametrize("name", ["password", "passphrase", "access_key", "secret_key"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("horse\n", "ends with a line end"),
        ("horse\r", "ends with a line end"),
        ("horse\r\n", "ends with a line end"),
        ("horse \n", "ends with a line end"),
        ("\nhorse", "begins with a line end"),
        ("horse\u2028", "ends with a line end"),
        ("horse ", "ends with a blank"),
        ("horse\t", "ends with a blank"),
        ("horse\u00a0", "ends with a blank"),
        (" horse", "begins with a blank"),
        ("\ufeffhorse", "begins with a character that cannot be seen"),
        ("horse\u200b", "ends with a character that cannot be seen"),
        ("horse\0", "ends with a character that cannot be seen"),
    ],
)
def test_what_cannot_be_seen_is_said_of_every_secret(name, text, said):
    hint = edges_hint({name: Secret(text)})
    assert said in hint
    assert "horse" not in hint


@pytest.mark.parametrize(
    "text", ["", "horse", "two words", "ho\nrse", KEY, '{"type": "service_account"}\n', "  ", "пароль"]
)
def test_nothing_is_said_of_others(text):
    assert edges_hint({"password": Secret(text)}) is None


def _refused(server, password):
    values = {"host": server.host, "port": server.port, "username": server.user, "parameters": {"ssl_mode": "disable"}}
    return run(Plan("postgresql", values, {"password": Secret(password)}, 20.0)).failure


def test_a_line_end_is_said_where_the_login_was_refused(postgres_server):
    failure = _refused(postgres_server, postgres_server.password + "\r\n")
    assert failure.failure_class == "auth"
    assert failure.hint.startswith("the password ends with a line end: ")
    assert postgres_server.password not in failure.hint
    assert "ends with" not in _refused(postgres_server, "wrong").hint


@pytest.mark.parametrize(
    ("words", "env", "stdin", "typed"),
    [
        (["--password", "wrong"], {}, b"", True),
        (["--password", "${PW}"], {"PW": "wrong"}, b"", False),
        (["--password-stdin"], {}, b"wrong", False),
    ],
    ids=["typed", "reference", "stdin"],
)
def test_a_shell_is_blamed_only_where_it_saw_the_password(run, postgres_server, words, env, stdin, typed):
    server = postgres_server
    given = ["--type", "postgresql", "--host", server.host, "--port", server.port, "--username", server.user]
    given += ["--parameters", '{"ssl_mode": "disable"}']
    for command in (["test"], ["create", "--name", "live", "--test"]):
        done = run("connections", *command, *given, *words, env=env, stdin=stdin)
        assert done.code == 6
        assert ("a shell changes $ and !" in done.err) == typed
