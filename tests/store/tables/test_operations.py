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
    assert store.operations.get(1) == {"id": 1, "message": None, "end_time": None, **ROW}
    assert (store.operations.get(2), store.operations.get(10**30)) == (None, None)


def test_an_operation_ends_once(store):
    for result, when in (("failure", "10:01"), ("success", "10:02")):
        with store.writing():
            store.operations.end(1, result, "why", when)
    found = store.operations.get(1)
    assert (found["result"], found["message"], found["end_time"]) == ("failure", "why", "10:01")
