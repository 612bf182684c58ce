"""Discovery in the child process: a page of what a connector finds, as messages of bounded length."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from qualytics.probe.protocol import MAX_ITEM, MAX_LINE_BYTES, MAX_LISTING_BYTES, Items

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qualytics.connectors.contract import Connector, Target
    from qualytics.model import Item, Listing

# Well below what the parent takes: escapes of JSON and the frame of a message come on top.
_MESSAGE_BYTES = MAX_LINE_BYTES // 3
_PAGE_BYTES = MAX_LISTING_BYTES // 2


def items_of(connector: Connector, handle: Any, target: Target, listing: Listing) -> Iterator[Item]:
    """Return the items of a connector that a listing asks for.

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


def send_page(items: Iterator[Item], listing: Listing, send: Callable[[Items], None]) -> bool:
    """Send one page; return whether there is more behind it, be it that the page holds too many bytes."""
    batch = _Batch(send)
    for number, item in enumerate(items):
        if number < listing.skip:
            continue
        if number >= listing.skip + listing.limit or batch.sent > _PAGE_BYTES:
            batch.flush()
            return True
        batch.add(item._replace(name=str(item.name)[:MAX_ITEM]))
    batch.flush()
    return False


class _Batch:
    """Gathers items into messages."""

    def __init__(self, send: Callable[[Items], None]) -> None:
        self._send = send
        self._items: list[Item] = []
        self._bytes = 0
        self.sent = 0

    def add(self, item: Item) -> None:
        size = len(json.dumps(item, ensure_ascii=False).encode(errors="replace")) + 2
        if self._bytes + size > _MESSAGE_BYTES:
            self.flush()
        self._items.append(item)
        self._bytes += size
        self.sent += size

    def flush(self) -> None:
        if self._items:
            self._send(Items(tuple(self._items)))
        self._items, self._bytes = [], 0
