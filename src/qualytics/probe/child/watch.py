"""The watch over the first contact of a test: has a second look taken, once, when that contact lasts or fails."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from qualytics.connectors.contract import Target
    from qualytics.probe.child.second_look import Seen

# So long a server may take before it is looked at, its driver's import included, and this much of a shorter test: one
# that is only slow should not hear from us. And what stays for the report.
_AFTER_S, _AFTER_SHARE = 3.0, 0.3
_RESERVED_S = 0.15


class Watch:
    """Waits beside the driver, in a thread; `notice` gets what was seen unless `stop` was called before."""

    def __init__(self, target: Target, until: float, notice: Callable[[Seen], None]) -> None:
        self._target, self._until, self._notice = target, until, notice
        self._over = threading.Event()
        self._noticing, self._looking = threading.Lock(), threading.Lock()
        self._seen: Seen | None = None
        self.is_tls = False  # a handshake was finished

    def start(self) -> None:
        """Begin to watch."""
        threading.Thread(target=self._wait, name="watch", daemon=True).start()

    def stop(self) -> None:
        """Notice nothing from now on."""
        with self._noticing:
            self._over.set()

    def seen(self) -> Seen:
        """Return what the one look saw, which is taken now if it was not."""
        from qualytics.connectors.shared.protocols import protocols  # few tests need what this imports
        from qualytics.probe.child.second_look import LOOK_S, Seen, look

        with self._looking:
            if self._seen is None:
                protocols()
                left_s = self._until - time.monotonic() - _RESERVED_S
                self._seen = (
                    look(self._target, min(left_s, LOOK_S), is_tls=self.is_tls) if left_s > _RESERVED_S else Seen()
                )
            return self._seen

    def _wait(self) -> None:
        if self._over.wait(min(_AFTER_S, (self._until - time.monotonic()) * _AFTER_SHARE)):
            return
        seen = self.seen()
        with self._noticing:
            if not self._over.is_set():
                self._notice(seen)
