"""Which `ssl_mode` is in effect, as a terminal is told beside a document, which holds no defaults."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from qualytics.cli import _output as output
from qualytics.client import ssl_mode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qualytics.client import Client


def note_ssl_mode(
    client: Client, read: Callable[[], Mapping[str, Any]], changes: Mapping[str, Any] | None = None
) -> None:
    """Say on a terminal which `ssl_mode` holds for a connection, after changes to it.

    `read` gives its document; off a terminal it is not called.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        return
    connection = read()
    changed = {key.casefold(): value for key, value in ((changes or {}).get("parameters") or {}).items()}
    parameters = {**(connection.get("parameters") or {}), **changed}
    left = {key: value for key, value in parameters.items() if value is not None}
    mode = ssl_mode({**connection, "parameters": left}, client.default_ssl_mode)
    if mode is not None:
        output.say(f"note: ssl_mode is {mode}")
