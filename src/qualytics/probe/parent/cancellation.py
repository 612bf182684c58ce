"""Whoever waits for tests and may leave before their end; the tests end with that."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

from qualytics.errors import Abandoned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Caller:
    """Somebody who asked for tests, from whichever threads those are run."""

    def __init__(self) -> None:
        """Begin with somebody who waits."""
        self._lock = threading.Lock()
        self._calls: list[Callable[[], object]] = []
        self._is_gone = False

    def leave(self) -> None:
        """Say that nobody waits any more: all that runs or waits for them is told at once."""
        with self._lock:
            self._is_gone = True
            for call in self._calls:
                call()

    def require(self) -> None:
        """Raise Abandoned if nobody waits any more."""
        if self._is_gone:
            raise Abandoned("whoever asked has hung up", "ask again, and wait for the answer")

    @contextlib.contextmanager
    def telling(self, call: Callable[[], object]) -> Iterator[None]:
        """Have `call` called, once, when they leave or if they have left; it must be quick."""
        with self._lock:  # also while it is called, so that nothing is told what has ended
            self._calls.append(call)
            if self._is_gone:
                call()
        try:
            yield
        finally:
            with self._lock:
                self._calls.remove(call)

    @contextlib.contextmanager
    def bell(self) -> Iterator[int]:
        """Give a descriptor that becomes readable when they leave."""
        heard, rung = os.pipe()
        try:
            with self.telling(lambda: os.write(rung, b"!")):
                yield heard
        finally:
            os.close(heard)
            os.close(rung)
