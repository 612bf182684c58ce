"""Which `ssl_mode` is in effect, said on a terminal and never in a document."""

import pytest

from tests.support.terminals import stderr_of

CREATE = ("connections", "create", "-t", "postgresql", "--host", "127.0.0.1", "--port", "1", "--username", "me")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stored", "note"),
    [
        ((), "note: ssl_mode is auto (default here)\n"),
        (("--parameters", '{"ssl_mode": "require"}'), "note: ssl_mode is require\n"),
    ],
)
def test_a_test_says_on_a_terminal_which_mode_it_uses(run, stored, note):
    assert run(*CREATE, *stored).code == 0
    code, out, said = stderr_of("connections", "test", "--id", "1", "-f", "json")
    assert (code, said.startswith(note)) == (6, True)
    assert b"ssl_mode" not in out
    assert "ssl_mode" not in run("connections", "test", "--id", "1").err


@pytest.mark.slow
def test_a_test_of_what_is_not_stored_says_it_too_and_a_type_without_tls_says_nothing(home, tmp_path):
    unsaved = ("connections", "test", "-t", "db2", "--host", "127.0.0.1", "--port", "1", "--database", "d")
    unsaved = (*unsaved, "--username", "u", "--password", "p", "--parameters", '{"ssl": true}')
    assert stderr_of(*unsaved)[2].startswith("note: ssl_mode is verify\n")
    assert "ssl_mode" not in stderr_of("connections", "test", "-t", "sqlite", "--uri", str(tmp_path / "no.db"))[2]


@pytest.mark.slow
def test_a_type_is_shown_with_the_default_here_and_with_that_of_a_control_plane(run, monkeypatch):
    shown = run("connections", "types", "postgresql").document
    mode = next(one for one in shown["parameters"] if one["name"] == "ssl_mode")
    assert (mode["default"], mode["control_plane_default"]) == ("auto", "verify")
    code, _, said = stderr_of("connections", "types", "postgresql")
    assert (code, said) == (0, "note: ssl_mode is auto (default here)\n")
    monkeypatch.setenv("QUALYTICS_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("QUALYTICS_TOKEN", "x" * 20)
    assert stderr_of("connections", "types", "postgresql")[2] == "note: ssl_mode is verify (default here)\n"
    monkeypatch.delenv("QUALYTICS_TOKEN")
    code, out, said = stderr_of("connections", "types", "postgresql")
    assert (code, said, out.startswith(b"type: postgresql\n")) == (0, "", True)
