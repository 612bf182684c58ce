"""Notes on stderr of what no document says: which `ssl_mode` is in effect, and which store a command works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.cli import _output as output
from qualytics.cli._terminal import shows_stages
from qualytics.client import connect, ssl_mode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qualytics.client import Client


def note_ssl_mode(
    client: Client, read: Callable[[], Mapping[str, Any]], changes: Mapping[str, Any] | None = None
) -> None:
    """Say on a terminal which `ssl_mode` holds for a connection, after changes to it.

    `read` gives its document; off a terminal it is not called.
    """
    if not shows_stages():
        return
    connection = read()
    changed = {key.casefold(): value for key, value in ((changes or {}).get("parameters") or {}).items()}
    parameters = {**(connection.get("parameters") or {}), **changed}
    left = {key: value for key, value in parameters.items() if value is not None}
    mode = ssl_mode({**connection, "parameters": left}, client.default_ssl_mode)
    if mode is not None:
        output.inform(f"note: ssl_mode is {mode}")


def connect_noting_store() -> Client:
    """Return the client of a command for control planes; say so where it works on a store of this machine.

    Close it, or use it in a `with` statement.
    """
    client = connect()
    if client.store_name is not None:
        where = output.escape(client.store_name)
        output.inform(f"note: this works on the store {where}; qualytics auth login --url URL chooses a control plane")
    return client
