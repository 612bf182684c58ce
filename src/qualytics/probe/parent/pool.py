"""The pool of a control plane: many tests at once, a bounded number of children, and turns for everybody."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Self

from qualytics.probe.parent import launch
from qualytics.probe.parent.budget import Budget
from qualytics.probe.parent.cancellation import Caller
from qualytics.probe.parent.child_process import converse
from qualytics.probe.parent.fair_queue import Turns
from qualytics.probe.parent.zygotes import Templates
from qualytics.settings import TEST_WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from qualytics.model import TestReport
    from qualytics.probe import Plan
    from qualytics.probe.parent.child_process import Child

# How many drivers are kept imported.
TEMPLATES = 8
# Of so many turns one is kept from any single owner.
_SHARE = 8


class Pool:
    """Runs tests for many threads; to be closed, or used as a context manager."""

    def __init__(
        self,
        size: int,
        queue_size: int,
        niceness: int = 10,
        *,
        wait_s: float = TEST_WAIT_S,
        templates: int = TEMPLATES,
        memory_bytes: int = sys.maxsize,
    ) -> None:
        """Allow `size` children at once and `queue_size` waiting tests; start nothing yet.

        `memory_bytes` is what all children together may hold.
        """
        per_owner = size - max(1, size // _SHARE) if size > 1 else 1
        self._turns = Turns(size, queue_size, per_owner)
        self._templates = Templates(niceness, templates)
        self._wait_s = wait_s
        self._budget = Budget(memory_bytes)
        self._stopped, self._stop = os.pipe()
        # A template hands over descriptors of processes, which only Linux has.
        self._forks = hasattr(os, "pidfd_open")

    @property
    def running(self) -> int:
        """Return how many tests run."""
        return self._turns.running

    @property
    def waiting(self) -> int:
        """Return how many tests wait for their turn."""
        return self._turns.waiting

    def run(
        self, plan: Plan, owner: str, begin: Callable[[], None] = lambda: None, caller: Caller | None = None
    ) -> TestReport:
        """Test a connection when it is this owner's turn; the plan's timeout counts from the child's start.

        `begin` is called when the turn has come; the test does not run if it raises. When the
        caller leaves, the test ends, wherever it is.

        Raises:
            TooMany: the queue is full, or no turn came in time.
            Abandoned: the caller has left.

        """

        def start(directory: str) -> Child:
            return self._templates.start(plan.type, directory) if self._forks else launch.spawn(directory)

        caller = caller or Caller()
        turn = self._turns.take(owner, self._wait_s, caller)
        try:
            caller.require()
            begin()
            with caller.bell() as rung:
                report = converse(plan, start, (self._stopped, rung), lambda held: self._budget.allows(id(turn), held))
            caller.require()
            return report
        finally:
            self._budget.forget(id(turn))
            self._turns.give_back(turn)

    def close(self) -> None:
        """Send away who waits, end every test and every process; nothing outlives this."""
        self._turns.close()
        os.write(self._stop, b"!")  # which nobody takes out: all see it
        self._templates.stop()
        self._turns.wait_idle()
        self._templates.close()
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
