"""TimescaleDB: PostgreSQL with an extension, reached exactly as PostgreSQL is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Server
from qualytics.connectors.shared import postgresql as shared
from qualytics.connectors.shared.sql import one_row
from qualytics.connectors.types import postgresql
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qualytics.connectors.contract import Target
    from qualytics.model import Item

# How the extension's own schemas begin (its sql/pre_install/schemas.sql).
_OWN = ("_timescaledb_", "timescaledb_")


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the schemas of the database; those of the extension are the engine's own."""
    for item in shared.schemas(handle, target):
        yield item._replace(is_system=item.is_system or item.name.startswith(_OWN))


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield tables, hypertables among them, and views whose names begin with a prefix."""
    is_own = (target.schema or "").startswith(_OWN)
    for item in shared.tables(handle, target, prefix):
        yield item._replace(is_system=item.is_system or is_own)


def check(handle: Any, target: Target) -> Server:
    """Read the version of the extension where the database has it, else PostgreSQL's own.

    An extension belongs to one database, and a connection may look at another: without it nothing is wrong.
    """
    server = postgresql.check(handle, target)
    row = one_row(handle, "select extversion from pg_catalog.pg_extension where extname = 'timescaledb'")
    return Server("TimescaleDB", row[0]) if row else server


CONNECTOR = replace(
    postgresql.CONNECTOR,
    type="timescale",
    title="TimescaleDB",
    aliases=("timescaledb",),
    check=check,
    schemas=schemas,
    tables=tables,
    verified="real server: TimescaleDB 2.19 (Apache build) on PostgreSQL 17, and PostgreSQL 15 without it",
    foreign=replace(postgresql.FOREIGN, names=("timescale", "timescaledb"), odbc=()),
)
