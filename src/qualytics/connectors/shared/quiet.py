"""For protocols in which the server never speaks first: whoever does is another server."""

from __future__ import annotations

import contextlib
import select
from typing import TYPE_CHECKING

from qualytics.connectors.contract import refuse
from qualytics.connectors.shared.wire import reject_stranger

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target

# A banner or a hang-up arrives with the first round trip; a good server costs a test this much.
_QUIET_S = 0.2


def reject_talker(target: Target, protocol: str) -> None:
    """Close the dialled socket, once it is known that the server waits to be spoken to, and who speaks.

    The drivers of these types take their time over a server that hangs up or talks nonsense, some
    for ever: they are not even started on one.

    Raises:
        ConnectionResetError: the server closed at once.
        Refusal: no user name is set, or the server spoke first.

    """
    if not target.username:
        raise refuse("config", "no username is set", "give one with --username", stage="login")
    if target.sock is None:
        return
    with contextlib.closing(target.sock) as sock:
        if select.select([sock], [], [], _QUIET_S)[0]:
            first = sock.recv(1)
            if not first:
                raise ConnectionResetError("the server closed the connection at once")
            reject_stranger(sock, protocol, first)
