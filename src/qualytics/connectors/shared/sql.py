"""What SQL connectors share: rows and names over DB-API 2.0."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import refuse
from qualytics.model import Item

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from qualytics.connectors.contract import Target

# Names that are no text: of bytes that are no UTF-8 each is shown as \xNN, and so such a name is given back. A name that
# holds such a spelling itself is shown with \x5c for its backslash, so each spelling means one name.
_SPELLED = re.compile(r"\\(?=x[0-9a-f]{2})")
_ESCAPE = re.compile(rb"\\x([0-9a-f]{2})")


def in_transactions(handle: Any) -> None:
    """Turn autocommit off, as PEP 249 has it."""
    handle.autocommit = False


def as_text(name: bytes) -> str:
    """Return how a name is shown."""
    text = name.decode(errors="surrogateescape")
    if "\\" in text:
        text = _SPELLED.sub(r"\\x5c", text)
    return text.encode(errors="surrogateescape").decode(errors="backslashreplace")


def as_bytes(text: str) -> bytes:
    """Return the name that is shown so."""
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), text.encode())


def one_row(handle: Any, sql: str | bytes, arguments: tuple[Any, ...] = ()) -> tuple[Any, ...]:
    """Return the first row of a query over a DB-API connection."""
    cursor = handle.cursor()
    try:
        cursor.execute(sql, arguments) if arguments else cursor.execute(sql)
        return tuple(cursor.fetchone() or ())
    finally:
        cursor.close()


def require_schema(handle: Any, target: Target, sql: str) -> None:
    """Refuse a schema of which a query finds no row, on a server that folds names to upper case."""
    if target.schema is not None and not one_row(handle, sql, (target.schema,)):
        hint = "check --schema; names are in upper case unless they were quoted"
        raise refuse("unknown_db", f"there is no schema {target.schema!r}", hint)


def rows(handle: Any, sql: str, arguments: tuple[Any, ...] = (), size: int = 1_000) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query, `size` fetched at a time."""
    cursor = handle.cursor()
    try:
        cursor.arraysize = size
        cursor.execute(sql, arguments) if arguments else cursor.execute(sql)
        yield from fetched(cursor, size)
    finally:
        cursor.close()


def fetched(cursor: Any, size: int) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a result, `size` fetched at a time."""
    while page := cursor.fetchmany(size):
        yield from page
        del page  # before the next is fetched: a test may hold so much


def like_escaped(text: str) -> str:
    r"""Return a text as a pattern of LIKE, and of metadata calls, that fits nothing else; its escape is \."""
    return re.sub(r"([\\%_])", r"\\\1", text)


def identifier(name: str) -> str:
    """Return a name as standard SQL quotes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as standard SQL quotes it."""
    return "'" + text.replace("'", "''") + "'"


def text_of(value: Any) -> str:
    """Return a text of a row, which some servers call bytes."""
    return as_text(bytes(value)) if isinstance(value, bytes | bytearray | memoryview) else str(value)


def named(
    names: Iterator[tuple[Any, ...]], kind: str, system: Collection[str] = (), starts: tuple[str, ...] = ()
) -> Iterator[Item]:
    """Yield an item a row by its first column; `system` names and names that start with `starts` are the engine's own."""
    for row in names:
        name = text_of(row[0]).rstrip()  # fixed-width columns come padded
        yield Item(name, kind, name in system or name.startswith(starts))
