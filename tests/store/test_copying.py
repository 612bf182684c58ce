"""Copying a store: all of it, sealed anew, or nothing."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from qualytics.client.local import LocalClient
from qualytics.errors import Conflict, KeyMissing, SealBroken, UsageError
from qualytics.secret import Secret
from qualytics.store import open_store
from qualytics.store.copying import copy
from qualytics.store.postgres.opening import _ADVISORY
from qualytics.store.schema import TABLES
from qualytics.store.sealing.rotation import rotate
from qualytics.store.sqlite.upkeep import backup, check
from qualytics.structs import replace
from testbed import servers
from tests.support.threads import Threads

pytestmark = pytest.mark.slow  # each waits for the disk many times

FIELDS = {"type": "postgresql", "host": "h", "username": "u", "password": "p"}


@pytest.fixture
def source(filled, raw):
    """Return an embedded store with a row in every table, and a connection less than it ever gave ids."""
    with open_store(filled) as store, store.writing():
        store.own_secrets.set("tokens", Secret("mine"))
        store.connections.set_tags(1, ["finance"])
        store.connections.delete(3)
    raw(
        filled,
        "INSERT INTO users (version, name, name_key, kind, role, created) VALUES (1, 'a', 'a', 'user', 'Admin', 'n')",
    )
    raw(filled, "INSERT INTO tokens (user_id, name, hash, created, expires) VALUES (1, 't', 'h', 'n', 'n')")
    raw(
        filled,
        "INSERT INTO grants (user_id, connection_id, created, created_by, expires) VALUES (1, 1, 'n', 'a', NULL)",
    )
    raw(filled, "INSERT INTO logins (hash, kind, detail, expires) VALUES ('h', 'k', '{}', 'n')")
    raw(
        filled,
        "INSERT INTO audit (created, actor, action, object_type, outcome, detail) "
        "VALUES ('n', 'a', 'x', 'y', 'done', '{}')",
    )
    raw(filled, "INSERT INTO operations (type, datastore_id, result, created) VALUES ('sync', 1, 'running', 'n')")
    raw(filled, "INSERT INTO operation_results (operation_id, connection_id, connected, result) VALUES (1, 1, 1, '{}')")
    raw(
        filled,
        "INSERT INTO past_tests (connection_id, number, version, at, since, user_name, connected, duration_ms, ms) "
        "VALUES (1, 7, 1, 'n', 'n', 'owner', 1, 1.5, '{}')",
    )
    return filled


@pytest.fixture(params=["directory", pytest.param("postgresql", marks=pytest.mark.servers)])
def target(request, tmp_path, monkeypatch):
    """Return a place for a copy and the settings that open it."""
    if request.param == "directory":
        place = tmp_path / "copy"
        return str(place), lambda source: replace(source, home=place)
    settings = request.getfixturevalue("on_postgres")(request.getfixturevalue("settings"))
    monkeypatch.delenv("QUALYTICS_STORE")
    return settings.store_url.reveal(), lambda _source: replace(settings, busy_s=5.0)


def everything(raw, settings):
    left_out = {"secrets": "connection_id, field", "own_secrets": "id, name"}
    return {
        table: sorted(raw(settings, f"SELECT {left_out.get(table, '*')} FROM {table}"), key=str) for table in TABLES
    }


def test_a_copy_holds_every_row_every_secret_and_the_next_ids(source, target, raw, secrets_of, run):
    before = everything(raw, source)
    assert all(before.values())
    done = run("store", "copy", "--to", target[0], "--format", "json")
    assert done.code == 0, done.err
    assert {table: done.json[table] for table in TABLES} == {table: len(rows) for table, rows in before.items()}
    settings = target[1](source)
    assert everything(raw, settings) == before
    assert secrets_of(settings) == secrets_of(source) == {"c1": "canary-1", "c2": "canary-2"}
    with open_store(settings) as store, open_store(source) as other:
        assert store.own_secrets.get("tokens").reveal() == "mine"
        assert store.store_id == done.json["store_id"] != other.store_id
        assert store.last_ids() == other.last_ids()
    assert not {row[0] for row in raw(source, "SELECT sealed FROM secrets")} & {
        bytes(row[0]) for row in raw(settings, "SELECT sealed FROM secrets")
    }
    with LocalClient(settings) as client:
        assert client.connections.create(FIELDS)["id"] == 4
    assert check(settings)["ok"]


def test_a_copy_may_have_a_key_of_its_own(source, target, secrets_of, run, tmp_path):
    place = tmp_path / "new-key"
    done = run("store", "copy", "--to", target[0], "--new-key-file", place, "--format", "json")
    assert (done.code, done.json["key"]) == (0, str(place))
    assert f"note: only the key in {place} opens the copy" in done.err
    assert place.read_text() != source.key_path.read_text()
    assert secrets_of(replace(target[1](source), key_file=place)) == secrets_of(source)


def test_a_target_that_is_not_empty_is_refused_and_stays_as_it_is(source, target, raw):
    copy(source, target[0])
    before = everything(raw, target[1](source))
    with LocalClient(source) as client:
        client.connections.create(FIELDS)
    with pytest.raises(Conflict, match="is not empty"):
        copy(source, target[0])
    assert everything(raw, target[1](source)) == before


def test_a_secret_that_does_not_open_stops_the_copy_and_nothing_is_left_in_it(source, target, raw):
    raw(source, "UPDATE own_secrets SET sealed = zeroblob(40)")
    with pytest.raises(SealBroken):
        copy(source, target[0])
    assert not any(everything(raw, target[1](source)).values())


def test_without_the_key_of_the_source_nothing_is_made(source, tmp_path):
    source.key_path.unlink()
    with pytest.raises(KeyMissing):
        copy(source, str(tmp_path / "copy"))
    assert not os.path.exists(tmp_path / "copy")


def test_a_file_is_no_target(source, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="is not a directory"):
        copy(source, str(tmp_path / "file"))


@pytest.fixture
def in_use(settings, on_postgres):
    """Return settings of a filled store on PostgreSQL, whose writers wait for each other."""
    found = replace(on_postgres(settings), busy_s=30.0)
    with LocalClient(found) as client:
        for number in range(3):
            client.connections.create({**FIELDS, "name": f"c{number}"})
    return found


@pytest.mark.servers
def test_a_key_that_is_rotated_while_the_target_is_made_breaks_no_seal(in_use, postgres_server, raw):
    """Who makes a store holds a lock of its database: while that is held the copy has begun and read nothing."""
    database = f"target_{os.getpid()}"
    with closing(servers.postgres_admin(postgres_server)) as admin:
        admin.execute(f"CREATE DATABASE {database}")
    target = (
        f"postgresql://{postgres_server.user}:{postgres_server.password}@127.0.0.1:{postgres_server.port}/{database}"
    )
    with closing(servers.postgres_admin(postgres_server, database)) as holder, ThreadPoolExecutor(2) as threads:
        holder.execute(f"SELECT pg_advisory_lock({_ADVISORY})")
        copying = threads.submit(copy, in_use, target)
        while not holder.execute("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchall():
            assert not copying.done(), copying.exception()
        before = raw(in_use, "SELECT value FROM meta WHERE name = 'key_id'")
        rotating = threads.submit(rotate, in_use)
        while raw(in_use, "SELECT value FROM meta WHERE name = 'key_id'") == before:
            assert not rotating.done(), rotating.exception()
        holder.execute(f"SELECT pg_advisory_unlock({_ADVISORY})")
        assert copying.result(60)["connections"] == 3
        assert rotating.result(60)["secrets"] == 3  # which waited to forget the old key until it was not needed
    assert check(replace(in_use, store_url=Secret(target)))["ok"]


class Changing(Threads):
    """One thread that makes and deletes connections, and one that rotates the key."""

    def __init__(self, settings):
        super().__init__(2)
        self._settings = settings

    def once(self, number, count):
        if number:
            rotate(self._settings)
        else:
            with LocalClient(self._settings) as client:
                made = client.connections.create({**FIELDS, "name": f"n{count}", "password": f"p{count}"})
                client.datastores.create(
                    {"name": f"d{count}", "connection_id": made["id"], "database": "x", "schema": "y"}
                )
                if count % 2:
                    client.datastores.delete(client.datastores.find(f"d{count}"))
                    client.connections.delete(made["id"])
        self.done()


@pytest.mark.servers
@pytest.mark.parametrize("engine", ["embedded", "postgresql"])
def test_a_store_in_use_is_copied_backed_up_and_checked_as_of_one_moment(engine, request, filled, tmp_path):
    settings = replace(filled, busy_s=30.0) if engine == "embedded" else request.getfixturevalue("in_use")
    with Changing(settings) as changing:
        for number in range(12):
            changing.wait(2)
            found = check(settings)
            assert found["problems"] == []
            place = tmp_path / f"copy{number}"
            copy(settings, str(place))
            copied = replace(settings, home=place, store_url=None, key_file=None)
            assert check(copied)["problems"] == []
            with LocalClient(copied) as client:
                names = {found["name"] for found in client.connections.list()}
                assert all(store["connection_name"] in names for store in client.datastores.list())
            if engine == "embedded":
                backup(settings, tmp_path / f"backup{number}")
