"""The queue of tests: a bounded number at once, a bounded queue, and no owner who keeps others from theirs."""

from __future__ import annotations

import queue
import threading

import pytest

from qualytics.errors import Abandoned, TooMany
from qualytics.probe.parent.cancellation import Cancellation
from qualytics.probe.parent.fair_queue import FairQueue

LONG_S = 30.0


class Queued(Cancellation):
    """Tells when a test stands in the queue."""

    def __init__(self):
        super().__init__()
        self.is_queued = threading.Event()

    def calling(self, callback):
        self.is_queued.set()
        return super().calling(callback)


class Asker(threading.Thread):
    """Asks for a ticket; is in the queue, or has been answered, once it is made."""

    def __init__(self, fair_queue, owner, served):
        super().__init__(daemon=True)
        self._queue, self.owner, self._served = fair_queue, owner, served
        self._cancellation = Queued()
        self.ticket = self.refusal = None
        self.start()
        assert self._cancellation.is_queued.wait(60)

    def run(self):
        try:
            self.ticket = self._queue.acquire(self.owner, LONG_S, self._cancellation)
        except TooMany as exc:
            self.refusal = exc
        else:
            self._served.put(self)


@pytest.fixture
def line():
    """Return a function that asks for a ticket, and the queue of those who got one."""
    served = queue.SimpleQueue()
    return (lambda fair_queue, owner: Asker(fair_queue, owner, served)), served


def finish(fair_queue, served, number):
    """Release tickets one by one until so many were served; return their owners in order."""
    owners = []
    for _ in range(number):
        asker = served.get(timeout=60)
        owners.append(asker.owner)
        fair_queue.release(asker.ticket)
    return owners


def test_no_more_than_the_size_run_at_once():
    fair_queue = FairQueue(2, 10, 2)
    first, _ = fair_queue.acquire("ann", 0, Cancellation()), fair_queue.acquire("ann", 0, Cancellation())
    with pytest.raises(TooMany, match="no test could begin within 0 s"):
        fair_queue.acquire("bob", 0, Cancellation())
    assert (fair_queue.running, fair_queue.waiting) == (2, 0)
    fair_queue.release(first)
    fair_queue.acquire("bob", 0, Cancellation())
    assert fair_queue.running == 2


def test_owners_are_served_by_turns_whoever_came_first(line):
    ask, served = line
    fair_queue = FairQueue(1, 10, 1)
    running = fair_queue.acquire("zoe", 0, Cancellation())
    for owner in ("ann", "ann", "ann", "bob", "cid", "bob"):
        ask(fair_queue, owner)
    fair_queue.release(running)
    assert finish(fair_queue, served, 6) == ["ann", "bob", "cid", "ann", "bob", "ann"]
    assert (fair_queue.running, fair_queue.waiting) == (0, 0)


def test_the_owner_with_the_fewest_tests_is_next(line):
    ask, served = line
    fair_queue = FairQueue(3, 10, 3)
    one, two, three = (fair_queue.acquire("ann", 0, Cancellation()) for _ in range(3))
    ask(fair_queue, "ann")
    later = ask(fair_queue, "bob")
    fair_queue.release(one)
    later.join(60)
    assert served.get(timeout=60) is later
    fair_queue.release(two)
    fair_queue.release(three)


def test_one_owner_never_runs_all_tests():
    fair_queue = FairQueue(8, 10, 7)
    for _ in range(7):
        fair_queue.acquire("ann", 0, Cancellation())
    with pytest.raises(TooMany):
        fair_queue.acquire("ann", 0, Cancellation())
    fair_queue.acquire("bob", 0, Cancellation())


def test_of_a_full_queue_the_last_of_the_greediest_is_sent_away(line):
    ask, _ = line
    fair_queue = FairQueue(1, 3, 1)
    fair_queue.acquire("zoe", 0, Cancellation())
    greedy = [ask(fair_queue, "ann") for _ in range(3)]
    modest = ask(fair_queue, "bob")
    greedy[2].join(60)
    assert greedy[2].refusal.message == "too many tests are waiting"
    assert modest.is_alive()
    assert fair_queue.waiting == 3
    again = ask(fair_queue, "ann")
    again.join(60)
    assert again.refusal is not None
    fair_queue.close()


def test_whoever_is_sent_away_is_told_when_to_come_back():
    fair_queue = FairQueue(1, 0, 1)
    fair_queue.acquire("ann", 0, Cancellation())
    with pytest.raises(TooMany) as refusal:
        fair_queue.acquire("bob", LONG_S, Cancellation())
    assert (refusal.value.code, refusal.value.http_status, refusal.value.exit_code) == ("too-many", 429, 1)
    assert 1 <= refusal.value.retry_after_s <= 60
    assert refusal.value.hint


def test_the_end_sends_all_away_who_wait(line):
    ask, _ = line
    fair_queue = FairQueue(1, 10, 1)
    running = fair_queue.acquire("ann", 0, Cancellation())
    waiting = [ask(fair_queue, owner) for owner in ("ann", "bob")]
    fair_queue.close()
    for asker in waiting:
        asker.join(60)
        assert asker.refusal.message == "this server is stopping and starts no more tests"
    with pytest.raises(TooMany, match="this server is stopping and starts no more tests"):
        fair_queue.acquire("cid", LONG_S, Cancellation())
    fair_queue.release(running)
    fair_queue.wait_idle()


def test_who_leaves_while_waiting_is_gone_from_the_queue_at_once():
    fair_queue, cancellation = FairQueue(1, 1, 1), Cancellation()
    running = fair_queue.acquire("ann", 0, Cancellation())
    ended = []

    def wait():
        with pytest.raises(Abandoned, match="closed the connection"):
            fair_queue.acquire("bob", LONG_S, cancellation)
        ended.append(True)

    waiting = threading.Thread(target=wait)
    waiting.start()
    cancellation.cancel()
    waiting.join(60)
    assert (ended, fair_queue.waiting, fair_queue.running) == ([True], 0, 1)
    fair_queue.release(running)
    assert fair_queue.acquire("bob", 0, Cancellation()).began is not None
