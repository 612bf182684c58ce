"""The queue of tests: who may run one now, who waits, and who is refused."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict, deque
from typing import TYPE_CHECKING

from qualytics.errors import TooMany
from qualytics.structs import Struct, field

if TYPE_CHECKING:
    from qualytics.probe.parent.cancellation import Cancellation

_HINT = "try again in a moment"
# How much one test weighs against those before it in the mean of how long they take.
_WEIGHT = 0.1
_MAX_RETRY_S = 60.0


class Ticket(Struct, frozen=False):
    """One test's place in the queue: it waits, then it runs, or it is refused."""

    owner: str
    is_decided: threading.Event = field(default_factory=threading.Event)
    began: float | None = None


class FairQueue:
    """At most `size` tests at once and `queue_size` waiting, shared out fairly among owners.

    The owner with the fewest running tests is next, among equals the one that was served longest ago; of an owner's
    tests the first. An owner never runs more than `per_owner`, so that there is room for another at any time. When
    the queue is full, the last test of the owner with the most waiting ones is refused, not whichever comes last.
    """

    def __init__(self, size: int, queue_size: int, per_owner: int) -> None:
        self._size, self._queue_size, self._per_owner = size, queue_size, per_owner
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._queue: OrderedDict[str, deque[Ticket]] = OrderedDict()
        self._running: Counter[str] = Counter()
        self._mean_s = 1.0
        self._is_closed = False

    @property
    def running(self) -> int:
        """Return how many tests run."""
        return self._running.total()

    @property
    def waiting(self) -> int:
        """Return how many tests wait."""
        return sum(map(len, list(self._queue.values())))

    def acquire(self, owner: str, wait_s: float, cancellation: Cancellation) -> Ticket:
        """Wait until a test may run and return its ticket, which must be released.

        Raises:
            TooMany: the queue is full, the wait took too long, or all is over.
            Abandoned: it was cancelled.

        """
        ticket = Ticket(owner)
        with self._lock:
            if self._is_closed:
                raise self._refusal("this server is stopping and starts no more tests")
            self._queue.setdefault(owner, deque()).append(ticket)
            self._admit()
            if self.waiting > self._queue_size:
                self._refuse_last()
        with cancellation.calling(ticket.is_decided.set):
            in_time = ticket.is_decided.wait(wait_s)
        with self._lock:
            if ticket.began is not None:
                return ticket
            self._remove(ticket)
            cancellation.check()
            reason = "too many tests are waiting" if in_time else f"no test could begin within {wait_s:g} s"
            raise self._refusal("this server is stopping and starts no more tests" if self._is_closed else reason)

    def release(self, ticket: Ticket) -> None:
        """Take note that a test is over, and let the next one run."""
        with self._lock:
            took_s = time.monotonic() - (ticket.began or 0.0)
            self._mean_s += _WEIGHT * (took_s - self._mean_s)
            self._running[ticket.owner] -= 1
            self._running += Counter()  # forgets who has none
            self._admit()
            if not self._running:
                self._idle.notify_all()

    def close(self) -> None:
        """Refuse all tests that wait and those that come."""
        with self._lock:
            self._is_closed = True
            for tickets in self._queue.values():
                for ticket in tickets:
                    ticket.is_decided.set()
            self._queue.clear()

    def wait_idle(self) -> None:
        """Wait until the last ticket was released."""
        with self._idle:
            self._idle.wait_for(lambda: not self._running)

    def _admit(self) -> None:
        while self._running.total() < self._size:
            ready = [owner for owner in self._queue if self._running[owner] < self._per_owner]
            if not ready:
                return
            owner = min(ready, key=self._running.__getitem__)  # of equals the first
            ticket = self._queue[owner].popleft()
            self._queue.move_to_end(owner)
            if not self._queue[owner]:
                del self._queue[owner]
            self._running[owner] += 1
            ticket.began = time.monotonic()
            ticket.is_decided.set()

    def _refuse_last(self) -> None:
        longest = max(map(len, self._queue.values()))
        owner = next(owner for owner in reversed(self._queue) if len(self._queue[owner]) == longest)
        ticket = self._queue[owner][-1]
        self._remove(ticket)
        ticket.is_decided.set()

    def _remove(self, ticket: Ticket) -> None:
        tickets = self._queue.get(ticket.owner)
        if tickets is not None and ticket in tickets:
            tickets.remove(ticket)
            if not tickets:
                del self._queue[ticket.owner]

    def _refusal(self, message: str) -> TooMany:
        rounds = self.waiting / self._size + 1
        return TooMany(message, _HINT, min(max(1.0, self._mean_s * rounds), _MAX_RETRY_S))
