"""What a server's first bytes tell, before a driver speaks to it: is this the protocol at all, and is TLS offered."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NoReturn

from qualytics.connectors.contract import OtherProtocol, refuse

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from qualytics.connectors.contract import Target

# One byte is no evidence: a slow server may still be the right one. Eight foreign bytes are.
_EVIDENCE = 8
_KEPT = 1_024  # of which the protocol is recognised
_END_OF_TALK_S = 0.25
_ENDLESS = 1_048_576
_ENOUGH = 5  # the header of a record of TLS or of a packet of MySQL, and "HTTP/"
# A banner or a hang-up arrives with the first round trip; a good server costs a test this much.
_BANNER_S = 0.1
# Longer where the driver would take its time over another kind of server, some for ever, or all memory.
_BANNER_FOR_DRIVERS_S = 0.2

# The first byte of a TLS record: 21 alert, 22 handshake (RFC 8446, section 5.1). Either is TLS.
_TLS = (b"\x15", b"\x16")

MYSQL = "the MySQL protocol"
# The first packet: length (3 bytes), number (0), then 10 for a greeting, 255 for an error (MySQL
# Source Code Documentation, "Protocol::HandshakeV10"). The longest version text is 60 characters.
_MYSQL_GREETING, _MYSQL_ERROR = 10, 255
_MAX_MYSQL_GREETING = 512
_MAX_MYSQL_ERROR = 1_024
MYSQL_CLIENT_SSL = 0x0800


def reject_protocol(sock: socket.socket, protocol: str, first: bytes = b"") -> NoReturn:
    """Raise the verdict on a server whose first bytes are not the protocol's; `first` are those already read.

    Reads on until there is enough to judge by: eight bytes or the end, then a quarter of a second
    of silence. A server that talks on for a mebibyte without end is class `timeout`, else `config`.
    """
    received, size = first, len(first)
    while size < _ENDLESS:
        if size >= _EVIDENCE and not is_readable(sock, _END_OF_TALK_S):
            break
        chunk = sock.recv(65_536)
        if not chunk:
            break
        received = (received + chunk)[:_KEPT]
        size += len(chunk)
    else:
        cause = f"the server talks without end and never speaks {protocol}"
        raise refuse("timeout", cause, "check host and port: this is another kind of server")
    raise OtherProtocol(protocol, received)


def is_http(answer: bytes) -> bool:
    """Say whether the answer is an HTTP server's, which finds a ClientHello a bad request."""
    return answer.startswith(b"HTTP/")


def peek(sock: socket.socket, count: int) -> bytes:
    """Return the first `count` bytes without taking them from the socket; fewer at the end of data.

    Raises:
        TimeoutError: they did not come within the socket's timeout.

    """
    import socket

    # With SO_RCVLOWAT the socket is readable only once that many bytes, or the end, are there.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)
    try:
        if not is_readable(sock, sock.gettimeout()):
            raise TimeoutError("the server sent too little in time")
        return sock.recv(count, socket.MSG_PEEK)
    finally:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)


def is_readable(sock: socket.socket, seconds: float | None) -> bool:
    """Say whether bytes, or the end, are there within so many seconds; None waits for them."""
    import select

    ready = select.poll()
    ready.register(sock, select.POLLIN)
    return bool(ready.poll(None if seconds is None else seconds * 1_000))


def nothing(_first: bytes) -> bool:
    """Say that servers of most protocols say nothing before they are spoken to."""
    return False


def require_silence(
    sock: socket.socket, protocol: str, may_begin: Callable[[bytes], bool] = nothing, wait_s: float = _BANNER_S
) -> None:
    """Look for a moment at what comes on a connection on which nothing was said: other kinds of server may speak first.

    `may_begin(first)` knows what a server of this protocol says before it is spoken to.

    Raises:
        ConnectionResetError: the server closed at once.
        Refusal: it said what is not this protocol's.

    """
    if is_readable(sock, wait_s):
        first = peek(sock, _ENOUGH)
        if not first:
            raise ConnectionResetError("the server closed the connection at once")
        if not may_begin(first):
            reject_protocol(sock, protocol)


def leave_to_driver(target: Target, protocol: str, may_begin: Callable[[bytes], bool] = nothing) -> None:
    """Close the dialled socket, whose driver dials anew, once its server was seen to wait; raises as `require_silence`."""
    if target.sock is not None:
        with contextlib.closing(target.sock) as sock:
            require_silence(sock, protocol, may_begin, _BANNER_FOR_DRIVERS_S)


