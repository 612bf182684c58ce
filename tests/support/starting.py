"""A PostgreSQL that still starts up: it refuses its first login so, and passes later ones on to a real server."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SSL_REQUEST = b"\x04\xd2\x16\x2f"
_STARTS = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"
_CHUNK_BYTES = 65_536


@contextlib.contextmanager
def starting(port: int) -> Iterator[int]:
    """Give the port of such a server before the one of `port` on 127.0.0.1."""
    has_started = threading.Event()

    def serve(peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError, struct.error):
            if has_started.is_set():
                _pass_on(peer, port)
            elif _asks_to_log_in(peer):
                has_started.set()
                peer.sendall(b"E" + struct.pack("!i", len(_STARTS) + 4) + _STARTS)

    def accept() -> None:
        with contextlib.suppress(OSError):  # the listener is shut down
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=256) as listening:
        acceptor = threading.Thread(target=accept, daemon=True)
        acceptor.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        acceptor.join(5)


def _asks_to_log_in(peer: socket.socket) -> bool:
    length, code = struct.unpack("!i4s", peer.recv(8, socket.MSG_WAITALL))
    peer.recv(length - 8, socket.MSG_WAITALL)
    if code != _SSL_REQUEST:
        return True
    peer.sendall(b"N")
    return _asks_to_log_in(peer)


def _pass_on(peer: socket.socket, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as server:
        back = threading.Thread(target=_pump, args=(server, peer), daemon=True)
        back.start()
        _pump(peer, server)
        back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(_CHUNK_BYTES):
            sink.sendall(chunk)
    with contextlib.suppress(OSError):  # the other one has ended as well
        sink.shutdown(socket.SHUT_WR)
