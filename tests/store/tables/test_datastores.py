"""Datastores: each with its connection, lists, and rows that no statement wrote."""

import sqlite3
from contextlib import closing

import pytest

from qualytics.errors import Conflict, StoreDamaged
from qualytics.model import ListQuery
from qualytics.store import open_store

ROW = {"tags": [], "teams": [], "settings": {}, "enrichment_only": False, "created": "2026-01-01"}
KINDS = ("postgresql", "sqlite")


def named(name, **more):
    return {**ROW, "name": name, "name_key": name.casefold(), "connection_id": 1, **more}


@pytest.fixture
def store(settings):
    """Return a store with a connection of PostgreSQL (1) and one of SQLite (2)."""
    with open_store(settings) as found:
        with found.writing():
            for kind in KINDS:
                found.connections.insert(kind, kind, kind, {}, {}, "2026-01-01")
        yield found


def add(store, *rows):
    with store.writing():
        return [store.datastores.insert(row) for row in rows]


@pytest.mark.both_stores
def test_a_datastore_is_read_as_it_was_written_with_its_connection(store):
    settings = {"a": {"b": 1}}
    add(store, named("Sales", database="d", schema="s", tags=["x"], settings=settings, connection_id=2, connected=True))
    found = store.datastores.get(1)
    assert (found.name, found.version, found.connection_name, found.type) == ("Sales", 1, "sqlite", "sqlite")
    assert (found.database, found.schema, found.root_path) == ("d", "s", None)
    assert (found.tags, found.teams, found.settings) == (["x"], [], settings)
    assert (found.enrichment_only, found.connected) == (False, True)
    assert store.datastores.named("sales").id == 1
    assert (store.datastores.get(2), store.datastores.get(10**30), store.datastores.named("Sales")) == (None,) * 3


@pytest.mark.both_stores
@pytest.mark.parametrize("row", [named("SALES"), named("other", connection_id=9)], ids=["name", "connection"])
def test_a_name_is_of_one_datastore_and_its_connection_is_there(store, row):
    add(store, named("sales"))
    with pytest.raises(Conflict):
        add(store, row)
    assert [one.name for one in store.datastores.select(ListQuery())] == ["sales"]


@pytest.mark.both_stores
def test_lists_are_filtered_by_connection_type_tag_and_what_they_are_for(store):
    add(
        store,
        named("d", tags=["eu", "raw"]),
        named("c", connection_id=2, tags=["eu-west"]),
        named("b", enrichment_only=True),
        named("a", connection_id=2, tags=["eu"]),
    )

    def ids(**query):
        found = [one.id for one in store.datastores.select(ListQuery(**query))]
        assert store.datastores.count(ListQuery(**query)) == len(found)
        return found

    assert ids() == [1, 2, 3, 4]
    assert ids(sort="name") == [4, 3, 2, 1]
    assert ids(types=("sqlite",)) == [2, 4]
    assert ids(connection_id=1) == [1, 3]
    assert ids(connection_id=10**30) == []
    assert ids(tags=("eu",)) == [1, 4]  # whole tags
    assert ids(tags=("eu", "raw")) == [1]
    assert ids(is_enrichment=True) == [3]
    assert ids(contains="c") == [2]
    assert ids(ids=(4, 1, 9)) == [1, 4]
    assert [one.id for one in store.datastores.of_connection(2)] == [2, 4]
    assert store.datastores.names_of_connection(2) == [(2, "c"), (4, "a")]
    assert store.datastores.names(2) == [(4, "a"), (3, "b")]
    window = ListQuery(skip=1, limit=2)
    assert [one.id for one in store.datastores.select(window)] == [2, 3]
    assert store.datastores.count(window) == 4


@pytest.mark.both_stores
def test_the_databases_of_a_connection_come_once_each_those_of_the_oldest_first(store):
    given = ("b", None, "a", "b", "c", "d")
    add(store, *(named(f"n{number}", database=database) for number, database in enumerate(given)))
    add(store, named("other", database="e", connection_id=2))
    assert store.datastores.databases_of_connection(1, 3) == ["b", "a", "c"]
    assert store.datastores.databases_of_connection(2, 3) == ["e"]
    assert store.datastores.databases_of_connection(9, 3) == []


@pytest.mark.both_stores
def test_a_change_raises_the_version_where_it_is_to(store):
    add(store, named("sales"))
    with store.writing():
        store.datastores.update(1, {"schema": "s", "tags": ["x"]})
        store.datastores.update(1, {"connected": False}, bump=False)
    found = store.datastores.get(1)
    assert (found.version, found.schema, found.tags, found.connected) == (2, "s", ["x"], False)
    with store.writing():
        store.datastores.delete(1)
    assert store.datastores.get(1) is None


@pytest.mark.both_stores
@pytest.mark.parametrize("text", ["", "{", "[] x"])
@pytest.mark.parametrize("column", ["tags", "teams", "settings"])
def test_a_column_that_holds_no_json_is_a_damaged_store(store, settings, raw, column, text):
    add(store, named("sales"))
    raw(settings, f"UPDATE datastores SET {column} = ?", text)
    with pytest.raises(StoreDamaged, match=f"the {column} of datastores"):
        store.datastores.get(1)


def test_a_blob_in_the_place_of_a_text_is_a_damaged_store(store, settings):
    add(store, named("sales"))
    store.close()
    with closing(sqlite3.connect(settings.store_path)) as database, database:
        database.execute("PRAGMA writable_schema = ON")
        database.execute("UPDATE sqlite_master SET sql = replace(sql, ') STRICT', ')') WHERE name = 'datastores'")
    with closing(sqlite3.connect(settings.store_path)) as database, database:
        database.execute("UPDATE datastores SET database = x'ff'")
    with open_store(settings) as damaged, pytest.raises(StoreDamaged, match="a value of datastores"):
        damaged.datastores.get(1)
