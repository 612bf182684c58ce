"""The meter of one test: what it has received and how much memory it holds; who takes too much is ended.

It looks from beside the driver, at the sockets and the memory of the whole process: no driver is asked, and none
can hold its answer back. What it cannot stop in time, the limits of `_platform.confine` do.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

from qualytics.probe import _platform
from qualytics.probe.verdicts.failure_classes import TOO_MUCH_HINT

if TYPE_CHECKING:
    from collections.abc import Callable

# No answer to a test is as large; a listing may be that of a large warehouse.
TEST_BYTES = 64 << 20
LISTING_BYTES = 256 << 20
# What a test may hold beyond what it held when it began. Java and Go take about 150 MiB for themselves.
HELD_BYTES = 512 << 20
# The parent is told of every so many bytes that a test holds.
STEP_BYTES = 16 << 20
_EVERY_S = 0.05


class Meter:
    """Watches this process in a thread of its own, until the process ends."""

    def __init__(self, emit: Callable[[dict[str, Any]], None], most_bytes: int) -> None:
        self._emit = emit
        self._most_bytes = most_bytes
        self._received: dict[int, int] = {}
        self._at_first = _platform.held()
        self._told = 0

    def start(self) -> None:
        """Begin to watch."""
        threading.Thread(target=self._watch, name="meter", daemon=True).start()

    def _watch(self) -> None:
        waiting = threading.Event()  # which nobody sets
        while not waiting.wait(_EVERY_S):
            self._received |= _platform.received()  # sockets that are closed by now keep what they had
            if sum(self._received.values()) > self._most_bytes:
                self._end(f"the answer is larger than {self._most_bytes >> 20} MiB")
            held = _platform.held() - self._at_first
            if held > HELD_BYTES:
                self._end(f"the answer takes more than {HELD_BYTES >> 20} MiB of memory")
            if held > self._told + STEP_BYTES:
                self._told = held
                self._emit({"note": {"holds": held}})

    def _end(self, cause: str) -> None:
        self._emit(
            {
                "fail": {
                    "class": "config",
                    "cause": f"{cause}: no test needs that much",
                    "hint": TOO_MUCH_HINT,
                    "detail": None,
                }
            }
        )
        os._exit(0)
