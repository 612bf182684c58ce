"""The early end of a read: before its process ends, the server is told to end the statement that it runs.

Most servers notice that a client is gone when they have rows for it. One that sorts, or waits, would go on, and some
are paid for by the second.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from qualytics.probe.child.dial import dial
from qualytics.settings import CANCEL_S
from qualytics.structs import replace

if TYPE_CHECKING:
    from qualytics.connectors.contract import Connector, Target

# Before a statement is asked for once more that the server does not know yet.
_PAUSE_S = 0.02


class Ending:
    """Waits in a thread of its own until the other side of `asked` is closed; ends the statement and this process."""

    def __init__(self, asked: int) -> None:
        self._asked = asked
        self._target: Target | None = None

    def start(self) -> None:
        """Begin to wait."""
        threading.Thread(target=self._run, name="ending", daemon=True).start()

    def take(self, connector: Connector, target: Target) -> None:
        """Take whose statements are to be ended, and give it a way to log in once more."""
        target.again = lambda: _again(connector, target)
        self._target = target

    def _run(self) -> None:
        while os.read(self._asked, 512):
            pass
        try:
            with contextlib.suppress(Exception):  # there is nobody who could do more about it
                self._cancel()
        finally:
            os._exit(0)

    def _cancel(self) -> None:
        until = time.monotonic() + CANCEL_S
        target = self._target
        while target is not None and (cancel := target.cancel) is not None and time.monotonic() < until:
            if cancel() is not False:
                return
            time.sleep(_PAUSE_S)


def _again(connector: Connector, target: Target) -> Any:
    """Log in once more at the address that was dialled, with the TLS that the server was found to offer."""
    second = replace(target, timeout_s=CANCEL_S)
    if connector.tls in {"none", "driver", "own"}:
        addresses = socket.getaddrinfo(target.dialled, target.port, type=socket.SOCK_STREAM)
        second.sock, _ = dial(addresses)
        second.sock.settimeout(CANCEL_S)
    return connector.open(second)
