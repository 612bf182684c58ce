"""Entries of the audit log: their order, what is found of them, and what may go."""

import pytest

from qualytics.store import open_store
from qualytics.store.tables.audit import Entry
from qualytics.structs import replace

pytestmark = pytest.mark.both_stores

DONE = Entry(
    created="2026-01-01",
    actor_id=1,
    actor="ada",
    token_id=1,
    address="192.0.2.1",
    request_id="r1",
    action="connection.update",
    object_type="connection",
    object_id=7,
    object_name="prod",
    outcome="done",
    detail={"changed": ["host"]},
)
REFUSED = replace(DONE, outcome="not-allowed")
TEST = replace(DONE, action="connection.test", outcome="failed")


@pytest.fixture
def store(settings):
    with open_store(settings) as found:
        yield found


def write(store, *entries):
    with store.writing():
        for entry in entries:
            store.audit.insert(entry)


def ids(entries):
    return [entry.id for entry in entries]


def test_an_entry_is_read_as_it_was_written(store):
    write(store, DONE)
    assert list(store.audit.select(None, 10)) == [replace(DONE, id=1)]


def test_an_object_of_any_number_can_be_asked_for_in_vain(store):
    write(store, replace(REFUSED, object_id=10**30))
    (entry,) = store.audit.select(None, 10)
    assert entry.object_id == 2**63 - 1


def test_entries_are_found_by_who_did_it_on_what_when_and_how_it_ended(store):
    later = replace(DONE, created="2026-02-01", actor="grace", object_name="dev")
    write(store, DONE, TEST, REFUSED, later)
    for filters, found in (
        ({"actor": "grace"}, [4]),
        ({"object_name": "prod", "outcome": "refused"}, [3]),
        ({"outcome": "failed"}, [2]),
        ({"since": "2026-01-01", "until": "2026-02-01"}, [3, 2, 1]),
        ({"since": "2026-02-01", "actor": "ada"}, []),
    ):
        assert ids(store.audit.select(None, 10, **filters)) == found, filters


def test_entries_are_read_backwards_before_one_and_of_one_action(store):
    write(store, DONE, TEST, REFUSED, TEST)
    assert ids(store.audit.select(None, 3)) == [4, 3, 2]
    assert ids(store.audit.select(3, 10)) == [2, 1]
    assert ids(store.audit.select(None, 10, action="connection.test")) == [4, 2]
    assert ids(store.audit.select(4, 10, action="connection.test")) == [2]
    assert ids(store.audit.select(None, 10, action="connection.delete")) == []


def test_what_was_refused_is_found_by_user_and_of_others_by_name(store):
    unknown = replace(REFUSED, actor_id=None, actor="192.0.2.9")
    write(store, REFUSED, DONE, TEST, unknown, replace(REFUSED, actor_id=2), replace(REFUSED, created="2025-01-01"))
    assert ids(store.audit.refusals(1, "ada", "2025-12-31")) == [1]
    assert ids(store.audit.refusals(1, "ada", "2024-12-31")) == [1, 6]
    assert ids(store.audit.refusals(None, "192.0.2.9", "2025-12-31")) == [4]
    assert ids(store.audit.refusals(None, "ada", "2025-12-31")) == []  # which is the name of a user
    assert ids(store.audit.refusals(1, "ada", "2026-01-01")) == []


def test_the_detail_alone_can_be_written_anew(store):
    write(store, REFUSED, REFUSED)
    with store.writing():
        store.audit.set_detail(2, {"count": 5})
    assert list(store.audit.select(None, 10)) == [
        replace(REFUSED, id=2, detail={"count": 5}),
        replace(REFUSED, id=1),
    ]


def test_tests_uses_and_refusals_pass_and_changes_do_not(store):
    actions = ("connection.discover", "connection.use", "operation.run")
    looks = [replace(DONE, action=action) for action in actions]
    write(store, DONE, TEST, REFUSED, *looks, replace(TEST, created="2026-02-01"))
    assert store.audit.passing("2026-01-15", 0, 10) == [2, 3, 4, 5, 6]
    assert store.audit.passing("2026-01-15", 3, 1) == [4]
    with store.writing():
        store.audit.delete([2, 4])
    assert ids(store.audit.select(None, 10)) == [7, 6, 5, 3, 1]


def test_pruning_removes_all_from_before_a_moment_and_says_how_many(store):
    write(store, DONE, replace(REFUSED, created="2026-01-02"), replace(DONE, created="2026-01-03"))
    with store.writing():
        assert store.audit.prune("2026-01-01") == 0
        assert store.audit.prune("2026-01-03") == 2
    assert ids(store.audit.select(None, 10)) == [3]
    write(store, DONE)
    assert ids(store.audit.select(None, 10)) == [4, 3]  # a number is never used again


def test_what_was_done_to_one_object_is_listed_the_newest_first(store):
    write(store, DONE, REFUSED, replace(DONE, object_id=8), replace(DONE, object_type="datastore"), DONE)
    assert ids(store.audit.of_object("connection", 7, 10)) == [5, 1]
    assert ids(store.audit.of_object("connection", 7, 1)) == [5]
    assert ids(store.audit.of_object("user", 7, 10)) == []


def test_the_last_time_of_each_user_is_listed_the_newest_first(store):
    use = replace(DONE, action="connection.use", detail={"purpose": "load"})
    other, owner = replace(use, actor_id=2, actor="bob"), replace(use, actor_id=None, actor="owner")
    write(store, use, other, owner, use, DONE, replace(use, outcome="not-allowed"), replace(other, object_id=8))
    assert ids(store.audit.last_of_each("connection", 7, "connection.use")) == [4, 3, 2]
    assert ids(store.audit.last_of_each("connection", 9, "connection.use")) == []
