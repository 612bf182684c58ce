"""Servers that behave badly on a loopback port: silent, closing, trickling, talking nonsense or without end."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def serving(behave: Callable[[socket.socket, threading.Event], None], host: str = "127.0.0.1") -> Iterator[int]:
    """Run `behave(peer, over)` for each connection, in a thread of its own; `over` is set at the end."""
    over = threading.Event()
    threads: list[threading.Thread] = []
    handles: list[socket.socket] = []

    def one(peer: socket.socket, handle: socket.socket) -> None:
        with handle, peer, contextlib.suppress(OSError):
            behave(peer, over)

    def accept(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listener.accept()
                handle = peer.dup()  # TLS takes the socket itself over
                thread = threading.Thread(target=one, args=(peer, handle), daemon=True)
                threads.append(thread)
                handles.append(handle)
                thread.start()

    with socket.create_server((host, 0)) as listener:
        acceptor = threading.Thread(target=accept, args=(listener,), daemon=True)
        acceptor.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join(60)
            for handle in handles:  # whoever reads from a connection that is kept sees its end
                with contextlib.suppress(OSError):
                    handle.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(60)


def silent() -> contextlib.AbstractContextManager[int]:
    """Accept and never answer."""
    return serving(lambda _peer, over: over.wait() and None)


def closing() -> contextlib.AbstractContextManager[int]:
    """Accept and close at once."""
    return serving(lambda _peer, _over: None)


def resetting() -> contextlib.AbstractContextManager[int]:
    """Accept, wait for the first bytes, and reset the connection."""

    def behave(peer: socket.socket, _over: threading.Event) -> None:
        peer.settimeout(1)
        with contextlib.suppress(TimeoutError):
            peer.recv(1)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return serving(behave)


def trickling(byte: bytes = b"\0", every_s: float = 5.0) -> contextlib.AbstractContextManager[int]:
    """Send one byte every few seconds."""

    def behave(peer: socket.socket, over: threading.Event) -> None:
        while not over.is_set():
            peer.sendall(byte)
            over.wait(every_s)

    return serving(behave)


def garbage(
    text: bytes = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
) -> contextlib.AbstractContextManager[int]:
    """Speak another protocol, then wait."""

    def behave(peer: socket.socket, over: threading.Event) -> None:
        peer.sendall(text)
        over.wait()

    return serving(behave)


def endless(chunk: bytes = b"\0" * 65_536) -> contextlib.AbstractContextManager[int]:
    """Send without end."""

    def behave(peer: socket.socket, over: threading.Event) -> None:
        peer.settimeout(0.2)
        while not over.is_set():
            with contextlib.suppress(TimeoutError):
                peer.sendall(chunk)

    return serving(behave)


@contextlib.contextmanager
def dropping(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Drop connection attempts: a listener whose backlog is full never answers a SYN."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener, contextlib.ExitStack() as stack:
        listener.bind((host, port))
        listener.listen(0)
        for _ in range(8):
            filler = stack.enter_context(socket.socket(family))
            filler.settimeout(0)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@contextlib.contextmanager
def closed() -> Iterator[int]:
    """Reserve a port on which nothing listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def refusing(words: Callable[[dict[str, str]], str]) -> contextlib.AbstractContextManager[int]:
    """Return a server that speaks PostgreSQL, without TLS, and refuses each login in words made from its startup."""

    def behave(peer: socket.socket, _over: threading.Event) -> None:
        while (packet := _packet(peer))[:4] in _REQUESTS:
            peer.sendall(b"N")
        if not packet:
            return  # somebody who only looked whether the port is open
        values = packet[4:].decode().split("\0")
        said = words(dict(zip(values[::2], values[1::2], strict=False))).encode("utf-8", "replace").replace(b"\0", b"")
        fields = b"SFATAL\0VFATAL\0C28P01\0M" + said + b"\0\0"
        peer.sendall(b"E" + struct.pack("!I", len(fields) + 4) + fields)

    return serving(behave)


# SSLRequest and GSSENCRequest (postgresql.org, "Message Formats").
_REQUESTS = (struct.pack("!I", 80877103), struct.pack("!I", 80877104))


def _packet(peer: socket.socket) -> bytes:
    with peer.makefile("rb", buffering=0) as stream:
        head = stream.read(4) or b""
        return (stream.read(int.from_bytes(head) - 4) or b"") if len(head) == 4 else b""
