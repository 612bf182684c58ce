"""What a warehouse of Databricks has: catalogs, schemas, tables and views, by the driver's metadata calls."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Item, Target

if TYPE_CHECKING:
    from collections.abc import Iterator


def select(handle: Any, target: Target) -> None:
    """Take the catalog and the schema in use."""
    for kind, name in (("catalog", target.database), ("schema", target.schema)):
        if name is not None:
            with handle.cursor() as cursor:
                cursor.execute(f"use {kind} {identifier(name)}")


def identifier(name: str) -> str:
    """Return a quoted identifier (Databricks SQL reference, "Names")."""
    return "`" + name.replace("`", "``") + "`"


def catalogs(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the catalogs, as the driver's metadata call tells them (TABLE_CAT)."""
    with handle.cursor() as cursor:
        for row in _fetched(cursor.catalogs(), target.fetch_size):
            yield Item(row[0], "catalog", row[0] in {"system", "samples"})


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the schemas of a catalog (TABLE_SCHEM)."""
    with handle.cursor() as cursor:
        for row in _fetched(cursor.schemas(catalog_name=target.database), target.fetch_size):
            yield Item(row[0], "schema", row[0] == "information_schema")


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views of a schema whose names begin with a prefix (TABLE_NAME, TABLE_TYPE)."""
    wanted = {"catalog_name": target.database, "schema_name": _literally(target.schema or "")}
    with handle.cursor() as cursor:
        for row in _fetched(cursor.tables(**wanted, table_name=_literally(prefix) + "%"), target.fetch_size):
            if row[2].startswith(prefix):
                yield Item(row[2], "view" if "VIEW" in (row[3] or "") else "table")


def _literally(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def _fetched(cursor: Any, size: int) -> Iterator[Any]:
    while found := cursor.fetchmany(size):
        yield from found
        del found  # before the next are fetched: a test may hold so much
