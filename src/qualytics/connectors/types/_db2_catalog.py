"""What stands in SYSCAT: schemas, tables, views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Item, Target, refuse
from qualytics.connectors.shared.rows import rows
from qualytics.connectors.shared.sql import one_row

if TYPE_CHECKING:
    from collections.abc import Iterator


def select(handle: Any, target: Target) -> None:
    """Check that the schema exists; the database was chosen at login."""
    sql = "select 1 from syscat.schemata where schemaname = ?"
    if target.schema is not None and not one_row(handle, sql, (target.schema,)):
        raise refuse(
            "unknown_db",
            f"there is no schema {target.schema!r}",
            "check --schema; names are in upper case unless they were quoted",
        )


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """List the schemas of the database; those of SYSIBM are its own."""
    sql = "select schemaname, owner from syscat.schemata order by schemaname"
    for name, owner in rows(handle, sql, size=target.fetch_size):
        yield Item(name.rstrip(), "schema", owner.rstrip() == "SYSIBM")


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """List the tables and views of a schema."""
    sql = (
        "select tabname, type, owner from syscat.tables where tabschema = ? and type in ('T', 'V') "
        "and left(tabname, length(cast(? as varchar(128)))) = ? order by tabname"
    )
    for name, kind, owner in rows(handle, sql, (target.schema, prefix, prefix), target.fetch_size):
        yield Item(name, "view" if kind == "V" else "table", owner.rstrip() == "SYSIBM")
