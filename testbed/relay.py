"""A TLS relay: stands with a certificate before a server that speaks plain text, as a proxy of a company does."""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK_BYTES = 65_536


@contextlib.contextmanager
def relay(port: int, certificate: Any, host: str = "127.0.0.1", protocols: tuple[str, ...] = ()) -> Iterator[int]:
    """Take TLS on a free port of 127.0.0.1 and pass the plain bytes on to `host` and `port`.

    `certificate` is (chain, key) of trustme, `protocols` are offered by ALPN, as gRPC demands `h2`; yields the
    relay's port.
    """
    context = server_context(*certificate)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as peers:
        acceptor = threading.Thread(target=_accept, args=(listener, context, (host, port), peers), daemon=True)
        acceptor.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join(5)


def server_context(chain: Any, key: Any) -> ssl.SSLContext:
    """Return the TLS of a server with a certificate of trustme: its chain and its key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "server.pem"
        path.touch(0o600)
        path.write_bytes(key.bytes() + b"".join(blob.bytes() for blob in chain))
        context.load_cert_chain(path)
    return context


def _accept(
    listener: socket.socket, context: ssl.SSLContext, target: tuple[str, int], peers: contextlib.ExitStack
) -> None:
    with contextlib.suppress(OSError):  # the listener's end is the relay's end
        while True:
            peer, _ = listener.accept()
            peers.callback(_shut, peer)
            threading.Thread(target=_serve, args=(peer, context, target), daemon=True).start()


def _serve(peer: socket.socket, context: ssl.SSLContext, target: tuple[str, int]) -> None:
    # The handshake comes first: HSQLDB gives up who has said nothing for a second.
    with (
        contextlib.suppress(OSError),
        peer,
        context.wrap_socket(peer, server_side=True) as outer,
        socket.create_connection(target, 10) as inner,
    ):
        inner.settimeout(None)
        back = threading.Thread(target=_pump, args=(inner, outer), daemon=True)
        back.start()
        _pump(outer, inner)
        back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    # Ends with either side, and then ends the other, so that no thread waits for ever.
    try:
        while chunk := source.recv(_CHUNK_BYTES):
            sink.sendall(chunk)
    except OSError:
        pass
    finally:
        _shut(sink)
        _shut(source)


def _shut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
