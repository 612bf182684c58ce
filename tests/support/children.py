"""The pool in whose children the tests of drivers run: each has the driver imported already, as on a control plane.

What a fresh interpreter does with a driver is known from the tests of the command line and of `probe`.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

from qualytics.probe.parent.pool import Pool
from qualytics.structs import replace

if TYPE_CHECKING:
    from qualytics.model import TestReport
    from qualytics.probe import Plan

_MANY = 64
# Tests of all types come in any order; fewer would import drivers again and again.
_DRIVERS = 16
_MOMENT_S = 0.001
_loaded: set[tuple[int, str]] = set()  # the number of the process, and the type


@functools.cache
def _pool(process: int) -> Pool:
    # By the number of the process: one that was forked has none yet.
    return Pool(_MANY, _MANY, niceness=0, max_zygotes=_DRIVERS)


def run(plan: Plan) -> TestReport:
    """Test a connection in a child of the pool, which the first test starts."""
    return _pool(os.getpid()).run(plan, "tests")


def load(plan: Plan) -> None:
    """Have the driver of a plan imported, once, so that it is no part of the time of the test that follows."""
    known = (os.getpid(), plan.type)
    if known not in _loaded:
        run(replace(plan, timeout_s=_MOMENT_S))  # a deadline begins when the driver is there
        _loaded.add(known)


def close() -> None:
    """End the pool of this process, if there is one."""
    if _pool.cache_info().currsize:
        _pool(os.getpid()).close()
        _pool.cache_clear()
