"""What discovery over DB-API 2.0 shares: rows without end of memory, and the names that a prefix lets through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Item
from qualytics.connectors.shared.names import as_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


def rows(handle: Any, sql: str, arguments: tuple[Any, ...] = (), size: int = 1_000) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query, `size` fetched at a time."""
    cursor = handle.cursor()
    try:
        cursor.arraysize = size
        cursor.execute(sql, arguments) if arguments else cursor.execute(sql)
        while found := cursor.fetchmany(size):
            yield from found
            del found  # before the next are fetched: a test may hold so much
    finally:
        cursor.close()


def text_of(value: Any) -> str:
    """Return a text of a row, which some servers call bytes."""
    return as_text(bytes(value)) if isinstance(value, bytes | bytearray | memoryview) else str(value)


def named(
    found: Iterator[tuple[Any, ...]], kind: str, system: Collection[str] = (), starts: tuple[str, ...] = ()
) -> Iterator[Item]:
    """Yield an item a row by its first column; `system` names and names that start with `starts` are the engine's own."""
    for row in found:
        name = text_of(row[0]).rstrip()  # fixed-width columns come padded
        yield Item(name, kind, name in system or name.startswith(starts))
