"""A pool: opened once, leased to many threads, while others rotate, restore and migrate."""

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest

from qualytics.client.local import LocalClient
from qualytics.errors import Busy, StoreError, StoreNewer
from qualytics.secret import Secret
from qualytics.store import open_pool, open_store
from qualytics.store.schema import VERSION
from qualytics.store.sealing.rotation import rotate
from qualytics.store.sqlite import lock
from qualytics.store.sqlite.upkeep import backup, check, restore
from qualytics.structs import replace
from tests.support.threads import Threads


@pytest.fixture
def patient(filled):
    """Return settings of the filled store with the patience that a server has."""
    return replace(filled, busy_s=30.0)


@pytest.fixture
def pool(patient):
    with closing(open_pool(patient)) as found:
        yield found


def names(store):
    return [one.name for one in store.connections.select()]


def test_a_lease_gives_the_store_and_the_next_one_the_same_database(pool):
    with pool.lease() as store:
        assert names(store) == ["c1", "c2", "c3"]
    with pool.lease() as again:
        assert again is store
        assert names(again) == ["c1", "c2", "c3"]


def test_two_leases_at_once_are_two_databases(pool):
    with pool.lease() as one, pool.lease() as other:
        assert one is not other


@pytest.mark.both_stores
def test_what_another_process_writes_is_seen_by_the_next_lease(pool, patient):
    with pool.lease() as store:
        next(store.connections.select())  # a row is left unread
    with open_store(patient) as store, store.writing():
        store.connections.delete(3)
    with pool.lease() as store:
        assert names(store) == ["c1", "c2"]


def test_rows_that_a_lease_left_unread_are_not_read_after_it(pool):
    with pool.lease() as store:
        rows = store.connections.select()
        next(rows)
    with pool.lease(), pytest.raises(StoreError, match="closed"):
        next(rows)


def test_between_two_leases_the_store_is_free_for_whoever_needs_it_alone(pool, filled):
    with pool.lease() as store:
        store.connections.secrets(1)
    with lock.locked(filled.lock_path, exclusive=True, wait_s=0):
        pass
    with pool.lease(), pytest.raises(Busy), lock.locked(filled.lock_path, exclusive=True, wait_s=0):
        pass


@pytest.mark.both_stores
def test_a_lease_opens_and_seals_with_the_key_of_now(pool, patient, secrets_of):
    with pool.lease() as store:
        assert store.connections.secrets(1)["password"].reveal() == "canary-1"
    new = rotate(patient)["new_key"]
    with pool.lease() as store:
        assert store.connections.secrets(1)["password"].reveal() == "canary-1"
        assert store.key_id == store.key().id == new
        with store.writing():
            store.connections.update(2, {}, {"password": Secret("fresh")}, ())
    assert secrets_of(patient)["c2"] == "fresh"
    assert check(patient)["ok"]


def test_a_lease_after_a_restore_reads_the_restored_store(pool, patient, tmp_path, secrets_of):
    backup(patient, tmp_path / "copy")
    with pool.lease() as store, store.writing():
        store.connections.delete(2)
    restore(patient, tmp_path / "copy")
    with LocalClient(patient) as client:  # a change that stands in the log of the new file alone
        client.connections.update(1, {"host": "new"})
        with pool.lease() as store:
            assert names(store) == ["c1", "c2", "c3"]
            assert store.connections.get(1).values["host"] == "new"
    assert secrets_of(patient) == {f"c{number}": f"canary-{number}" for number in (1, 2, 3)}
    assert check(patient)["ok"]


def test_a_store_that_a_newer_version_has_changed_is_refused_by_the_next_lease(pool, filled):
    with pool.lease():
        pass
    with sqlite3.connect(filled.store_path) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    database.close()
    with pytest.raises(StoreNewer), pool.lease():
        pass


@pytest.mark.both_stores
def test_a_failed_change_gives_back_a_store_that_can_be_used(pool):
    with pytest.raises(ZeroDivisionError), pool.lease() as store, store.writing():
        raise ZeroDivisionError(store.connections.delete(2))
    with pool.lease() as store:
        assert names(store) == ["c1", "c2", "c3"]


@pytest.mark.both_stores
def test_a_forked_child_opens_databases_of_its_own(pool, filled):
    with pool.lease() as store:
        names(store)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with pool.lease() as store, store.writing():
                store.connections.delete(3)
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with pool.lease() as store:
        assert names(store) == ["c1", "c2"]
    assert check(filled)["ok"]


def test_a_closed_pool_keeps_nothing_open(filled):
    handles = len(os.listdir("/dev/fd"))
    pool = open_pool(filled)
    with pool.lease(), pool.lease():
        assert len(os.listdir("/dev/fd")) > handles
        pool.close()
    assert len(os.listdir("/dev/fd")) == handles


class Load(Threads):
    """Threads that read, open and write through a pool until told to stop; what fails is kept."""

    def __init__(self, pool):
        super().__init__(4)
        self.failures, self._pool = [], pool

    def once(self, number, _count):
        try:
            with self._pool.lease() as store:
                assert store.connections.secrets(1)["password"].reveal() == "canary-1"
                if number == 0:
                    with store.writing():
                        store.connections.update(2, {}, {"password": Secret("again")}, ())
            self.done()
        except Exception as exc:  # noqa: BLE001 - the test shows them all
            self.failures.append(exc)

    def wait(self, rounds):
        for _ in range(rounds):
            if not self.failures:  # else the test tells of them, and nothing more may come
                super().wait(1)


@pytest.mark.slow
@pytest.mark.both_stores
def test_a_key_is_rotated_while_threads_use_the_store_and_none_fails(pool, patient):
    with Load(pool) as load:
        ids = []
        for _ in range(10):
            load.wait(50)
            ids.append(rotate(patient)["new_key"])
        load.wait(50)
    assert load.failures == []
    assert len(set(ids)) == 10
    found = check(patient)
    assert (found["key_id"], found["problems"]) == (ids[-1], [])


OVERLAPPING_READERS = """
import itertools
from qualytics.store import open_store
from qualytics.settings import load
print("go", flush=True)
for number in itertools.count():
    with open_store(load()) as store:
        list(store.connections.select())
"""


@pytest.mark.slow
def test_a_rotation_is_never_kept_waiting_by_readers_that_overlap(patient):
    readers = [subprocess.Popen([sys.executable, "-c", OVERLAPPING_READERS], stdout=subprocess.PIPE) for _ in range(6)]
    try:
        for reader in readers:
            assert reader.stdout.readline() == b"go\n"
        for _ in range(5):
            assert rotate(replace(patient, busy_s=5.0))["secrets"] == 3
        assert [reader.poll() for reader in readers] == [None] * 6
    finally:
        for reader in readers:
            reader.kill()
            reader.communicate()


def refused_rotation(settings):
    with pytest.raises(Busy):
        rotate(settings)


@pytest.mark.slow
def test_one_who_keeps_the_store_for_long_does_not_keep_readers_out_when_a_rotation_waits(patient):
    with open_store(patient) as store:
        names(store)
        waiting = threading.Thread(target=refused_rotation, args=(replace(patient, busy_s=3.0),))
        waiting.start()
        while waiting.is_alive():
            with open_store(patient) as other:
                assert names(other) == ["c1", "c2", "c3"]
    waiting.join()
    assert check(patient)["ok"]
