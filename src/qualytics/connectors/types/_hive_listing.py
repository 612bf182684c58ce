"""What Hive has: databases, tables and views."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Item, Target, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator


def rows(handle: Any, target: Target, sql: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query."""
    with handle.cursor() as cursor:
        cursor.arraysize = target.fetch_size
        cursor.execute(sql)
        yield from _fetched(cursor)


def _fetched(cursor: Any) -> Iterator[tuple[Any, ...]]:
    while found := cursor.fetchmany():
        yield from (tuple(row) for row in found)
        del found  # before the next are fetched: a test may hold so much


def select(handle: Any, target: Target) -> None:
    """Check that the database exists: Hive has one level, and calls it database or schema."""
    for name in dict.fromkeys(filter(None, (target.database, target.schema))):
        if not any(found.lower() == name.lower() for (found, *_) in rows(handle, target, "show databases")):
            raise refuse("unknown_db", f"there is no database {name!r}", "check --database and --schema")


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the databases."""
    for found, *_ in rows(handle, target, "show databases"):
        yield Item(found, "schema", found in {"information_schema", "sys"})


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield tables and views of a database whose names begin with a prefix, by the protocol's own call."""
    schema = target.schema or target.database or "default"
    with handle.cursor() as cursor:
        cursor.arraysize = target.fetch_size
        cursor.get_tables(re.sub(r"([\\%_])", r"\\\1", schema))
        for _, found_in, found, kind, *_ in _fetched(cursor):
            if found_in.lower() == schema.lower() and found.lower().startswith(prefix.lower()):
                yield Item(found, "view" if "VIEW" in (kind or "") else "table")
