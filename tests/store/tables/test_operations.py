"""Operations: asked for, ended once, and found by their number."""

import pytest

from qualytics.store import open_store

pytestmark = pytest.mark.both_stores

ROW = {
    "type": "sync",
    "datastore_id": 1,
    "result": "running",
    "user_id": None,
    "created": "10:00",
    "start_time": "10:00",
}


@pytest.fixture
def store(settings):
    with open_store(settings) as found:
        with found.writing():
            assert found.operations.insert(ROW) == 1
        yield found


def test_an_operation_is_read_as_it_was_written(store):
    empty = {"message": None, "end_time": None, "request": {}, "seen": None, "is_cancelled": 0, "crashes": 0}
    assert store.operations.get(1) == {"id": 1, **empty, **ROW}
    assert (store.operations.get(2), store.operations.get(10**30)) == (None, None)


def test_an_operation_ends_once(store):
    for result, when in (("failure", "10:01"), ("success", "10:02")):
        with store.writing():
            store.operations.end(1, result, "why", when)
    found = store.operations.get(1)
    assert (found["result"], found["message"], found["end_time"]) == ("failure", "why", "10:01")


def test_results_come_in_their_order_once_each(store):
    with store.writing():
        for connection, connected in ((7, True), (5, False), (7, False)):
            store.operations.add_result(1, connection, f'{{"id": {connection}}}', connected=connected)
    assert [text for _, text in store.operations.results(1, 0, 10)] == ['{"id": 7}', '{"id": 5}']
    (first, _), _ = store.operations.results(1, 0, 10)
    assert [text for _, text in store.operations.results(1, first, 10)] == ['{"id": 5}']
    assert len(store.operations.results(1, 0, 1)) == 1
    assert (store.operations.counts(1), store.operations.counts(2)) == ((2, 1), (0, 0))
    assert store.operations.tested(1, [5, 6, 7]) == {5, 7}


def test_an_operation_is_taken_over_once_its_process_has_left_or_was_not_heard_of_for_long(store):
    with store.writing():
        assert store.operations.take_over(1, "10:05", "10:01") == 0  # it never said anything
        assert store.operations.take_over(1, "10:06", "10:01") is None
        assert store.operations.take_over(1, "10:07", "10:06") == 1
        store.operations.cancel(1)
        store.operations.end(1, "cancelled", "why", "10:08")
        assert store.operations.take_over(1, "10:09", "10:06") is None  # its process has yet to leave
        store.operations.note(1, None)
        assert store.operations.take_over(1, "10:10", "10:06") == 0  # what has ended begins anew
    found = store.operations.get(1)
    assert (found["result"], found["message"], found["end_time"]) == ("running", None, None)
    assert (found["is_cancelled"], found["seen"]) == (0, "10:10")


def test_a_process_that_leaves_in_order_has_not_crashed(store):
    with store.writing():
        for moment, crashes in (("10:05", 0), ("10:06", 0), ("10:07", 1), ("10:08", 2)):
            assert store.operations.take_lost(1, moment, moment) == crashes
            if moment == "10:05":
                store.operations.note(1, None)
        assert store.operations.take_lost(1, "10:09", "10:08") is None


def test_only_what_runs_is_cancelled_or_goes_on_after_all(store):
    with store.writing():
        store.operations.cancel(1)
        assert store.operations.get(1)["is_cancelled"] == 1
        store.operations.uncancel(1)
        assert store.operations.get(1)["is_cancelled"] == 0
        store.operations.end(1, "success", None, "10:01")
        store.operations.cancel(1)
        assert store.operations.get(1)["is_cancelled"] == 0


def test_results_of_operations_that_ended_long_ago_are_dropped(store):
    with store.writing():
        assert store.operations.insert(ROW) == 2
        for operation in (1, 2):
            store.operations.add_result(operation, 7, "{}", connected=True)
        store.operations.end(1, "success", None, "10:01")
        store.operations.expire("10:02")
    assert (store.operations.counts(1), store.operations.counts(2)) == ((0, 0), (1, 0))
