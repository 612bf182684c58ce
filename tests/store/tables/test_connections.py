"""Connections and datastores: ids, references, and lists that cost what they show."""

import sqlite3
import subprocess
import sys

import pytest

from qualytics.client.local import LocalClient
from qualytics.errors import Conflict, ConnectionInUse, NotFound, StoreError
from qualytics.model import ListQuery
from qualytics.store import open_store
from qualytics.store.sqlite.opening import migrate
from qualytics.store.tables.connections import ConnectionTable
from qualytics.store.tables.datastores import DatastoreTable

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
        with pytest.raises(Conflict), store.writing():
            store.connections.delete(1)
        assert store.connections.get(1) is not None
        assert store.connections.secrets(1).keys() == {"password"}


TAGGED = {
    "both": (["finance", "nightly"], "Data Team"),
    "one": (["Finance"], "data team"),
    "other": (["nightly", "%", "' OR 1=1 --"], "Ops"),
    "none": ([], None),
}


@pytest.mark.both_stores
@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"tags": ["FINANCE"]}, ["both", "one"]),
        ({"tags": ["finance", "Nightly", "nightly"]}, ["both"]),
        ({"tags": ["%"]}, ["other"]),
        ({"tags": ["' or 1=1 --"]}, ["other"]),
        ({"tags": ["' OR 1=1"]}, []),
        ({"tags": ["fin"]}, []),
        ({"owner": "DATA TEAM"}, ["both", "one"]),
        ({"owner": "data"}, []),
        ({"owner": ""}, ["none"]),
        ({"owner": "data team", "tags": ["nightly"]}, ["both"]),
        ({"tags": ["nightly"], "types": ["mysql", "postgresql"], "sort": "name", "name": "O"}, ["both", "other"]),
        ({"tags": ["nightly"], "limit": 1}, ["both"]),
    ],
)
def test_lists_are_filtered_by_all_tags_and_the_owner_without_case(settings, filters, names):
    with LocalClient(settings) as client:
        for name, (tags, owner) in TAGGED.items():
            client.connections.create({**FIELDS, "name": name, "tags": tags, "owner": owner})
        assert [found["name"] for found in client.connections.list(**filters)] == names


@pytest.mark.both_stores
def test_a_tag_that_was_taken_off_or_whose_connection_is_gone_finds_nothing(settings):
    with LocalClient(settings) as client:
        for name in ("a", "b", "c"):
            client.connections.create({**FIELDS, "name": name, "tags": ["x"]})
        client.connections.update("a", {"remove_tags": ["x"]})
        client.connections.delete("b")
        assert [found["name"] for found in client.connections.list(tags=["x"])] == ["c"]
    with open_store(settings) as store:
        assert store.count("connection_tags") == 1


@pytest.mark.both_stores
def test_deleting_a_connection_deletes_its_secrets(filled):
    with LocalClient(filled) as client:
        client.connections.delete(2)
        assert client.upkeep.check()["secrets"] == 2


def insert_and_fail(store):
    with store.writing():
        raise ZeroDivisionError(store.connections.insert("new", "new", "postgresql", {}, {}, "now"))


@pytest.mark.both_stores
def test_a_failed_change_leaves_nothing(filled):
    with open_store(filled) as store:
        with pytest.raises(ZeroDivisionError):
            insert_and_fail(store)
        assert store.connections.named("new") is None


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
        rows = store.connections.select()
        assert next(rows).id == 1
        with store.writing():
            store.connections.delete(2)
        other = store.connections.select()
        next(other)
    with pytest.raises(StoreError, match="closed"):
        next(rows)
    del other


