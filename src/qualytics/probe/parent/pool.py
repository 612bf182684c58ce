"""The pool of a control plane: many tests at once, in a bounded number of children, shared out fairly."""

from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING, Self

from qualytics.probe.parent.budget import Budget
from qualytics.probe.parent.cancellation import Cancellation
from qualytics.probe.parent.child_process import loading_slots, run_test
from qualytics.probe.parent.fair_queue import FairQueue
from qualytics.probe.parent.launch import spawn
from qualytics.probe.parent.zygotes import Zygotes
from qualytics.settings import TEST_WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from qualytics.model import TestReport
    from qualytics.probe.parent.launch import Child
    from qualytics.probe.plan import Plan

# How many drivers are kept imported.
MAX_ZYGOTES = 8
# Of so many tests at once one is kept from any single owner.
_SHARE = 8


class Pool:
    """Runs tests for many threads; to be closed, or used as a context manager."""

    def __init__(  # noqa: PLR0913 - all that a pool is bounded by
        self,
        size: int,
        queue_size: int,
        niceness: int = 10,
        *,
        wait_s: float = TEST_WAIT_S,
        max_zygotes: int = MAX_ZYGOTES,
        memory_bytes: int = sys.maxsize,
        is_shared: bool = True,
    ) -> None:
        """Allow `size` children at once and `queue_size` waiting tests; start nothing yet.

        `memory_bytes` is what all children together may hold; where `is_shared`, one owner never has them all.
        """
        self.per_owner = size - max(1, size // _SHARE) if is_shared and size > 1 else size
        self._queue = FairQueue(size, queue_size, self.per_owner)
        self._zygotes = Zygotes(niceness, max_zygotes)
        self._wait_s = wait_s
        self._budget = Budget(memory_bytes)
        self._slots = loading_slots()
        self._stopped, self._stop = os.pipe()
        # A zygote hands over descriptors of processes, which only Linux has.
        self._forks = hasattr(os, "pidfd_open")

    @property
    def running(self) -> int:
        """Return how many tests run."""
        return self._queue.running

    @property
    def waiting(self) -> int:
        """Return how many tests wait."""
        return self._queue.waiting

    def run(
        self,
        plan: Plan,
        owner: str,
        begin: Callable[[], None] = lambda: None,
        cancellation: Cancellation | None = None,
        wait_s: float | None = None,
    ) -> TestReport:
        """Test a connection when this owner may run one; the plan's timeout counts from its first stage.

        It waits for `wait_s` at most, as long as any test where that is None. `begin` is called when the wait is over;
        the test does not run if it raises. When it is cancelled, the test ends, wherever it is.

        Raises:
            TooMany: the queue is full, or the wait took too long.
            Abandoned: it was cancelled.

        """

        def start(directory: str) -> Child:
            return self._zygotes.start(plan.type, directory) if self._forks else spawn(directory)

        cancellation = cancellation or Cancellation()
        ticket = self._queue.acquire(owner, self._wait_s if wait_s is None else wait_s, cancellation)
        try:
            cancellation.check()
            begin()
            with cancellation.descriptor() as cancelled:
                may_hold = functools.partial(self._budget.allows, id(ticket))
                report = run_test(plan, start, (self._stopped, cancelled), may_hold, self._slots)
            cancellation.check()
            return report
        finally:
            self._budget.forget(id(ticket))
            self._queue.release(ticket)

    def prepare(self, type_: str) -> None:
        """Make the first test of a type as soon begun as the others: somebody is about to ask for it."""
        if self._forks:
            self._zygotes.prepare(type_)

    def close(self) -> None:
        """Refuse all tests that wait, end those that run and every process; nothing outlives this."""
        self._queue.close()
        os.write(self._stop, b"!")  # which nobody takes out: all see it
        self._zygotes.stop()
        self._queue.wait_idle()
        self._zygotes.close()
        os.close(self._stop)
        os.close(self._stopped)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()
