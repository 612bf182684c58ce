"""Records: ids, references, and lists that cost what they show."""

import sqlite3
import subprocess
import sys

import pytest

from qualytics.client.local import LocalClient
from qualytics.errors import Conflict, ConnectionInUse, NotFound, StoreError
from qualytics.store import open_store
from qualytics.store.sqlite.opening import migrate
from qualytics.store.tables.connections import Records

FIELDS = {"type": "postgresql", "host": "h", "username": "u", "password": "p"}


@pytest.mark.both_stores
def test_ids_are_never_used_again(filled):
    with LocalClient(filled) as client:
        client.connections.delete(3)
        client.connections.delete(2)
    with LocalClient(filled) as client:
        assert client.connections.create(FIELDS)["id"] == 4
        client.datastores.delete(1)
        assert client.datastores.create({"name": "e", "connection_id": 1, "database": "x", "schema": "y"})["id"] == 2


@pytest.mark.both_stores
def test_the_database_itself_keeps_a_connection_that_is_used(filled):
    with LocalClient(filled) as client, pytest.raises(ConnectionInUse):
        client.connections.delete(1)
    with open_store(filled) as store:
        with pytest.raises(Conflict), store.writing() as records:
            records.delete_connection(1)
        assert store.records.connection(1) is not None
        assert store.records.secrets(1).keys() == {"password"}


@pytest.mark.both_stores
def test_deleting_a_connection_deletes_its_secrets(filled):
    with LocalClient(filled) as client:
        client.connections.delete(2)
        assert client.upkeep.check()["secrets"] == 2


def insert_and_fail(store):
    with store.writing() as records:
        raise ZeroDivisionError(records.insert_connection("new", "new", "postgresql", {}, {}, "now"))


@pytest.mark.both_stores
def test_a_failed_change_leaves_nothing(filled):
    with open_store(filled) as store:
        with pytest.raises(ZeroDivisionError):
            insert_and_fail(store)
        assert store.records.connection_named("new") is None


@pytest.mark.both_stores
def test_ids_beyond_what_sqlite_holds_are_not_found(filled):
    with LocalClient(filled) as client:
        for number in (2**63 - 1, 2**63, 10**30):
            with pytest.raises(NotFound):
                client.connections.get(number)
            with pytest.raises(NotFound):
                client.datastores.get(number)
        assert len(list(client.connections.list(limit=10**30))) == 3


def test_rows_left_unread_do_no_harm(filled):
    with open_store(filled) as store:
        rows = store.records.connections(None, (), "id", None)
        assert next(rows).id == 1
        with store.writing() as records:
            records.delete_connection(2)
        other = store.records.connections(None, (), "id", None)
        next(other)
    with pytest.raises(StoreError, match="closed"):
        next(rows)
    del other


@pytest.mark.both_stores
def test_lists_are_sorted_filtered_and_limited(settings):
    kinds = ["mysql", "postgresql", "sqlite", "mysql", "sqlite"]
    with open_store(settings) as store:
        with store.writing() as records:
            for number, kind in enumerate(kinds):
                name = f"n{9 - number}_100%"
                records.insert_connection(name, name, kind, {}, {}, "now")

        def ids(*arguments):
            return [one.id for one in store.records.connections(*arguments)]

        assert ids(None, (), "id", None) == [1, 2, 3, 4, 5]
        assert ids(None, (), "name", 2) == [5, 4]
        assert ids(None, (), "type", None) == [1, 4, 2, 3, 5]
        assert ids(None, ("sqlite", "mysql"), "id", 3) == [1, 3, 4]
        assert ids(None, ("sqlite", "mysql", "sqlite"), "name", None) == [5, 4, 3, 1]
        assert ids("_100%", ("sqlite", "mysql"), "type", None) == [1, 4, 3, 5]
        assert ids("n5", ("sqlite",), "id", None) == [5]
        assert ids("n1", (), "id", None) == []
        assert ids(None, (), "id", 0) == []


@pytest.fixture
def plans():
    """Return records that run nothing, and the query plans of what they were asked."""
    database, found = sqlite3.connect(":memory:", isolation_level=None), []
    migrate(database)

    def explain(sql, arguments=()):
        found.append([row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}", arguments)])
        return iter(())

    yield Records(explain, "store", None), found
    database.close()


@pytest.mark.parametrize("types", [(), ("a",), ("a", "b", "c")], ids=len)
@pytest.mark.parametrize("sort", ["id", "name", "type"])
def test_no_list_sorts_what_it_does_not_show(plans, sort, types):
    records, found = plans
    list(records.connections(None, types, sort, 100))
    assert len(found) == 1
    assert not [step for step in found[0] if "TEMP B-TREE" in step]
    if types:
        assert not [step for step in found[0] if step.startswith("SCAN")]


def test_single_records_and_users_of_a_connection_come_from_an_index(plans):
    records, found = plans
    records.connection(1)
    records.connection_named("x")
    records.datastore(1)
    records.datastore_named("x")
    list(records.datastores(1))
    assert len(found) == 5
    assert not [step for plan in found for step in plan if step.startswith("SCAN") or "TEMP" in step]


MANY = 100_000
# A small process starts the command, as a child's peak counts from its parent's size.
MEASURED_LIST = """
import resource, subprocess, sys
command = [sys.executable, "-m", "qualytics", "connections", "list", "--format", "json"]
with open(sys.argv[1], "wb") as out:
    subprocess.run(command, stdout=out, check=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(peak // 1024 if sys.platform == "darwin" else peak)
"""


@pytest.mark.slow
def test_a_long_list_streams_within_the_memory_of_one_call(settings, tmp_path):
    with open_store(settings) as store, store.writing() as records:
        for number in range(MANY):
            records.insert_connection(f"n{number}", f"n{number}", "postgresql", {"host": "h"}, {}, "now")
    measured = subprocess.run(
        [sys.executable, "-c", MEASURED_LIST, str(tmp_path / "out")], capture_output=True, text=True, check=False
    )
    assert measured.stderr == ""
    assert int(measured.stdout) < 35 * 1_024
    with (tmp_path / "out").open("rb") as out:
        assert sum(line.startswith(b'    "id": ') for line in out) == MANY


@pytest.mark.both_stores
def test_many_connections_without_a_name_get_names_in_a_row(settings):
    with LocalClient(settings) as client:
        names = [client.connections.create(FIELDS)["name"] for _ in range(40)]
        assert names == ["postgresql-h", *(f"postgresql-h-{number}" for number in range(2, 41))]
        client.connections.delete(client.connections.find("postgresql-h"))
        assert client.connections.create(FIELDS)["name"] == "postgresql-h"
        client.connections.delete(client.connections.find("postgresql-h-3"))
        assert client.connections.create(FIELDS)["name"] not in names[:2] + names[3:]
