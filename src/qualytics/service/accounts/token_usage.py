"""When tokens were last used: noted by requests, written by a thread of its own, so that no request waits."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from qualytics.errors import QualyticsError
from qualytics.service.clock import later, now

if TYPE_CHECKING:
    from collections.abc import Callable

    from qualytics.service.context import Context

# A token's use is written at most so often.
EVERY_S = 60.0
_MAX_NOTED = 10_000


class TokenUsage:
    """Writes when tokens were last used; `close()` writes what is left."""

    def __init__(self, open_context: Callable[[], Context]) -> None:
        self._open_context = open_context
        self._noted: dict[int, float] = {}
        self._pending: dict[int, str] = {}
        self._guard = threading.Lock()
        self._wake = threading.Event()
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def note(self, token_id: int, last_used: str | None) -> None:
        """Note that a token was used; `last_used` is what the store says so far."""
        if last_used is not None and last_used > later(-EVERY_S):
            return
        clock = time.monotonic()
        with self._guard:
            if clock - self._noted.get(token_id, -EVERY_S) < EVERY_S:
                return
            if len(self._noted) >= _MAX_NOTED:
                self._noted = {key: at for key, at in self._noted.items() if clock - at < EVERY_S}
            self._noted[token_id] = clock
            self._pending[token_id] = now()
            if self._thread is None and not self._is_closed:  # here, as a process may have been forked since
                self._thread = threading.Thread(target=self._run, name="token-usage", daemon=True)
                self._thread.start()
        self._wake.set()

    def flush(self) -> None:
        """Write what was noted; what cannot be written now is forgotten, and noted at the next use."""
        with self._guard:
            pending, self._pending = self._pending, {}
        if not pending:
            return
        try:
            with self._open_context() as context, context.writing():
                accounts = context.store.accounts
                for token_id, when in pending.items():
                    accounts.set_used(token_id, when, later(-EVERY_S))
        except QualyticsError:
            with self._guard:
                for token_id in pending:
                    self._noted.pop(token_id, None)

    def close(self) -> None:
        """Write what is left and end the thread."""
        self._is_closed = True
        self._wake.set()
        with contextlib.suppress(RuntimeError):  # a thread of before a fork
            if self._thread is not None:
                self._thread.join()
        self.flush()

    def _run(self) -> None:
        while not self._is_closed:
            self._wake.wait()
            self._wake.clear()
            self.flush()
