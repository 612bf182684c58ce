"""Turns: a bounded number at once, a bounded queue, and no owner who keeps others from theirs."""

from __future__ import annotations

import threading

import pytest

from qualytics.errors import Abandoned, TooMany
from qualytics.probe.parent.cancellation import Caller
from qualytics.probe.parent.fair_queue import Turns

LONG_S = 30.0


class Asker(threading.Thread):
    """Asks for a turn and notes when it came."""

    def __init__(self, turns, owner, served):
        super().__init__(daemon=True)
        self._turns, self._owner, self._served = turns, owner, served
        self.turn = self.refusal = None
        before = len(turns._queue.get(owner, ()))
        self.start()
        while len(turns._queue.get(owner, ())) == before and self.is_alive():
            self.join(0.001)

    def run(self):
        try:
            self.turn = self._turns.take(self._owner, LONG_S, Caller())
        except TooMany as exc:
            self.refusal = exc
        else:
            self._served.append(self)


@pytest.fixture
def line():
    """Return a function that asks for a turn, and the list of those who got one."""
    served = []
    return (lambda turns, owner: Asker(turns, owner, served)), served


def finish(turns, served, number):
    """Give back turns one by one until so many were served; return their owners in order."""
    owners = []
    while len(owners) < number:
        while not served:
            pass
        asker = served.pop(0)
        asker.join(10)
        owners.append(asker._owner)
        turns.give_back(asker.turn)
    return owners


def test_no_more_than_the_size_run_at_once():
    turns = Turns(2, 10, 2)
    first, _ = turns.take("ann", 0, Caller()), turns.take("ann", 0, Caller())
    with pytest.raises(TooMany, match="no test could begin within 0 s"):
        turns.take("bob", 0, Caller())
    assert (turns.running, turns.waiting) == (2, 0)
    turns.give_back(first)
    turns.take("bob", 0, Caller())
    assert turns.running == 2


def test_owners_take_turns_whoever_came_first(line):
    ask, served = line
    turns = Turns(1, 10, 1)
    running = turns.take("zoe", 0, Caller())
    for owner in ("ann", "ann", "ann", "bob", "cid", "bob"):
        ask(turns, owner)
    turns.give_back(running)
    assert finish(turns, served, 6) == ["ann", "bob", "cid", "ann", "bob", "ann"]
    assert (turns.running, turns.waiting) == (0, 0)


def test_whoever_has_the_fewest_turns_is_next(line):
    ask, served = line
    turns = Turns(3, 10, 3)
    one, two, three = (turns.take("ann", 0, Caller()) for _ in range(3))
    ask(turns, "ann")
    later = ask(turns, "bob")
    turns.give_back(one)
    later.join(10)
    assert [asker._owner for asker in served] == ["bob"]
    turns.give_back(two)
    turns.give_back(three)


def test_one_owner_never_has_all_turns():
    turns = Turns(8, 10, 7)
    for _ in range(7):
        turns.take("ann", 0, Caller())
    with pytest.raises(TooMany):
        turns.take("ann", 0, Caller())
    turns.take("bob", 0, Caller())


def test_of_a_full_queue_the_last_of_the_greediest_is_sent_away(line):
    ask, _ = line
    turns = Turns(1, 3, 1)
    turns.take("zoe", 0, Caller())
    greedy = [ask(turns, "ann") for _ in range(3)]
    modest = ask(turns, "bob")
    greedy[2].join(10)
    assert greedy[2].refusal.message == "too many tests are waiting"
    assert modest.is_alive()
    assert turns.waiting == 3
    again = ask(turns, "ann")
    again.join(10)
    assert again.refusal is not None
    turns.close()


def test_whoever_is_sent_away_is_told_when_to_come_back():
    turns = Turns(1, 0, 1)
    turns.take("ann", 0, Caller())
    with pytest.raises(TooMany) as refusal:
        turns.take("bob", LONG_S, Caller())
    assert (refusal.value.code, refusal.value.http_status, refusal.value.exit_code) == ("too-many", 429, 1)
    assert 1 <= refusal.value.retry_after_s <= 60
    assert refusal.value.hint


def test_the_end_sends_all_away_who_wait(line):
    ask, _ = line
    turns = Turns(1, 10, 1)
    running = turns.take("ann", 0, Caller())
    waiting = [ask(turns, owner) for owner in ("ann", "bob")]
    turns.close()
    for asker in waiting:
        asker.join(10)
        assert asker.refusal.message == "no more tests are taken"
    with pytest.raises(TooMany, match="no more tests are taken"):
        turns.take("cid", LONG_S, Caller())
    turns.give_back(running)
    turns.wait_idle()


def test_who_leaves_while_waiting_is_gone_from_the_queue_at_once():
    turns, caller = Turns(1, 1, 1), Caller()
    running = turns.take("ann", 0, Caller())
    ended = []

    def wait():
        with pytest.raises(Abandoned, match="hung up"):
            turns.take("bob", LONG_S, caller)
        ended.append(True)

    waiting = threading.Thread(target=wait)
    waiting.start()
    caller.leave()
    waiting.join(10)
    assert (ended, turns.waiting, turns.running) == ([True], 0, 1)
    turns.give_back(running)
    assert turns.take("bob", 0, Caller()).began is not None
