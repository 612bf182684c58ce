"""Time limits that tests run into: short, and yet long enough for a busy machine to come to where it waits."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LEAST_S, _STARTS = 2.5, 5.0
# What ends at its limit has ended by then on any machine; what ignores its limit goes on for minutes.
_SLACK_S = 40.0


def limit_after(start: Callable[[], Any]) -> float:
    """Return a limit by how long the same takes here and now up to where the limit is to be met: `start` does that."""
    began = time.monotonic()
    start()
    return _LEAST_S + _STARTS * (time.monotonic() - began)


@contextlib.contextmanager
def within(limit_s: float) -> Iterator[None]:
    """Fail when it takes longer than a limit, and what a busy machine needs to start and end processes."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < limit_s + _SLACK_S
