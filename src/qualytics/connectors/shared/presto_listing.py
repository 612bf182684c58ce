"""What Presto and Trino have: catalogs, schemas, tables and views, by SQL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Item, Target, refuse
from qualytics.connectors.shared.presto_errors import NOT_FOUND

if TYPE_CHECKING:
    from collections.abc import Iterator


def rows(handle: Any, sql: str, size: int = 1_000) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query, fetched by `size`."""
    cursor = handle.cursor()
    cursor.arraysize = size
    cursor.execute(sql)
    while found := cursor.fetchmany():
        yield from (tuple(row) for row in found)
        del found  # before the next are fetched: a test may hold so much


def first(handle: Any, sql: str, size: int = 1_000) -> Any:
    """Return the first value of a query."""
    return next(rows(handle, sql, size), (None,))[0]


def name(text: str) -> str:
    """Return a quoted identifier."""
    return '"' + text.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a quoted string."""
    return "'" + text.replace("'", "''") + "'"


def select(handle: Any, target: Target) -> None:
    """Check that the catalog exists, and the schema in it; both are kept in lower case."""
    if target.database is None:
        return
    catalog = target.database.lower()
    if target.schema is None:
        if (catalog,) not in set(rows(handle, "show catalogs")):
            raise refuse("unknown_db", f"there is no catalog {target.database!r}", NOT_FOUND)
        return
    where = f"where schema_name = {literal(target.schema.lower())}"
    if not first(handle, f"select count(*) from {name(catalog)}.information_schema.schemata {where}"):  # noqa: S608 - quoted
        raise refuse("unknown_db", f"there is no schema {target.schema!r} in {target.database!r}", "check --schema")


def catalogs(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the catalogs; `system` is the engine's own."""
    for (found,) in rows(handle, "show catalogs", target.fetch_size):
        yield Item(found, "catalog", found in {"system", "jmx"})


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the schemas of a catalog."""
    for (found,) in rows(handle, f"show schemas from {name(target.database or '')}", target.fetch_size):
        yield Item(found, "schema", found == "information_schema")


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views of a schema whose names begin with a prefix."""
    schema = (target.schema or "").lower()
    pattern = re.sub(r"([\\%_])", r"\\\1", prefix.lower()) + "%"
    sql = (
        f"select table_name, table_type from {name(target.database or '')}.information_schema.tables "  # noqa: S608 - quoted
        f"where table_schema = {literal(schema)} and table_name like {literal(pattern)} escape '\\' order by 1"
    )
    for found, kind in rows(handle, sql, target.fetch_size):
        yield Item(found, "view" if kind == "VIEW" else "table", schema == "information_schema")
