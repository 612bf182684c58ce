"""A proxy in the same process for a driver that follows redirects: it lets it reach known hosts alone."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MAX_HEAD_BYTES = 8_192
_CHUNK_BYTES = 65_536


def start_proxy(addresses: Mapping[tuple[str, int], str], timeout_s: float, tell: Callable[[str], None]) -> str:
    """Return the URL of a proxy that tunnels to `addresses` alone: (host, port) → the address to dial.

    `tell` gets the host of each tunnel before it is dialled.

    The address is the one that the stages checked and reached, whatever the name resolves to by
    now. The proxy lives as long as the process: that of one test.
    """
    known = dict(addresses)
    return f"http://127.0.0.1:{listen(lambda peer: _serve(peer, known, timeout_s, tell))}"


def listen(serve: Callable[[socket.socket], None]) -> int:
    """Return a port of this machine, each of whose connections `serve` gets in a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            peer, _ = listener.accept()
            threading.Thread(target=serve, args=(peer,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    port: int = listener.getsockname()[1]
    return port


def _serve(
    peer: socket.socket, addresses: dict[tuple[str, int], str], timeout_s: float, tell: Callable[[str], None]
) -> None:
    with contextlib.suppress(OSError), peer:
        peer.settimeout(timeout_s)
        host, port = _destination(peer)
        address = addresses.get((host, port))
        if address is None:
            peer.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        tell(host)
        with socket.create_connection((address, port), timeout_s) as server:
            peer.sendall(b"HTTP/1.1 200 Connection Established\r\n\r\n")
            for sock in (peer, server):
                sock.settimeout(None)  # how long they may be silent is for those to say who talk through it
            back = threading.Thread(target=_pump, args=(server, peer), daemon=True)
            back.start()
            _pump(peer, server)
            back.join()


def _destination(peer: socket.socket) -> tuple[str, int]:
    """Return host and port of a CONNECT request (RFC 9110 section 9.3.6); nothing else is served."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _MAX_HEAD_BYTES:
        chunk = peer.recv(_CHUNK_BYTES)
        if not chunk:
            break
        head += chunk
    method, _, rest = head.decode("latin-1").partition(" ")
    host, _, port = rest.partition(" ")[0].rpartition(":")
    return (host.strip("[]").lower(), int(port)) if method == "CONNECT" and port.isdecimal() else ("", 0)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(_CHUNK_BYTES):
            sink.sendall(chunk)
    for sock in (sink, source):  # the end of one side is the end of both
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
