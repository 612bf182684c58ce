"""The first packet of a server of MySQL's protocol: does it offer TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qualytics.connectors.shared.wire import peek, reject_stranger
from qualytics.connectors.types._mysql_errors import PROTOCOL

if TYPE_CHECKING:
    import socket

# The first packet: length (3 bytes), number (0), then 10 for a greeting, 255 for an error (MySQL
# Source Code Documentation, "Protocol::HandshakeV10"). The longest version text is 60 characters.
_GREETING, _ERROR = 10, 255
_MAX_GREETING = 512
_MAX_ERROR = 1_024
CLIENT_SSL = 0x0800


def greet(sock: socket.socket) -> bool:
    """Tell from the server's greeting, which stays unread, whether it offers TLS.

    An error in place of the greeting (too many connections, this host is blocked) is left to the driver.
    """
    head = peek(sock, 5)
    if not head:
        raise ConnectionResetError("the server closed the connection without a greeting")
    size, number, kind = int.from_bytes(head[:3], "little"), head[3:4], head[4:]
    if number == b"\0" and kind == bytes([_ERROR]) and size <= _MAX_ERROR:
        return True
    if number != b"\0" or kind != bytes([_GREETING]) or size > _MAX_GREETING:
        reject_stranger(sock, PROTOCOL, b"")
    greeting = peek(sock, 4 + size)
    if len(greeting) < 4 + size:
        raise ConnectionResetError("the server closed the connection within its greeting")
    # Version text and its NUL, thread id (4), half a salt (8), filler (1), lower half of the capabilities (2).
    at = greeting.find(b"\0", 5) + 14
    if at < 14 or at + 2 > len(greeting):
        reject_stranger(sock, PROTOCOL, b"")
    return bool(int.from_bytes(greeting[at : at + 2], "little") & CLIENT_SSL)
