"""Asks a server whose protocol has no question of its own whether it speaks TLS."""

from __future__ import annotations

import contextlib
import select
from typing import TYPE_CHECKING

from qualytics.connectors.shared.wire import peek, reject_stranger

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

# The first byte of a TLS record: 21 alert, 22 handshake (RFC 8446, section 5.1). Either is TLS.
_TLS = (b"\x15", b"\x16")
_ENOUGH = 5  # a record's header, and "HTTP/"
_QUIET_S = 0.1


def nothing(_first: bytes) -> bool:
    """Say that good servers of most protocols say nothing before they are spoken to."""
    return False


def offers_tls(
    sock: socket.socket,
    protocol: str,
    is_plain: Callable[[bytes], bool],
    *,
    may_begin: Callable[[bytes], bool] = nothing,
    question: bytes = b"",
) -> bool:
    """Greet the server at the other end of `sock` with a TLS ClientHello and look at the first five bytes it answers.

    The question goes over a connection of its own: to a server without TLS it is nonsense, which
    ends the connection. `is_plain(answer)` knows what such a server says to that; `may_begin(first)` what one says
    before it is spoken to. Where good servers without TLS hang up on nonsense, `question` is one of their own protocol,
    without any secret: who hangs up on that too is no such server.

    Raises:
        ConnectionError: it hung up, and that is no answer of this protocol.
        Refusal: the answer is neither TLS nor this protocol, or the server spoke before it was spoken to.

    """
    from socket import create_connection

    answer = b""
    with create_connection(sock.getpeername()[:2], timeout=sock.gettimeout()) as other:
        with contextlib.suppress(ConnectionResetError):  # hung up on, the ClientHello unread
            # The line ends are for servers that wait for one before they find a request bad.
            other.sendall(_client_hello() + b"\r\n\r\n")
            answer = peek(other, _ENOUGH)
        if answer.startswith(_TLS):
            return True
        if answer and not is_plain(answer):
            reject_stranger(other, protocol, b"")
    require_silence(sock, protocol, may_begin)
    if not (is_plain(answer) or (question and _stays(sock, question))):
        raise ConnectionResetError("the server closed the connection when it was asked for TLS")
    return False


def require_silence(sock: socket.socket, protocol: str, may_begin: Callable[[bytes], bool]) -> None:
    """Look for a moment at what comes on a connection on which nothing was said: a good server waits, a stranger may not.

    Raises:
        ConnectionResetError: the server closed at once.
        Refusal: it said what is not this protocol's.

    """
    if select.select([sock], [], [], _QUIET_S)[0]:
        first = peek(sock, _ENOUGH)
        if not first:
            raise ConnectionResetError("the server closed the connection at once")
        if not may_begin(first):
            reject_stranger(sock, protocol, b"")


def _stays(sock: socket.socket, question: bytes) -> bool:
    # Some wait for the rest of what they take for a longer question: that is no hanging up.
    from socket import create_connection

    with create_connection(sock.getpeername()[:2], timeout=sock.gettimeout()) as other:
        other.sendall(question)
        return not select.select([other], [], [], _QUIET_S)[0] or bool(other.recv(1))


def is_http(answer: bytes) -> bool:
    """Say whether the answer is an HTTP server's, which finds the question a bad request."""
    return answer.startswith(b"HTTP/")


def _client_hello() -> bytes:
    import ssl

    sent = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), sent).do_handshake()
    return sent.read()
