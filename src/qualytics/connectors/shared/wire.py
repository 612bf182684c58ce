"""The first bytes of a server: is this the protocol at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from qualytics.connectors.contract import refuse

if TYPE_CHECKING:
    import socket

# One byte is no evidence: a slow server may still be the right one. Eight foreign bytes are.
_EVIDENCE = 8
_QUIET_S = 0.25
_ENDLESS = 1_048_576


def reject_stranger(sock: socket.socket, protocol: str, first: bytes) -> NoReturn:
    """Raise the verdict on a server whose first bytes are not the protocol's.

    Reads on until there is enough to judge by: eight bytes or the end, then a quarter of a second
    of silence. A server that talks on for a mebibyte without end is class `timeout`, else `config`.
    """
    import select

    seen = first
    size = len(first)
    while size < _ENDLESS:
        if size >= _EVIDENCE and not select.select([sock], [], [], _QUIET_S)[0]:
            break
        chunk = sock.recv(65_536)
        if not chunk:
            break
        seen = (seen + chunk)[:_EVIDENCE]
        size += len(chunk)
    else:
        raise refuse(
            "timeout",
            f"the server talks without end and never speaks {protocol}",
            "check host and port: this is another kind of server",
        )
    what = "HTTP" if seen.startswith(b"HTTP/") else "another protocol"
    raise refuse("config", f"the server speaks {what}, not {protocol}", "check host and port")


def peek(sock: socket.socket, count: int) -> bytes:
    """Return the first `count` bytes without taking them from the socket; fewer at the end of data.

    Raises:
        TimeoutError: they did not come within the socket's timeout.

    """
    import select
    import socket

    # With SO_RCVLOWAT the socket is readable only once that many bytes, or the end, are there.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)
    try:
        if not select.select([sock], [], [], sock.gettimeout())[0]:
            raise TimeoutError("the server sent too little in time")
        return sock.recv(count, socket.MSG_PEEK)
    finally:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
