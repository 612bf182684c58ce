"""Datastores on the command line: with a connection of their own, and dry runs."""

import pytest

NEW = ("datastores", "create", "-n", "sales", "-t", "postgresql", "--host", "db.example.com", "--username", "app")
PLACE = ("--database", "d", "--schema", "s")


def stored(run):
    """Return the names of all connections and all datastores."""
    return [
        [document["name"] for document in run(group, "list", "-f", "json").json]
        for group in ("connections", "datastores")
    ]


@pytest.mark.parametrize(
    ("options", "env", "stdin"),
    [
        (("--password", "${SALES}"), {"SALES": "geheim12"}, b""),
        (("--password-stdin",), {}, b"geheim12\n"),
    ],
)
def test_a_connection_and_its_datastore_are_created_at_once(run, options, env, stdin):
    made = run(*NEW, *PLACE, "--connection-name", "prod", *options, "-f", "json", env=env, stdin=stdin)
    assert (made.code, made.err) == (0, "")
    assert (made.json["name"], made.json["connection_name"], made.json["schema"]) == ("sales", "prod", "s")
    connection = run("connections", "get", "--name", "prod", "-f", "json").json
    assert (connection["host"], connection["password"]) == ("db.example.com", "********")
    assert "geheim" not in made.out


def test_a_connection_without_a_name_is_named_after_its_type_and_host(run):
    assert run(*NEW, *PLACE, "-f", "json").json["connection_name"] == "postgresql-db.example.com"


def test_neither_is_stored_where_one_breaks_a_rule(run):
    assert run(*NEW, *PLACE, "--connection-name", "prod").code == 0
    assert run(*NEW, *PLACE, "--connection-name", "other").code == 5  # the datastore's name is taken
    assert run(*NEW, *PLACE, "-n", "more", "--connection-name", "PROD").code == 5
    assert run(*NEW, *PLACE, "-n", "more", "--connection-name", "other", "--port", "0").code == 2
    assert run(*NEW, "-n", "more", "--connection-name", "other", "--schema", "s").code == 2  # it needs a database
    assert run(*NEW, *PLACE, "-n", "more", "--password", "${NOT_SET}").code == 2
    assert stored(run) == [["prod"], ["sales"]]


def test_a_dry_run_of_a_create_shows_the_payload_masked_and_makes_no_store(run, home):
    shown = run(*NEW, *PLACE, "--password", "geheim12", "--tags", "a,b", "--dry-run", "-f", "json")
    assert shown.json == {
        "name": "sales",
        "connection": {
            "name": "postgresql-db.example.com",
            "type": "postgresql",
            "host": "db.example.com",
            "username": "app",
            "password": "********",
        },
        "database": "d",
        "schema": "s",
        "tags": ["a", "b"],
    }
    named = run("datastores", "create", "-n", "x", "--connection-name", "prod", "--dry-run", "-f", "json")
    assert named.json == {"name": "x", "connection_name": "prod"}
    assert run(*NEW, "--schema", "s", "--dry-run").err.startswith("error: database is needed for postgresql datastores")
    assert run("datastores", "create", "-n", "x", "--dry-run").err.startswith("error: connection_id is missing")
    assert not home.exists()


def test_a_dry_run_of_an_update_or_a_delete_stores_nothing(run):
    run(*NEW, *PLACE)
    before = run("datastores", "get", "--id", "1").out
    assert run("datastores", "update", "--id", "1", "--schema", "t", "--dry-run", "-f", "json").json["schema"] == "t"
    deleted = run("datastores", "delete", "--name", "SALES", "--dry-run", "-f", "json").json
    assert deleted == {"id": 1, "name": "sales", "deleted": False}
    assert run("datastores", "update", "--id", "1", "--root-path", "/x", "--dry-run").code == 2
    assert run("datastores", "delete", "--id", "9", "--dry-run").code == 3
    assert run("datastores", "get", "--id", "1").out == before


@pytest.mark.parametrize("option", ["--host", "--port", "--password", "--env-file", "--role-arn"])
def test_options_of_a_new_connection_need_its_type(run, option):
    value = "0" if option == "--port" else "x"
    result = run("datastores", "create", "-n", "x", "--connection-id", "1", option, value)
    assert (result.code, result.err.splitlines()) == (
        2,
        [f"error: {option} is for a new connection", f"hint: add --type, or leave out {option}"],
    )


def test_a_new_connection_has_no_id_yet(run):
    result = run(*NEW, *PLACE, "--connection-id", "1")
    assert (result.code, result.err.splitlines()[0]) == (
        2,
        "error: --connection-id is for an existing connection, --type for a new one",
    )
