"""Runs one connection test in a child process of its own, under a deadline that no driver can overrun."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qualytics.probe.plan import Plan

if TYPE_CHECKING:
    from qualytics.probe.parent.child_process import run_test as run

__all__ = ["Plan", "run"]


def __getattr__(name: str) -> object:
    if name != "run":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from qualytics.probe.parent.child_process import run_test  # only now, as the child imports this package, too

    return run_test
