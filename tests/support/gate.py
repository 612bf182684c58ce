"""A server that speaks as PostgreSQL does and refuses every login, once as many wait as may at one time."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SSL_REQUEST = b"\x04\xd2\x16\x2f"
_REFUSAL = b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed\0\0"


class Gate:
    """Lets logins go by the group: when `group` of them wait, or all that are left of `total`."""

    def __init__(self, port: int, total: int, group: int) -> None:
        self.port = port
        self.most = 0  # logins at once
        self._left, self._group = total, group
        self._open = self._waiting = self._round = 0
        self._change = threading.Condition()

    def answer(self, connection: socket.socket) -> None:
        """Take a login and refuse it in its time."""
        length, code = struct.unpack("!i4s", connection.recv(8, socket.MSG_WAITALL))
        connection.recv(length - 8, socket.MSG_WAITALL)
        if code == _SSL_REQUEST:
            connection.sendall(b"N")
            self.answer(connection)
            return
        self._wait()
        connection.sendall(b"E" + struct.pack("!i", len(_REFUSAL) + 4) + _REFUSAL)

    def _wait(self) -> None:
        with self._change:
            self._open += 1
            self.most = max(self.most, self._open)
            self._waiting += 1
            own = self._round
            if self._waiting >= min(self._group, self._left):
                self._left -= self._waiting
                self._waiting = 0
                self._round += 1
                self._change.notify_all()
            self._change.wait_for(lambda: self._round > own, timeout=60)
            self._open -= 1  # before the refusal: only then may another begin


@contextlib.contextmanager
def gate(total: int, group: int = 8) -> Iterator[Gate]:
    """Give such a server for so many logins."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listening:
        found = Gate(listening.getsockname()[1], total, group)

        def guarded(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError, struct.error):  # who asks for TLS alone hangs up
                found.answer(connection)

        def serve() -> None:
            with contextlib.suppress(OSError):  # it was shut down
                while True:
                    threading.Thread(target=guarded, args=(listening.accept()[0],), daemon=True).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield found
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