@pytest.mark.both_stores
def test_lists_are_sorted_filtered_and_limited(settings):
    kinds = ["mysql", "postgresql", "sqlite", "mysql", "sqlite"]
    with open_store(settings) as store:
        with store.writing():
            for number, kind in enumerate(kinds):
                name = f"n{9 - number}_100%"
                store.connections.insert(name, name, kind, {}, {}, "now")

        def ids(**wanted):
            return [one.id for one in store.connections.select(ListQuery(**wanted))]

        assert ids() == [1, 2, 3, 4, 5]
        assert ids(sort="name", limit=2) == [5, 4]
        assert ids(sort="type") == [1, 4, 2, 3, 5]
        assert ids(types=("sqlite", "mysql"), limit=3) == [1, 3, 4]
        assert ids(types=("sqlite", "mysql", "sqlite"), sort="name") == [5, 4, 3, 1]
        assert ids(contains="_100%", types=("sqlite", "mysql"), sort="type") == [1, 4, 3, 5]
        assert ids(contains="n5", types=("sqlite",)) == [5]
        assert ids(contains="n1") == []
        assert ids(limit=0) == []


@pytest.mark.both_stores
def test_a_search_looks_at_names_hosts_uris_and_datastores_in_any_case(settings):
    with LocalClient(settings) as client:
        server = {"type": "postgresql", "username": "u", "host": "h"}
        client.connections.create({**server, "name": "Straße 100%", "host": "db1.Example.com"})
        client.connections.create({**server, "name": "a_b", "tags": ["Éte"], "owner": "Team Öl"})
        client.connections.create({"type": "sqlite", "name": "files", "uri": "/data/Übung/Sales.db"})
        keys = {"access_key": "a", "secret_key": "s"}
        client.connections.create({"type": "s3", "name": "lake", "uri": "s3://Example-bucket/x", **keys})
        client.datastores.create({"name": "Marts É", "connection_id": 2, "database": "x", "schema": "example"})

        def found(search, **more):
            return [one["id"] for one in client.connections.list(search=search, **more)]

        assert found("STRASSE") == [1]
        assert found("EXAMPLE") == [1, 4]
        assert found("example", types=("s3", "sqlite"), sort="name") == [4]
        assert found("example", limit=1) == [1]
        assert (found("marts é"), found("sales.DB"), found("Übung")) == ([2], [3], [3])
        assert (found("éTE"), found("team öl"), found('"')) == ([2], [2], [])
        assert (found("%"), found("_"), found("0%"), found("a%b")) == ([1], [2], [1], [])
        assert found("' OR 1=1 --") == found("\ud800") == found("\0") == found("x" * 5_000) == []
        assert [*client.connections.list("\0")] == [*client.connections.list("\ud800")] == []
        wanted = ListQuery(search="EXAMPLE")
        assert client.connections.page(wanted, 2, 1)["items"][0]["id"] == 4
        assert client.connections.page(wanted, 1, 1)["total"] == 2


@pytest.fixture
def plans():
    """Return tables that run nothing, and the query plans of what they were asked."""
    database, steps = sqlite3.connect(":memory:", isolation_level=None), []
    migrate(database)

    def explain(sql, arguments=()):
        steps.append([row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {sql}", arguments)])
        return iter(())

    yield ConnectionTable(explain, "store", None), DatastoreTable(explain), steps
    database.close()


@pytest.mark.parametrize("states", [(), ("fails",), ("works", "never")], ids=len)
@pytest.mark.parametrize("types", [(), ("a",), ("a", "b", "c")], ids=len)
@pytest.mark.parametrize("sort", ["id", "name", "type", "state"])
def test_no_list_sorts_what_it_does_not_show(plans, sort, types, states):
    connections, _, steps = plans
    list(connections.select(ListQuery(types=types, states=states, sort=sort, limit=100)))
    assert len(steps) == 1
    assert not [step for step in steps[0] if "TEMP B-TREE" in step]
    if types or states:
        assert not [step for step in steps[0] if step.startswith("SCAN")]


def test_single_records_and_users_of_a_connection_come_from_an_index(plans):
    connections, datastores, steps = plans
    connections.get(1)
    connections.named("x")
    datastores.get(1)
    datastores.named("x")
    list(datastores.of_connection(1))
    datastores.names_of_connection(1)
    assert len(steps) == 6
    assert not [step for plan in steps for step in plan if step.startswith("SCAN") or "TEMP" in step]


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
    with open_store(settings) as store, store.writing():
        for number in range(MANY):
            store.connections.insert(f"n{number}", f"n{number}", "postgresql", {"host": "h"}, {}, "now")
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
