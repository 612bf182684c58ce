"""Plain http, which this machine alone may speak: whoever speaks first there is another kind of server."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

from qualytics.connectors._wire import reject_stranger

if TYPE_CHECKING:
    from qualytics.connectors._base import Target

# A banner or a hang-up arrives with the first round trip on this machine.
_QUIET_S = 0.1


def expect_silence(target: Target) -> None:
    """Ask an endpoint of plain http for nothing, and see that it waits; with TLS the handshake has told already.

    The drivers take the first bytes of an endless stream for a bad answer, and some ask again for ever.

    Raises:
        ConnectionResetError: the server closed at once.
        Refusal: the server spoke first.

    """
    if target.tls is not None:
        return
    from socket import create_connection

    with create_connection((target.address or target.host, target.port), target.timeout_s) as sock:
        if select.select([sock], [], [], _QUIET_S)[0]:
            first = sock.recv(1)
            if not first:
                raise ConnectionResetError("the server closed the connection at once")
            reject_stranger(sock, "HTTP", first)
