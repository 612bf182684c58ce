"""What a DuckDB file has: schemas, tables and views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Item, Target
from qualytics.connectors.shared.rows import named

if TYPE_CHECKING:
    from collections.abc import Iterator

_SYSTEM = ("information_schema", "pg_catalog")


def _rows(handle: Any, target: Target, sql: str, *given: str) -> Iterator[tuple[Any, ...]]:
    result = handle.execute(sql, given)
    while found := result.fetchmany(target.fetch_size):
        yield from found
        del found  # before the next are fetched: a test may hold so much


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the schemas of the file."""
    sql = "select schema_name from information_schema.schemata where catalog_name = current_database() order by 1"
    return named(_rows(handle, target, sql), "schema", _SYSTEM)


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views of a schema whose names begin with a prefix."""
    sql = (
        "select table_name, table_type from information_schema.tables "
        "where table_catalog = current_database() and table_schema = ? and starts_with(table_name, ?) order by 1"
    )
    schema = target.schema or "main"
    for found, kind in _rows(handle, target, sql, schema, prefix):
        yield Item(found, "view" if kind == "VIEW" else "table", schema in _SYSTEM)
