"""Records by id or by name: a text is a name, whatever it looks like, and a word that a user typed is either."""

from __future__ import annotations

import pytest

from qualytics.errors import NotFound, UsageError
from qualytics.model import Word
from qualytics.service import lookup

PG = {"type": "postgresql", "host": "h", "username": "u"}


@pytest.fixture
def named(client):
    """Return a function that makes connections of these names and returns the client."""

    def call(*names):
        for name in names:
            client.connections.create({**PG, "name": name})
        return client

    return call


@pytest.mark.slow
@pytest.mark.parametrize("name", ["prod", "PROD", " Prod "])
def test_every_verb_takes_a_name(named, name):
    client = named("other", "Prod")
    connections = client.connections
    assert connections.get(name)["id"] == 2
    assert connections.update(name, {"port": 2}, version=1)["port"] == 2
    assert connections.replace(name, {"name": "Prod", "type": "postgresql", "port": 3})["port"] == 3
    assert connections.history(name)["id"] == 2
    assert connections.test(name, {"host": "127.0.0.1", "port": 1})["stage"] == "tcp"
    client.datastores.create({"name": "Data", "connection_id": 2, "database": "d", "schema": "s"})
    assert [found["name"] for found in connections.usages(name)] == ["Data"]
    assert client.datastores.get("data")["id"] == 1
    assert client.datastores.update("data", {"schema": "t"})["schema"] == "t"
    assert client.datastores.delete("data") == {"id": 1, "name": "Data", "deleted": True}
    assert connections.delete(name) == {"id": 2, "name": "Prod", "deleted": True}


def test_a_text_of_digits_is_a_name_and_an_int_is_an_id(named):
    connections = named("2", "b").connections
    assert connections.get("2")["id"] == 1
    assert connections.get(2)["name"] == "b"
    with pytest.raises(NotFound, match="there is no connection '1'"):
        connections.get("1")


@pytest.mark.parametrize(("word", "number"), [("2", 2), ("002", 2), ("b", 2), ("B ", 2), ("1", 1)])
def test_a_word_is_the_id_that_it_spells_or_a_name(named, word, number):
    assert named("1", "b").connections.get(Word(word))["id"] == number


@pytest.mark.parametrize("word", ["2", "7"])
def test_a_word_that_is_the_name_of_another_is_refused_and_both_are_named(named, word):
    connections = named(word, "b").connections
    for verb in (connections.get, connections.delete, connections.usages, connections.test):
        with pytest.raises(UsageError) as caught:
            verb(Word(word))
        assert caught.value.message == f"{word} could be an id, or the name of connection 1"
        assert caught.value.hint == f"give --id {word}, or --id 1"


@pytest.mark.parametrize("word", ["9", "0", "9" * 18])
def test_a_word_of_digits_that_is_nobodys_is_told_as_an_id(named, word):
    with pytest.raises(NotFound) as caught:
        named("prod").connections.get(Word(word))
    assert (caught.value.message, caught.value.hint) == (
        f"there is no connection {int(word)}",
        "qualytics connections list shows all",
    )


@pytest.mark.parametrize("word", ["\uff19", "-1", "+1", "1.0", "1_0", "9" * 19, "²"])
def test_only_plain_digits_are_an_id(word):
    assert Word(word).number is None


def test_a_name_is_never_a_prefix_and_the_nearest_is_in_the_hint(named):
    client = named("production")
    with pytest.raises(NotFound) as caught:
        client.connections.get("productio")
    assert caught.value.hint == "did you mean 'production'?"
    client.datastores.create({"name": "sales", "connection_id": 1, "database": "d", "schema": "s"})
    with pytest.raises(NotFound) as caught:
        client.datastores.get("sale")
    assert caught.value.hint == "did you mean 'sales'?"


def test_a_name_is_one_indexed_look_up(named):
    client = named("prod")
    store = client.connections._context.store
    statements = []
    store._database.set_trace_callback(statements.append)
    lookup.connection(store, "PROD")
    by_name, statements[:] = list(statements), []
    lookup.connection(store, 1)
    assert len(by_name) == len(statements) == 1
    plan = store.execute(f"EXPLAIN QUERY PLAN {by_name[0]}").all()
    assert any("USING INDEX" in str(row[3]) and "name_key=?" in str(row[3]) for row in plan), [tuple(r) for r in plan]
