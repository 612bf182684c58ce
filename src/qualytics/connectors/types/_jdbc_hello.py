"""A listen to the dialled socket before a JDBC driver is started: some take their time over a stranger, or all memory."""

from __future__ import annotations

import contextlib
import select
from typing import TYPE_CHECKING

from qualytics.connectors.shared.wire import reject_stranger

if TYPE_CHECKING:
    import socket

    from qualytics.connectors.contract import Target

# A banner or a hang-up arrives with the first round trip; a good server costs a test this much.
_QUIET_S = 0.2
_MYSQL_HEAD = 5


def listen(target: Target, first: str | None) -> None:
    """Close the dialled socket, once it is known that its server speaks as one of this kind does, or not yet.

    Raises:
        ConnectionResetError: the server closed at once.
        Refusal: it is another kind of server.

    """
    if target.sock is None:
        return
    with contextlib.closing(target.sock) as sock:
        if first is None or not select.select([sock], [], [], _QUIET_S)[0]:
            return
        if first == "mysql":
            head = _read(sock, _MYSQL_HEAD)
            # Packet 0, then protocol 10 or an error (MySQL Internals, "Initial Handshake Packet").
            if head[3:4] != b"\0" or head[4] not in {10, 255}:
                reject_stranger(sock, "the protocol of MySQL", head)
        else:
            reject_stranger(sock, "this driver's protocol", _read(sock, 1))


def _read(sock: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        chunk = sock.recv(size - len(found))
        if not chunk:
            raise ConnectionResetError("the server closed the connection at once")
        found += chunk
    return found
