"""A store that is leased again sees what others changed meanwhile: rows, counts and keys."""

from contextlib import closing

import pytest

from qualytics.model import ListQuery
from qualytics.store import open_pool, open_store
from qualytics.store.sealing.rotation import rotate
from qualytics.store.sqlite import lock
from qualytics.structs import replace


@pytest.fixture
def pool(filled):
    with closing(open_pool(replace(filled, busy_s=30.0))) as found:
        yield found


def test_an_idle_store_is_given_with_what_others_wrote(pool, filled):
    with pool.lease() as store:
        pass
    with open_store(filled) as other, other.writing():
        other.connections.delete(3)
    with pool.lease() as again:
        assert again is store
        assert [one.name for one in again.connections.select()] == ["c1", "c2"]
    with lock.locked(filled.lock_path, exclusive=True, wait_s=0):
        pass  # nobody holds what was given back


def test_after_a_rotation_the_secrets_open_with_the_new_key(pool, filled):
    with pool.lease() as store:
        store.connections.secrets(1)
    new = rotate(filled)["new_key"]
    with pool.lease() as store:
        assert store.connections.secrets(1)["password"].reveal() == "canary-1"
        assert store.key_id == store.key().id == new


def counted_after_an_insert(store):
    store.connections.insert("y", "y", "mysql", {}, {}, "now")
    assert store.connections.count(ListQuery()) == 5


def test_a_count_is_that_of_now_after_changes_of_others_of_its_own_and_one_that_was_taken_back(pool, filled):
    def count():
        with pool.lease() as store:
            return store.connections.count(ListQuery()), store.connections.count(ListQuery(types=("mysql",)))

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
        assert store.connections.count(ListQuery()) == 3
    assert count() == (3, 1)
