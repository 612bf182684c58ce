"""Runs one connection test in a child process of its own, under a deadline that no driver can overrun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qualytics.probe.protocol import Plan

if TYPE_CHECKING:
    from qualytics.model import TestReport

__all__ = ["Plan", "run"]


def run(plan: Plan) -> TestReport:
    """Test a connection and return what was found; takes at most the plan's timeout and a moment.

    The child gets the plan over a pipe, a clean environment and an empty home directory. At the
    deadline it ends with everything that it started; nothing of it stays behind.
    """
    # Here, as the child imports this package, too.
    from qualytics.probe.parent.child_process import run_test
    from qualytics.probe.parent.launch import spawn

    return run_test(plan, spawn)
