"""Connections where no option of the command line leads: unknown fields, types, nulls, old versions, names."""

from __future__ import annotations

import sqlite3

import pytest

from qualytics.errors import InvalidInput, NotFound, VersionChanged
from qualytics.secret import MASK
from qualytics.service.connections.drafts import draft

PG = {"type": "postgresql", "host": "db.example.com"}
REFUSED = [
    ({}, [("type", "missing-value")]),
    ({"type": ""}, [("type", "missing-value")]),
    ({"type": None}, [("type", "missing-value")]),
    ({"type": 7}, [("type", "missing-value")]),
    ({"type": "nope"}, [("type", "unknown-type")]),
    ({"type": "postgresql"}, [("host", "missing-value")]),
    ({"type": "postgresql", "host": None}, [("host", "missing-value")]),
    ({**PG, "hots": "x"}, [("hots", "unknown-field")]),
    ({**PG, "id": 7}, [("id", "unknown-field")]),
    ({**PG, "uri": "x"}, [("uri", "field-not-accepted")]),
    ({**PG, "secrets_manager": {"kind": "vault"}}, [("secrets_manager", "not-supported")]),
    ({**PG, "port": "5432"}, [("port", "invalid-value")]),
    ({**PG, "port": True}, [("port", "invalid-value")]),
    ({**PG, "port": 1.5}, [("port", "invalid-value")]),
    ({**PG, "host": ["h"]}, [("host", "invalid-value")]),
    ({**PG, "name": 5}, [("name", "invalid-value")]),
    ({**PG, "username": ""}, [("username", "invalid-value")]),
    ({**PG, "password": 5}, [("password", "invalid-value")]),
    ({**PG, "password": MASK}, [("password", "secret-is-mask")]),
    ({**PG, "parameters": []}, [("parameters", "invalid-value")]),
    ({**PG, "parameters": {"x": 1}}, [("parameters", "unknown-parameter")]),
    (
        {**PG, "host": "a:1", "port": 0, "nam": "x"},
        [("host", "invalid-value"), ("port", "invalid-value"), ("nam", "unknown-field")],
    ),
]


def problems_of(action, *given, **options):
    with pytest.raises(InvalidInput) as caught:
        action(*given, **options)
    return [(problem.loc, problem.code) for problem in caught.value.problems]


@pytest.mark.parametrize(("given", "found"), REFUSED)
def test_a_create_tells_every_problem_by_place_and_code(client, home, given, found):
    assert problems_of(client.connections.create, given) == found
    assert not home.exists()


def test_a_null_is_an_unset_field_and_a_null_secrets_manager_is_fine(client):
    made = client.connections.create({**PG, "port": None, "secrets_manager": None, "parameters": {"ssl_mode": None}})
    assert (made["port"], made["secrets_manager"], made["parameters"]) == (None, None, None)


def test_the_type_cannot_change_but_may_be_named_again(client):
    client.connections.create(PG)
    assert problems_of(client.connections.update, 1, {"type": "sqlite"}) == [("type", "invalid-value")]
    assert problems_of(client.connections.update, 1, {"type": None}) == [("type", "invalid-value")]
    assert client.connections.update(1, {"type": "postgres", "port": 1})["port"] == 1


def test_an_update_with_an_old_version_is_refused(client):
    client.connections.create(PG)
    client.connections.update(1, {"port": 1}, version=1)
    with pytest.raises(VersionChanged, match="was changed since it was read"):
        client.connections.update(1, {"port": 2}, version=1)
    assert client.connections.get(1)["port"] == 1


def test_a_name_with_half_a_character_is_nobodys(client):
    client.connections.create({**PG, "name": "a?b"})
    with pytest.raises(NotFound):
        client.connections.find("a\ud800b")
    assert list(client.connections.list("\udcff")) == []


def test_every_problem_has_a_hint():
    for given_, _ in REFUSED:
        with pytest.raises(InvalidInput) as caught:
            draft(given_)
        assert all(problem.hint or problem.code == "unknown-field" for problem in caught.value.problems)


def test_a_copy_has_secrets_of_its_own_and_logs_in_where_its_source_did(client, postgres_server, root_file):
    given = {"host": postgres_server.host, "port": postgres_server.port, "username": postgres_server.user}
    source = client.connections.create(
        {
            **given,
            "type": "postgresql",
            "name": "source",
            "password": postgres_server.password,
            "parameters": {"ssl_root_cert_file": str(root_file)},
        }
    )
    copied = client.connections.copy("source", "copy")
    assert copied == source | {"id": copied["id"], "name": "copy", "created": copied["created"]}
    client.connections.update("source", {"password": "not it"})
    assert client.connections.test("copy")["connected"] is True
    client.connections.delete("source")
    assert client.connections.test("copy")["connected"] is True
    other = client.connections.copy("copy", "other", {"password": "not it"})
    assert client.connections.test(other["id"])["class"] == "auth"


@pytest.mark.slow
def test_a_copy_has_no_datastores_and_nothing_that_a_test_detected(client, tmp_path):
    path = tmp_path / "a.db"
    sqlite3.connect(path).close()
    kept = {"tags": ["x", "y"], "owner": "Team"}
    client.connections.create({"type": "sqlite", "name": "a", "uri": str(path), **kept}, test=True)
    client.datastores.create({"name": "d", "connection_id": 1})
    source, copied = client.connections.get("a"), client.connections.copy("a", "b")
    assert (source["datastores"], source["product_name"]) != ([], None)
    assert (copied["datastores"], copied["product_name"], copied["uri"]) == ([], None, str(path))
    assert {name: copied[name] for name in kept} == kept
    assert [one["name"] for one in client.connections.list(search="team")] == ["a", "b"]


def test_a_copy_keeps_the_rules_of_a_change(client):
    client.connections.create({**PG, "name": "a", "password": "p"})
    assert problems_of(client.connections.copy, "a", None) == [("name", "missing-value")]
    assert problems_of(client.connections.copy, "a", "b", {"port": 0}) == [("port", "invalid-value")]
    assert problems_of(client.connections.copy, "a", "b", {"type": "mysql"}) == [("type", "invalid-value")]
    assert client.connections.copy("a", "b", {"password": None})["password"] is None
    assert client.connections.copy("a", "c", {"password": MASK, "id": 7})["password"] == MASK
    assert [one["name"] for one in client.connections.list()] == ["a", "b", "c"]
