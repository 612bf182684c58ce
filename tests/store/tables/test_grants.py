"""Grants: found by user and connection, one for each pair, and gone with either."""

import pytest

from qualytics.store import open_store
from qualytics.store.tables.accounts import User
from qualytics.store.tables.grants import Grant
from qualytics.structs import replace

pytestmark = pytest.mark.both_stores

GRANT = Grant(user_id=1, connection_id=1, created="2026-01-01", created_by="root", expires="2026-02-01")


@pytest.fixture
def store(filled):
    with open_store(filled) as found:
        with found.writing():
            for name in ("ada", "bob"):
                user = {"kind": "user", "role": "Member", "email": None, "password_hash": None}
                found.accounts.insert_user(
                    User(name=name, name_key=name, issuer=None, subject=None, created="2026-01-01", **user)
                )
        yield found


def add(store, *grants):
    with store.writing():
        return [store.grants.insert(grant) for grant in grants]


def pairs(grants):
    return [(grant.user_id, grant.connection_id) for grant in grants]


def test_a_grant_is_read_as_it_was_written_with_the_names_of_now(store):
    (number,) = add(store, replace(GRANT, expires=None))
    found = store.grants.get(number)
    assert vars(found) == vars(store.grants.of(1, 1))
    assert (found.user_name, found.connection_name) == ("ada", store.connections.get(1).name)
    assert (found.created, found.created_by, found.expires) == ("2026-01-01", "root", None)
    assert store.grants.get(number + 1) is None
    assert store.grants.get(10**30) is None
    assert store.grants.of(2, 1) is None


def test_grants_are_listed_and_counted_by_user_and_by_connection(store):
    add(store, GRANT, replace(GRANT, user_id=2), replace(GRANT, connection_id=2))
    assert pairs(store.grants.select()) == [(1, 1), (2, 1), (1, 2)]
    assert pairs(store.grants.select(skip=1, limit=1)) == [(2, 1)]
    assert pairs(store.grants.select(user_id=1)) == [(1, 1), (1, 2)]
    assert pairs(store.grants.select(connection_id=1)) == [(1, 1), (2, 1)]
    assert pairs(store.grants.select(user_id=2, connection_id=2)) == []
    assert [store.grants.count(*filters) for filters in ((), (1,), (None, 1), (2, 2))] == [3, 2, 2, 0]


def test_a_grant_is_gone_with_its_user_or_its_connection(store):
    first, second, third = add(
        store, GRANT, replace(GRANT, user_id=2, connection_id=3), replace(GRANT, connection_id=2)
    )
    with store.writing():
        store.grants.delete(third)
    assert pairs(store.grants.select()) == [(1, 1), (2, 3)]
    with store.writing():
        store.accounts.delete_user(1)
    assert (store.grants.get(first), pairs(store.grants.select())) == (None, [(2, 3)])
    with store.writing():
        store.connections.delete(3)
    assert store.grants.get(second) is None
