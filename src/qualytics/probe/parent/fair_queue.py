"""Turns: who may run a test now, who waits, and who is sent away."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qualytics.errors import TooMany

if TYPE_CHECKING:
    from qualytics.probe.parent.cancellation import Caller

_HINT = "try again in a moment"
# How much one test weighs against those before it in the mean of how long they take.
_WEIGHT = 0.1
_MAX_RETRY_S = 60.0


@dataclass(slots=True, eq=False)
class Turn:
    """One test's place: it waits, then it runs, or it is sent away."""

    owner: str
    called: threading.Event = field(default_factory=threading.Event)
    began: float | None = None


class Turns:
    """At most `size` turns at once and `queue_size` waiting, shared out among owners.

    Whoever has the fewest turns is next, among equals the one that was served longest ago; within an owner
    the first. An owner never has more than `per_owner`, so that there is room for another at any time. When the
    queue is full, the last of the owner with the longest part of it is sent away, not whoever comes last.
    """

    def __init__(self, size: int, queue_size: int, per_owner: int) -> None:
        """Let nobody in yet."""
        self._size, self._queue_size, self._per_owner = size, queue_size, per_owner
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._queue: OrderedDict[str, deque[Turn]] = OrderedDict()
        self._running: Counter[str] = Counter()
        self._mean_s = 1.0
        self._is_closed = False

    @property
    def running(self) -> int:
        """Return how many have their turn."""
        return self._running.total()

    @property
    def waiting(self) -> int:
        """Return how many wait."""
        return sum(map(len, list(self._queue.values())))

    def take(self, owner: str, wait_s: float, caller: Caller) -> Turn:
        """Wait for a turn and return it; it must be given back.

        Raises:
            TooMany: the queue is full, the wait took too long, or all is over.
            Abandoned: the caller has left.

        """
        turn = Turn(owner)
        with self._lock:
            if self._is_closed:
                raise self._refusal("no more tests are taken")
            self._queue.setdefault(owner, deque()).append(turn)
            self._call()
            if self.waiting > self._queue_size:
                self._send_away()
        with caller.telling(turn.called.set):
            in_time = turn.called.wait(wait_s)
        with self._lock:
            if turn.began is not None:
                return turn
            self._remove(turn)
            caller.require()
            said = "too many tests are waiting" if in_time else f"no test could begin within {wait_s:g} s"
            raise self._refusal("no more tests are taken" if self._is_closed else said)

    def give_back(self, turn: Turn) -> None:
        """End a turn, and call the next."""
        with self._lock:
            took_s = time.monotonic() - (turn.began or 0.0)
            self._mean_s += _WEIGHT * (took_s - self._mean_s)
            self._running[turn.owner] -= 1
            self._running += Counter()  # forgets who has none
            self._call()
            if not self._running:
                self._idle.notify_all()

    def close(self) -> None:
        """Send away all who wait and whoever comes."""
        with self._lock:
            self._is_closed = True
            for turns in self._queue.values():
                for turn in turns:
                    turn.called.set()
            self._queue.clear()

    def wait_idle(self) -> None:
        """Wait until the last turn was given back."""
        with self._idle:
            self._idle.wait_for(lambda: not self._running)

    def _call(self) -> None:
        while self._running.total() < self._size:
            ready = [owner for owner in self._queue if self._running[owner] < self._per_owner]
            if not ready:
                return
            owner = min(ready, key=self._running.__getitem__)  # of equals the first
            turn = self._queue[owner].popleft()
            self._queue.move_to_end(owner)
            if not self._queue[owner]:
                del self._queue[owner]
            self._running[owner] += 1
            turn.began = time.monotonic()
            turn.called.set()

    def _send_away(self) -> None:
        longest = max(map(len, self._queue.values()))
        owner = next(owner for owner in reversed(self._queue) if len(self._queue[owner]) == longest)
        turn = self._queue[owner][-1]
        self._remove(turn)
        turn.called.set()

    def _remove(self, turn: Turn) -> None:
        turns = self._queue.get(turn.owner)
        if turns is not None and turn in turns:
            turns.remove(turn)
            if not turns:
                del self._queue[turn.owner]

    def _refusal(self, message: str) -> TooMany:
        rounds = self.waiting / self._size + 1
        return TooMany(message, _HINT, min(max(1.0, self._mean_s * rounds), _MAX_RETRY_S))
