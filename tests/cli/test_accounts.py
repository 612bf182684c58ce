"""`qualytics users` and `service-accounts` on the server's own host."""

import pytest

from qualytics.digests import link_key_of

PASSWORD = "correct horse battery"


def test_the_first_admin_has_a_token_shown_once(run):
    first = run("users", "create", "--name", "Ada", "--role", "Admin")
    assert first.code == 0
    assert first.document["bearer_token"].count(".") == 2
    _, once, link = first.err.splitlines()
    assert once == "note: the token is shown this once; keep it where no one else reads it"
    address = f"http://127.0.0.1:8000/sign-in/link?key={link_key_of(first.document['bearer_token'])}"
    assert link == f"note: to sign in with a browser, once and within a day: {address}"
    assert "bearer_token" not in run("users", "get", "--name", "ada").document
    assert "bearer_token" not in run("users", "create", "--name", "Bob", "--role", "admin").document


@pytest.mark.slow  # passwords are hashed slowly, on purpose
def test_a_password_comes_from_stdin_or_a_variable_and_is_never_shown(run):
    made = run("users", "create", "-n", "Ada", "--password-stdin", stdin=f"{PASSWORD}\n".encode())
    assert made.code == 0
    changed = run("users", "update", "-f", "json", "--name", "Ada", "--password", "${PW}", env={"PW": PASSWORD * 2})
    assert changed.code == 0
    short = run("users", "create", "-n", "Bob", "--password", "geheim")
    assert (short.code, short.out) == (2, "")
    for result in (made, changed, short):
        assert PASSWORD not in result.out + result.err
        assert "geheim" not in result.out + result.err


def test_a_service_account_gets_a_token_when_asked_and_is_listed_apart(run):
    made = run("service-accounts", "create", "-n", "bot", "--role", "manager", "--token", "--expires-in-days", "30")
    assert made.document["kind"] == "service"
    assert made.document["bearer_token"]
    run("users", "create", "-n", "Ada")
    assert [found["name"] for found in run("service-accounts", "list").document] == ["bot"]
    assert [found["name"] for found in run("users", "list").document] == ["Ada"]
    assert run("service-accounts", "delete", "--name", "bot").document == {"id": 1, "name": "bot", "deleted": True}
    assert run("service-accounts", "list").document == []


def test_an_update_changes_and_unsets(run):
    run("users", "create", "-n", "Ada", "--email", "a@b.c", "--issuer", "https://i.example", "--subject", "s")
    found = run(
        "users", "update", "--id", "1", "--new-name", "Ada L", "--role", "MANAGER", "--unset", "subject"
    ).document
    assert (found["name"], found["role"], found["issuer"], found["email"]) == ("Ada L", "Manager", None, "a@b.c")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("users", "create"), 2),
        (("users", "create", "-n", "x", "--role", "root"), 2),
        (("users", "create", "-n", "x", "--expires-in-days", "3"), 2),
        (("users", "create", "-n", "x", "--token", "--expires-in-days", "366"), 2),
        (("users", "create", "-n", "ADA"), 5),
        (("users", "update", "--id", "1"), 2),
        (("users", "update", "--id", "1", "--email", "a@b.c", "--unset", "email"), 2),
        (("users", "update", "--id", "1", "--role", "member"), 5),
        (("users", "delete", "--name", "Ada"), 5),
        (("users", "delete"), 2),
        (("users", "get", "--name", "Eve"), 3),
        (("service-accounts", "create", "-n", "x", "--password", "y"), 2),
    ],
)
def test_a_refusal_has_its_exit_code_and_nothing_on_stdout(run, arguments, code):
    run("users", "create", "--name", "Ada", "--role", "Admin")
    result = run(*arguments)
    assert (result.code, result.out) == (code, "")
    said = [line for line in result.err.splitlines() if not line.startswith("note: this works on the store ")]
    assert said[0].startswith("error: ")
    assert "hint: " in result.err
    assert [found["name"] for found in run("users", "list").document] == ["Ada"]
