"""Discovery inside the child process: a page of what a connector finds, as lines of bounded length."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qualytics.connectors import Connector, Item, Target
    from qualytics.model import Listing

_MAX_NAME = 1_000
# The parent bounds a line and a whole listing at twice as much.
_LINE_BYTES = 32_768
_LISTING_BYTES = 8 << 20


def found_by(connector: Connector, handle: Any, target: Target, listing: Listing) -> Iterator[Item]:
    """Return what a connector finds of what a listing asks for.

    Raises:
        ValueError: the connector has no such function.

    """
    if listing.what == "catalogs" and connector.catalogs is not None:
        return connector.catalogs(handle, target)
    if listing.what == "schemas" and connector.schemas is not None:
        return connector.schemas(handle, target)
    if listing.what == "tables" and connector.tables is not None:
        return connector.tables(handle, target, listing.prefix)
    raise ValueError(f"{connector.type} lists no {listing.what}")


def send(found: Iterator[Item], listing: Listing, emit: Callable[[dict[str, Any]], None]) -> bool:
    """Emit one page; return whether there is more behind it, be it that the page holds too many bytes."""
    lines = _Lines(emit)
    for number, item in enumerate(found):
        if number < listing.skip:
            continue
        if number >= listing.skip + listing.limit or lines.sent > _LISTING_BYTES:
            lines.flush()
            return True
        lines.add([str(item.name)[:_MAX_NAME], item.kind, item.is_system])
    lines.flush()
    return False


class _Lines:
    """Gathers items into lines."""

    def __init__(self, emit: Callable[[dict[str, Any]], None]) -> None:
        self._emit = emit
        self._line: list[list[Any]] = []
        self._bytes = 0
        self.sent = 0

    def add(self, item: list[Any]) -> None:
        size = len(json.dumps(item, ensure_ascii=False).encode(errors="replace")) + 2
        if self._bytes + size > _LINE_BYTES:
            self.flush()
        self._line.append(item)
        self._bytes += size
        self.sent += size

    def flush(self) -> None:
        if self._line:
            self._emit({"items": self._line})
        self._line, self._bytes = [], 0
