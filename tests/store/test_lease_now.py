"""A lease that takes no waiting, for what must not wait: given where the store is at hand, and else not."""

import time
from contextlib import closing
from dataclasses import replace

import pytest

from qualytics.model import Wanted
from qualytics.store import open_pool, open_store
from qualytics.store.sealing.rotation import rotate
from qualytics.store.sqlite import lock


@pytest.fixture
def pool(filled):
    with closing(open_pool(replace(filled, busy_s=30.0))) as found:
        yield found


def names(store):
    return [one.name for one in store.connections.select()]


def test_a_store_that_is_not_open_yet_is_not_given(pool):
    assert pool.lease_now() is None


def test_an_idle_store_is_given_with_what_others_wrote_and_taken_back(pool, filled):
    with pool.lease() as store:
        pass
    with open_store(filled) as other, other.writing():
        other.connections.delete(3)
    with pool.lease_now() as again:
        assert again is store
        assert names(again) == ["c1", "c2"]
        assert pool.lease_now() is None
    with lock.locked(filled.lock_path, exclusive=True, wait_s=0):
        pass


def test_a_store_that_somebody_has_for_himself_is_not_waited_for(pool, filled):
    with pool.lease():
        pass
    with lock.locked(filled.lock_path, exclusive=True, wait_s=0):
        began = time.monotonic()
        assert pool.lease_now() is None
        assert time.monotonic() - began < 30.0
    with pool.lease() as store:
        assert names(store) == ["c1", "c2", "c3"]


def test_after_a_rotation_the_secrets_open_with_the_new_key(pool, filled):
    with pool.lease() as store:
        store.connections.secrets(1)
    new = rotate(filled)["new_key"]
    with pool.lease_now() as store:
        assert store.connections.secrets(1)["password"].reveal() == "canary-1"
        assert store.key_id == store.key().id == new


def counted_after_an_insert(store):
    store.connections.insert("y", "y", "mysql", {}, {}, "now")
    assert store.connections.count(Wanted()) == 5


def test_a_count_is_that_of_now_after_changes_of_others_of_its_own_and_one_that_was_taken_back(pool, filled):
    def count():
        with pool.lease() as store:
            return store.connections.count(Wanted()), store.connections.count(Wanted(types=("mysql",)))

    assert count() == count() == count() == (3, 0)
    with open_store(filled) as other, other.writing():
        other.connections.insert("x", "x", "mysql", {}, {}, "now")
    assert count() == (4, 1)
    with pytest.raises(ZeroDivisionError), pool.lease() as store, store.writing():
        raise ZeroDivisionError(counted_after_an_insert(store))
    assert count() == (4, 1)
    with pool.lease() as store:
        with store.writing():
            store.connections.delete(3)
        assert store.connections.count(Wanted()) == 3
    assert count() == (3, 1)
