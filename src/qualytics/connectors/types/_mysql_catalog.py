"""What stands in information_schema: databases, tables, views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Item, Target
from qualytics.connectors.shared.rows import named, rows, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_SYSTEM = ("information_schema", "mysql", "performance_schema", "sys")


def select(handle: Any, target: Target) -> None:
    """Change to the database."""
    if target.database is not None:
        handle.select_db(target.database)


def catalogs(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the databases that this user may see."""
    found = rows(handle, "select schema_name from information_schema.schemata order by 1", size=target.fetch_size)
    return named(found, "catalog", _SYSTEM)


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views of a database whose names begin with a prefix."""
    sql = (
        "select table_name, table_type from information_schema.tables "
        "where table_schema = %s and left(table_name, %s) = %s order by 1"
    )
    for found, kind in rows(handle, sql, (target.database, len(prefix), prefix), target.fetch_size):
        yield Item(text_of(found), "view" if "VIEW" in text_of(kind) else "table", target.database in _SYSTEM)
