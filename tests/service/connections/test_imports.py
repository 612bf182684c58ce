"""A set of new connections: all or none, names that are taken, what is there already, and what breaks a rule."""

import pytest

from qualytics.client.local import LocalClient
from qualytics.errors import InvalidInput
from qualytics.service.connections.imports import MAX_IMPORTED
from qualytics.settings import Settings

PG = {"type": "postgresql", "host": "db.example.com", "username": "u", "password": "geheim"}


@pytest.fixture
def client(home):
    with LocalClient(Settings(home=home)) as opened:
        yield opened


def listed(client):
    return [document["name"] for document in client.connections.list()]


def test_a_set_is_stored_and_a_second_time_nothing_changes(client):
    items = [{**PG, "name": "a"}, {**PG, "name": "b", "host": "other"}, PG]
    assert [one["action"] for one in client.imports.create(items)] == ["create"] * 3
    client.connections.update("a", {"tags": ["etl"], "owner": "ada"})  # which leaves it the same connection
    again = client.imports.create(items)
    assert [(one["action"], one["id"], one["name"]) for one in again] == [
        ("skip", None, "a"),
        ("skip", None, "b"),
        ("skip", None, "postgresql-db.example.com"),
    ]
    assert listed(client) == ["a", "b", "postgresql-db.example.com"]


def test_a_name_that_is_anothers_gets_a_number_and_is_found_again(client):
    client.connections.create({**PG, "name": "Prod"})
    item = {**PG, "name": "PROD", "host": "other"}
    first = client.imports.create([item])[0]
    assert (first["action"], first["name"]) == ("create", "PROD-2")
    assert first["reason"] == "the name 'PROD' is taken by another connection"
    assert client.imports.create([item, {**item, "host": "third"}])[0]["action"] == "skip"
    assert listed(client) == ["Prod", "PROD-2", "PROD-3"]


def test_a_dry_run_says_the_same_and_stores_nothing(client):
    items = [{**PG, "name": "a"}, {**PG, "name": "a"}, {**PG, "name": "a", "port": 1}, {"type": "none", "name": "x"}]
    planned = client.imports.create(items, dry_run=True)
    assert listed(client) == []
    done = client.imports.create(items)
    assert [one | {"id": None} for one in done] == planned
    assert [one["action"] for one in done] == ["create", "skip", "create", "refuse"]
    assert [one["id"] for one in done] == [1, None, 2, None]


def test_what_breaks_a_rule_is_refused_alone_and_shows_no_secret(client):
    bad = {**PG, "name": "bad", "host": "u:geheim@h"}
    refused, created = client.imports.create([bad, {**PG, "name": "good"}])
    assert (refused["action"], created["action"]) == ("refuse", "create")
    assert "geheim" not in refused["reason"]
    unnamed = client.imports.create([{**PG, "name": {}}])[0]
    assert (unnamed["action"], unnamed["name"]) == ("refuse", None)
    assert client.connections.get("good")["password"] == "********"


def test_a_set_has_a_limit(client):
    with pytest.raises(InvalidInput):
        client.imports.create([{}] * (MAX_IMPORTED + 1))
