"""The plot of past tests: where each mark and each point of the line stands, in units of an SVG picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qualytics.types import PastTest

_STEP = 8
_TOP, _HEIGHT = 20, 48


class Mark(Struct):
    """One test: where it stands from the left, and what came of it in words."""

    x: int
    connected: bool
    at: str
    words: str


class Plot(Struct):
    """Tests from the oldest to the newest: a mark each, above the line of how long they took."""

    width: int
    height: int
    marks: tuple[Mark, ...]
    line: str
    max_ms: float
    failed: int


def plot(tests: Sequence[PastTest]) -> Plot:
    """Return the plot of tests that come the newest first; the longest reaches the top of the line's part."""
    in_order = list(reversed(tests))
    longest = max((test["duration_ms"] for test in in_order), default=0.0)
    marks, points = [], []
    for number, test in enumerate(in_order):
        x = _STEP * number + _STEP // 2
        y = _TOP + _HEIGHT * (1 - test["duration_ms"] / longest if longest else 1)
        points.append(f"{x},{y:.1f}")
        marks.append(Mark(x, test["connected"], test["at"], words_of(test)))
    width = _STEP * max(len(in_order), 1)
    failed = sum(not test["connected"] for test in in_order)
    return Plot(width, _TOP + _HEIGHT + 2, tuple(marks), " ".join(points), longest, failed)


def words_of(test: PastTest) -> str:
    """Return how a test ended: `works, 12 ms`, or `fails, auth at login, 12 ms`."""
    ms = f"{test['duration_ms']:.0f} ms"
    return f"works, {ms}" if test["connected"] else f"fails, {test['class']} at {test['stage']}, {ms}"
