"""TimescaleDB: PostgreSQL with an extension, reached exactly as PostgreSQL is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Server
from qualytics.connectors.shared.sql import one_row
from qualytics.connectors.types import postgresql

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target


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
    extra="timescale",
    check=check,
    verified="sibling: PostgreSQL without the extension",
)
