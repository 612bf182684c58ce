"""A tunnel of TLS for a driver that would look the host up by itself, or check less than we do."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
from typing import TYPE_CHECKING

from qualytics.connectors.shared.proxy import listen

if TYPE_CHECKING:
    from collections.abc import Callable

    from qualytics.connectors.contract import Target

_CHUNK_BYTES = 65_536


def tunnel(target: Target) -> int:
    """Return a port of this machine that leads through TLS to the target's address.

    The certificate is checked against the target's name before anything is let through, and anew for
    each connection of the driver. The tunnel lives as long as the process: that of one test.

    Raises:
        OSError: the server cannot be reached, or its certificate is not trusted (ssl.SSLError).

    """
    waiting = [_secure(target)]

    def dial() -> ssl.SSLSocket:
        return waiting.pop() if waiting else _secure(target)

    return listen(lambda peer: _serve(peer, dial, target.timeout_s))


def _secure(target: Target) -> ssl.SSLSocket:
    if target.tls.context is None:
        raise ValueError("no TLS context")
    sock = socket.create_connection((target.dialled, target.port), target.timeout_s)
    return target.tls.context.wrap_socket(sock, server_hostname=target.host)


def _serve(peer: socket.socket, dial: Callable[[], ssl.SSLSocket], timeout_s: float) -> None:
    with contextlib.suppress(OSError), peer, dial() as server:
        both = select.poll()
        for sock in (peer, server):
            both.register(sock, select.POLLIN)
        while True:
            # One thread for both ways: a TLS connection is not to be read and written at once.
            ready = [] if server.pending() else [number for number, _ in both.poll()]
            if peer.fileno() in ready:
                data = peer.recv(_CHUNK_BYTES)
                server.settimeout(timeout_s)
                server.sendall(data)
            else:
                server.settimeout(0)  # what is readable may be TLS's own concern, such as a session ticket
                try:
                    data = server.recv(_CHUNK_BYTES)
                except ssl.SSLWantReadError:
                    continue
                peer.sendall(data)
            if not data:
                return
