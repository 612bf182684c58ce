"""Past tests: the last hundred of each connection, the newest first, and the state that the last one leaves."""

import pytest

from qualytics.errors import StoreDamaged
from qualytics.model import ListQuery
from qualytics.store import open_store
from qualytics.store.tables.past_tests import MAX_KEPT, PastTest, State

pytestmark = pytest.mark.both_stores


def past_test(number, *, connected=True, version=1):
    failed = {"stage": "login", "failure_class": "auth", "code": "28P01"}
    return PastTest(
        version=version,
        at=f"{number:04}",
        user_id=None if connected else 7,
        user_name="owner" if connected else "Ada",
        connected=connected,
        **dict.fromkeys(failed) if connected else failed,
        duration_ms=12.25,
        ms={"resolve": 0.5, "login": 11.75},
        product_version="16.2" if connected else None,
        driver_version="3.2",
    )


@pytest.fixture
def store(filled):
    with open_store(filled) as found:
        yield found


def add(store, *tests, connection_id=1):
    with store.writing():
        store.past_tests.add([(connection_id, test) for test in tests])


def ats(store, connection_id=1, **window):
    return [test.at for test in store.past_tests.select(connection_id, **window)]


def state_of(store, connection_id=1):
    return store.past_tests.states([connection_id])[connection_id]


def test_a_test_is_read_as_it_was_written_the_newest_first(store):
    tests = [past_test(1), past_test(2, connected=False)]
    add(store, *tests)
    assert list(store.past_tests.select(1)) == tests[::-1]
    assert (store.past_tests.count(1), store.past_tests.count(2), store.past_tests.count(10**30)) == (2, 0, 0)
    assert (ats(store, limit=1), ats(store, limit=1, skip=1), ats(store, 2)) == (["0002"], ["0001"], [])


def test_a_hundred_of_each_connection_are_kept_however_they_come(store):
    for number in range(MAX_KEPT - 2):
        add(store, past_test(number))
    add(store, past_test(1), connection_id=2)
    with store.writing():  # many at once, of two connections
        store.past_tests.add([(1 + number % 2, past_test(number)) for number in range(200, 210)])
    assert (store.past_tests.count(1), store.past_tests.count(2)) == (MAX_KEPT, 6)
    assert (ats(store)[:2], ats(store)[-1]) == (["0208", "0206"], "0003")
    add(store, *(past_test(number) for number in range(300, 300 + 3 * MAX_KEPT)))
    assert (store.past_tests.count(1), ats(store)[-1]) == (MAX_KEPT, f"{300 + 2 * MAX_KEPT:04}")


def test_the_tests_of_a_connection_go_with_it_and_none_come_after_it(store):
    add(store, past_test(1), connection_id=2)
    with store.writing():
        store.connections.delete(2)
    add(store, past_test(2), connection_id=2)
    assert (store.past_tests.count(2), store.past_tests.states([2])) == (0, {})


def test_a_state_begins_with_the_first_of_the_tests_in_a_row_that_ended_alike(store):
    assert state_of(store) == State(None, None, None, None, None, None, "never")
    add(store, past_test(1), past_test(2))
    assert state_of(store) == State(
        connected=True, since="0001", at="0002", stage=None, failure_class=None, code=None, state="works"
    )
    add(store, *(past_test(number, connected=False) for number in range(3, 3 + 2 * MAX_KEPT)))
    failed = {"stage": "login", "failure_class": "auth", "code": "28P01"}
    assert state_of(store) == State(connected=False, since="0003", at="0202", **failed, state="fails")  # no longer kept
    add(store, past_test(300))
    assert state_of(store).since == "0300"


def test_a_state_is_not_of_now_once_the_connection_has_other_values(store):
    add(store, past_test(1))
    with store.writing():
        store.connections.update(1, {"values_version": 2}, {}, ())
    assert state_of(store).state == "unknown"
    add(store, past_test(2, version=2))
    assert state_of(store).state == "works"


def test_states_of_many_come_at_once(store):
    add(store, past_test(1), connection_id=3)
    states = store.past_tests.states([1, 2, 3, 10**30])
    assert {key: state.connected for key, state in states.items()} == {1: None, 2: None, 3: True}


def test_a_list_begins_with_the_worst_and_finds_those_of_a_state(store):
    add(store, past_test(1), connection_id=1)
    add(store, past_test(1, connected=False), connection_id=3)
    worst = [one.id for one in store.connections.select(ListQuery(sort="state"))]
    assert (worst[0], worst[-1]) == (3, 1)
    assert [one.id for one in store.connections.select(ListQuery(states=("works", "fails", "works")))] == [1, 3]
    both = ListQuery(states=("works", "fails"), types=("postgresql", "mysql"), sort="state", skip=1, limit=1)
    assert [one.id for one in store.connections.select(both)] == [int(worst[-1])]
    assert store.connections.count(both) == 2
    assert store.connections.count(ListQuery(states=("fails",))) == 1
    kind = store.connections.get(3).type
    assert store.connections.count_states()[kind, "fails"] == 1
    assert store.past_tests.count_classes() == {(kind, "auth"): 1}
    with store.writing():
        store.connections.update(3, {"values_version": 2}, {}, ())
        store.connections.update(2, {"values_version": 2}, {}, ())
    assert [state_of(store, number).state for number in (1, 2, 3)] == ["works", "never", "unknown"]
    assert store.past_tests.count_classes() == {}


def test_times_that_cannot_be_read_are_damage(store, raw, filled):
    add(store, past_test(1))
    raw(filled, "UPDATE past_tests SET ms = '{'")
    with pytest.raises(StoreDamaged):
        list(store.past_tests.select(1))
