"""Without TLS nothing is known of a server before the driver speaks to it: a look at who speaks first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qualytics.connectors.shared.hello import nothing, require_silence

if TYPE_CHECKING:
    from collections.abc import Callable

    from qualytics.connectors.contract import Target


def expect_silence(target: Target, protocol: str = "HTTP", may_begin: Callable[[bytes], bool] = nothing) -> None:
    """See that a server that nobody asked for TLS waits to be spoken to; else the question has told already.

    The drivers take the first bytes of an endless stream for a bad answer, of another protocol for a
    length in gigabytes, and some ask again for ever. `may_begin(first)` knows what a good server says first.

    Raises:
        ConnectionResetError: the server closed at once.
        Refusal: the server spoke first.

    """
    if target.tls is not None and target.tls.mode != "disable":
        return
    from socket import create_connection

    with create_connection((target.address or target.host, target.port), target.timeout_s) as sock:
        require_silence(sock, protocol, may_begin)
