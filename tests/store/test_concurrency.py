"""Many processes at once: one key, one schema, no lost change, never a locked database."""

import json
import os
import sqlite3

import pytest

from qualytics.client.local import LocalClient
from qualytics.errors import Busy
from qualytics.store import open_store
from qualytics.store.schema import MIGRATIONS, VERSION
from qualytics.store.sqlite import lock
from qualytics.store.sqlite.opening import migrate
from qualytics.store.sqlite.upkeep import backup, check, restore
from tests.support.older_stores import undoing

CREATE_FIFTY = """
import json
made = []
with qualytics.connect() as client:
    for number in range(50):
        fields = {"type": "postgresql", "name": f"p{sys.argv[1]}-{number}", "host": "h", "username": "u"}
        made.append(client.connections.create(fields | {"password": "p"})["id"])
print(json.dumps(made))
"""
CREATE_TEN_EACH_IN_A_STORE_OPENED_ANEW = """
import json
made = []
for number in range(10):
    with qualytics.connect() as client:
        fields = {"type": "postgresql", "name": f"p{sys.argv[1]}-{number}", "host": "h", "username": "u"}
        made.append(client.connections.create(fields | {"password": "p"})["id"])
print(json.dumps(made))
"""
CREATE_WITHOUT_NAME = """
with qualytics.connect() as client:
    fields = {"type": "postgresql", "host": "h", "username": "u", "password": "p"}
    print(client.connections.create(fields)["name"])
"""
UPDATE_ONE = """
with qualytics.connect() as client:
    for number in range(20):
        client.connections.update(1, {"parameters": {}, "host": f"h{sys.argv[1]}-{number}"})
"""


@pytest.mark.slow
def test_twenty_first_starts_make_one_key_and_one_store(together, settings):
    names = together(CREATE_WITHOUT_NAME, 20)
    assert len(set(names)) == 20
    assert sorted(os.listdir(settings.home)) == ["key", "store.db", "store.lock"]
    found = check(settings)
    assert (found["connections"], found["secrets"], found["ok"]) == (20, 20, True)
    assert len(settings.key_path.read_text().split()) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("text", "each"), [(CREATE_FIFTY, 50), (CREATE_TEN_EACH_IN_A_STORE_OPENED_ANEW, 10)])
@pytest.mark.both_stores
def test_all_creates_of_twenty_processes_at_once_are_there(together, settings, text, each):
    ids = [one for output in together(text, 20) for one in json.loads(output)]
    assert sorted(ids) == list(range(1, 20 * each + 1))
    with LocalClient(settings) as client:
        names = {one["name"] for one in client.connections.list()}
    assert names == {f"p{process}-{number}" for process in range(20) for number in range(each)}
    assert check(settings)["ok"]


@pytest.mark.slow
@pytest.mark.both_stores
def test_no_update_is_lost(together, filled):
    together(UPDATE_ONE, 5)
    with open_store(filled) as store:
        assert store.connections.get(1).version == 1 + 5 * 20


@pytest.mark.slow
def test_a_first_start_waits_for_nobody_who_keeps_the_ready_store_open(together, settings):
    # Each keeps the store open until all have it.
    text = """
with qualytics.connect() as client:
    print(len(list(client.connections.list())), flush=True)
    sys.stdin.read()
"""
    assert together(text, 8) == ["0\n"] * 8


def older_store(settings, version):
    """Turn a store into one of an older schema."""
    with sqlite3.connect(settings.store_path) as database:
        for statement in undoing(version):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {version}")
    database.close()


def objects(path):
    database = sqlite3.connect(path)
    found = database.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY name").fetchall()
    database.close()
    return found


@pytest.mark.parametrize("version", range(1, VERSION))
@pytest.mark.slow
def test_an_older_store_is_migrated_once_when_many_start_together(together, filled, version):
    before = objects(filled.store_path)
    older_store(filled, version)
    assert objects(filled.store_path) != before
    assert (
        together("with qualytics.connect() as client:\n    print(len(list(client.connections.list())))", 4)
        == ["3\n"] * 4
    )
    assert objects(filled.store_path) == before
    assert check(filled)["ok"]


def test_connections_of_a_store_without_tags_have_none(filled):
    older_store(filled, 5)
    with LocalClient(filled) as client:
        first, *_ = client.connections.list()
        assert (first["name"], first["tags"], first["owner"]) == ("c1", [], None)
        assert client.connections.update(1, {"add_tags": ["a"], "owner": "o"})["tags"] == ["a"]


def test_an_older_backup_is_migrated_when_it_is_restored(filled, tmp_path):
    before = objects(filled.store_path)
    older_store(filled, 1)
    os.rename(filled.store_path, tmp_path / "old")
    restore(filled, tmp_path / "old")
    assert objects(filled.store_path) == before


def test_a_migration_waits_until_nobody_uses_the_older_store(filled):
    older_store(filled, 1)
    with lock.locked(filled.lock_path, exclusive=False, wait_s=0), pytest.raises(Busy, match="store is busy"):
        open_store(filled)
    with open_store(filled) as store:
        assert store.connections.get(1) is not None


def test_migrations_run_each_in_one_transaction_with_its_number():
    database = sqlite3.connect(":memory:", isolation_level=None)
    migrate(database, ["CREATE TABLE a (x)"])
    with pytest.raises(sqlite3.OperationalError):
        migrate(database, ["never run again", "CREATE TABLE b (x); CREATE TABLE c (x)", "CREATE TABLE d (x); nonsense"])
    database.execute("ROLLBACK")
    assert [row[0] for row in database.execute("SELECT name FROM sqlite_schema")] == ["a", "b", "c"]
    assert database.execute("PRAGMA user_version").fetchone() == (2,)
    migrate(database, ["", "", "CREATE TABLE d (x)"])
    assert database.execute("PRAGMA user_version").fetchone() == (3,)
    database.close()


def test_all_migrations_give_the_same_schema_one_by_one_and_at_once():
    schemas = []
    for steps in (range(1, VERSION + 1), [VERSION]):
        database = sqlite3.connect(":memory:", isolation_level=None)
        for step in steps:
            migrate(database, MIGRATIONS[:step])
        schemas.append(database.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall())
        database.close()
    assert schemas[0] == schemas[1]


@pytest.mark.slow
def test_a_backup_while_others_write_is_a_state_between_two_changes(filled, tmp_path):
    """Each writer's change is a pair in one transaction: a copy never holds one without the other."""
    ready, over = os.pipe(), os.pipe()
    writer = os.fork()
    if writer == 0:
        code = 1
        try:
            os.close(over[1])
            with open_store(filled) as store:
                os.write(ready[1], b"!")
                os.set_blocking(over[0], False)
                number = 0
                while not over_now(over[0]):
                    number += 1
                    with store.writing():
                        for connection_id in (1, 2):
                            store.connections.update(connection_id, {"host": f"h{number}"}, {}, ())
            code = 0
        finally:
            os._exit(code)
    os.close(over[0])
    assert os.read(ready[0], 1) == b"!"
    for number in range(20):
        backup(filled, tmp_path / f"copy{number}")
    os.close(over[1])
    assert os.waitstatus_to_exitcode(os.waitpid(writer, 0)[1]) == 0
    seen = set()
    for number in range(20):
        database = sqlite3.connect(tmp_path / f"copy{number}")
        one, other = database.execute("SELECT host FROM connections WHERE id < 3").fetchall()
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        database.close()
        assert one == other
        seen.add(one)
    assert len(seen) > 1


def over_now(pipe):
    try:
        return os.read(pipe, 1) == b""
    except BlockingIOError:
        return False
