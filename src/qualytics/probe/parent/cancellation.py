"""Cancelling tests that nobody waits for any more."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

from qualytics.errors import Abandoned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Cancellation:
    """Says to all tests of one request, in whichever threads they run, that nobody waits for them any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], object]] = []
        self._is_cancelled = False

    def cancel(self) -> None:
        """Cancel all that runs or waits."""
        with self._lock:
            self._is_cancelled = True
            for callback in self._callbacks:
                callback()

    def check(self) -> None:
        """Raise Abandoned if this was cancelled."""
        if self._is_cancelled:
            raise Abandoned("the client has closed the connection", "send the request again and wait for the answer")

    @contextlib.contextmanager
    def calling(self, callback: Callable[[], object]) -> Iterator[None]:
        """Have `callback` called, once, when this is cancelled or if it was; it must be quick."""
        with self._lock:  # also while it is called, so that it is never called after the block
            self._callbacks.append(callback)
            if self._is_cancelled:
                callback()
        try:
            yield
        finally:
            with self._lock:
                self._callbacks.remove(callback)

    @contextlib.contextmanager
    def descriptor(self) -> Iterator[int]:
        """Give a descriptor that becomes readable when this is cancelled."""
        readable, writable = os.pipe()
        try:
            with self.calling(lambda: os.write(writable, b"!")):
                yield readable
        finally:
            os.close(readable)
            os.close(writable)