def expect_silence(target: Target, protocol: str = "HTTP", may_begin: Callable[[bytes], bool] = nothing) -> None:
    """See that a server that nobody asked for TLS waits to be spoken to; else `offers_tls` has seen it.

    The drivers take the first bytes of an endless stream for a bad answer, of another protocol for a
    length in gigabytes, and some ask again for ever. Raises as `require_silence`.
    """
    if target.tls.mode != "disable":
        return
    from socket import create_connection

    with create_connection((target.dialled, target.port), target.timeout_s) as sock:
        require_silence(sock, protocol, may_begin)


def offers_tls(
    sock: socket.socket,
    protocol: str,
    is_plain: Callable[[bytes], bool],
    *,
    may_begin: Callable[[bytes], bool] = nothing,
    question: bytes = b"",
) -> bool:
    """Ask a server whose protocol has no question for it: send a TLS ClientHello, look at the first bytes of the answer.

    The question goes over a connection of its own: to a server without TLS it is nonsense, which
    ends the connection. `is_plain(answer)` knows what such a server says to that; `may_begin(first)` what one says
    before it is spoken to. Where good servers without TLS hang up on nonsense, `question` is one of their own protocol,
    without any secret: who hangs up on that too is no such server.

    Raises:
        ConnectionError: it hung up, and that is no answer of this protocol.
        Refusal: the answer is neither TLS nor this protocol, or the server spoke before it was spoken to.

    """
    answer = b""
    with _another(sock) as other:
        with contextlib.suppress(ConnectionResetError):  # hung up on, the ClientHello unread
            # The line ends are for servers that wait for one before they find a request bad.
            other.sendall(client_hello() + b"\r\n\r\n")
            answer = peek(other, _ENOUGH)
        if answer.startswith(_TLS):
            return True
        if answer and not is_plain(answer):
            reject_protocol(other, protocol)
    require_silence(sock, protocol, may_begin)
    if not (is_plain(answer) or (question and _stays(sock, question))):
        raise ConnectionResetError("the server closed the connection when it was asked for TLS")
    return False


def _another(sock: socket.socket) -> socket.socket:
    from socket import create_connection

    return create_connection(sock.getpeername()[:2], timeout=sock.gettimeout())


def _stays(sock: socket.socket, question: bytes) -> bool:
    # Some wait for the rest of what they take for a longer question: that is no hanging up.
    with _another(sock) as other:
        other.sendall(question)
        return not is_readable(other, _BANNER_S) or bool(other.recv(1))


def client_hello() -> bytes:
    """Return the first message of a TLS client that names no host."""
    import ssl

    sent = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent).do_handshake()
    return sent.read()


def begins_mysql(head: bytes) -> bool:
    """Say whether the first five bytes begin a greeting of MySQL, or the error that stands in its place."""
    size, number, first = int.from_bytes(head[:3], "little"), head[3:4], head[4:5]
    sizes = {bytes([_MYSQL_GREETING]): _MAX_MYSQL_GREETING, bytes([_MYSQL_ERROR]): _MAX_MYSQL_ERROR}
    return number == b"\0" and size <= sizes.get(first, -1)


def mysql_offers_tls(sock: socket.socket) -> bool:
    """Tell from the server's greeting, which stays unread, whether it offers TLS.

    An error in place of the greeting (too many connections, this host is blocked) is left to the driver.
    """
    head = peek(sock, _ENOUGH)
    if not head:
        raise ConnectionResetError("the server closed the connection without a greeting")
    if not begins_mysql(head):
        reject_protocol(sock, MYSQL)
    if head[4] == _MYSQL_ERROR:
        return True
    size = 4 + int.from_bytes(head[:3], "little")
    greeting = peek(sock, size)
    if len(greeting) < size:
        raise ConnectionResetError("the server closed the connection within its greeting")
    # Version text and its NUL, thread id (4), half a salt (8), filler (1), lower half of the capabilities (2).
    at = greeting.find(b"\0", 5) + 14
    if at < 14 or at + 2 > len(greeting):
        reject_protocol(sock, MYSQL)
    return bool(int.from_bytes(greeting[at : at + 2], "little") & MYSQL_CLIENT_SSL)
