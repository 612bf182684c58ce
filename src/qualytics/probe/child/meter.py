"""The meter of one test, or read: what it has received and how much memory it holds; who takes too much is ended.

It looks from beside the driver, at the sockets and the memory of the whole process: no driver is asked, and none
can hold its answer back. What it cannot stop in time, the limits of `_platform.confine` do.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from qualytics.connectors.contract import Verdict
from qualytics.probe._platform import held_bytes, received_bytes
from qualytics.probe.protocol import Failed, Memory
from qualytics.probe.verdicts.failure_classes import TOO_MUCH_HINT

if TYPE_CHECKING:
    from collections.abc import Callable

    from qualytics.probe.protocol import Message

# No answer to a test is as large; a listing may be that of a large warehouse.
TEST_BYTES = 64 << 20
LISTING_BYTES = 256 << 20
# What a test may hold beyond what it held when it began. Java and Go take about 150 MiB for themselves.
MAX_HELD_BYTES = 512 << 20
# The parent hears of every so many bytes that a test holds.
_STEP_BYTES = 16 << 20
_EVERY_S = 0.05


def read_too_much(max_held_bytes: int) -> Verdict:
    """Return the verdict on a read that takes more memory than it may hold."""
    cause = f"a session of the read takes more than {max_held_bytes >> 20:,} MiB of memory"
    hint = "lower --fetch-size, choose fewer --columns, or allow more with QUALYTICS_READ_MEMORY_MIB"
    return Verdict("config", cause, hint)


class Meter:
    """Watches this process in a thread of its own, until the process ends.

    `max_received_bytes` is None for a read, which ends when it holds `max_held_bytes`, however much has come.
    """

    def __init__(
        self,
        send: Callable[[Message], None],
        max_received_bytes: int | None,
        max_held_bytes: int = MAX_HELD_BYTES,
    ) -> None:
        self._send = send
        self._max_received_bytes, self._max_held_bytes = max_received_bytes, max_held_bytes
        self._received: dict[int, int] = {}
        self._held_at_start = held_bytes()
        self._reported = 0

    def start(self) -> None:
        """Begin to watch."""
        threading.Thread(target=self._watch, name="meter", daemon=True).start()

    def _watch(self) -> None:
        waiting = threading.Event()  # which nobody sets
        while not waiting.wait(_EVERY_S):
            held = held_bytes() - self._held_at_start
            if self._max_received_bytes is None:
                if held > self._max_held_bytes:
                    self._end(read_too_much(self._max_held_bytes))
                continue
            self._received |= received_bytes()  # sockets that are closed by now keep what they had
            if sum(self._received.values()) > self._max_received_bytes:
                self._end(_too_much(f"is larger than {self._max_received_bytes >> 20} MiB"))
            if held > self._max_held_bytes:
                self._end(_too_much(f"takes more than {self._max_held_bytes >> 20} MiB of memory"))
            if held > self._reported + _STEP_BYTES:
                self._reported = held
                self._send(Memory(held))

    def _end(self, verdict: Verdict) -> None:
        self._send(Failed(verdict.failure_class, verdict.cause, verdict.hint))
        os._exit(0)


def _too_much(what: str) -> Verdict:
    return Verdict("config", f"the answer {what}: no test needs that much", TOO_MUCH_HINT)
