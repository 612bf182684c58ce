"""Notes on stderr: which `ssl_mode` is in effect, and which store a command for control planes works on."""

import pytest

from qualytics.settings import Settings
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


@pytest.mark.parametrize(
    "words",
    [
        *("users create --name Ada", "users list", "users get --name Ada", "users update --id 1 --email a@b.c"),
        *("service-accounts create --name bot", "service-accounts list", "users delete --id 2"),
        *(
            "audit list",
            "audit prune --before 2020-01-31",
            "auth token list",
            "auth token create --name t --user First",
        ),
    ],
)
def test_what_is_for_control_planes_says_which_store_it_works_on_and_how_to_reach_one(run, home, words):
    assert run("users", "create", "--name", "First", "--role", "admin").code == 0
    assert run("users", "create", "--name", "Ada" if "create" not in words.split() else "Bob").code == 0
    done = run(*words.split(), "-f", "json")
    assert done.code == 0, done.err
    assert done.err.splitlines()[0] == (
        f"note: this works on the store {home}/store.db; qualytics auth login --url URL chooses a control plane"
    )


@pytest.mark.parametrize("words", ["connections list", "store check", "datastores list"])
def test_what_everybody_has_says_nothing_of_its_store(run, words):
    assert run(*words.split()).err == ""


@pytest.mark.servers
def test_a_store_on_a_server_is_named_without_its_password(run, on_postgres, home, postgres_server):
    on_postgres(Settings(home=home))
    said = run("users", "list").err
    assert said.startswith(f"note: this works on the store postgresql://127.0.0.1:{postgres_server.port}/postgres; ")
    assert postgres_server.password not in said
