"""What stands in DBC's …VX views: databases, tables, views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Item, Target, refuse
from qualytics.connectors.shared.rows import rows
from qualytics.connectors.shared.sql import one_row

if TYPE_CHECKING:
    from collections.abc import Iterator

# docs.teradata.com: Database Administration, "About User DBC"; Security Administration, "Other System-Generated Users";
# Data Dictionary, "Overview". The second half is from the default of DataHub's Teradata source. Case does not count.
_SYSTEM = frozenset((
    "ALL", "CRASHDUMPS", "DBC", "DBCEXTENSION", "DEFAULT", "EXTERNAL_AP", "EXTUSER", "PUBLIC", "SQLJ", "SYSADMIN",
    "SYSLIB", "SYSSPATIAL", "SYSTEMFE", "SYSUDTLIB", "SYSUIF", "SYS_CALENDAR", "TDMAPS", "TDPUSER", "TD_SYSFNLIB",
    "DBCMNGR", "GLOBAL_FUNCTIONS", "LOCKLOGSHREDDER", "SYSBAR", "SYSJDBC", "TDAAS_DB", "TDBCMGMT", "TDQCD", "TDSTATS",
    "TDWM", "TD_ANALYTICS_DB", "TD_SERVER_DB", "TD_SYSGPL", "TD_SYSXML",
))  # fmt: skip


def _is_system(database: str | None) -> bool:
    return (database or "").rstrip().upper() in _SYSTEM


def select(handle: Any, target: Target) -> None:
    """Check that the database exists; Teradata's schema is its database."""
    wanted = target.schema or target.database
    sql = "select 1 from DBC.DatabasesVX where DatabaseName = ?"
    if wanted is not None and not one_row(handle, sql, (wanted,)):
        raise refuse(
            "unknown_db", f"there is no database {wanted!r} that user {target.username!r} may see", "check --schema"
        )


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """List the databases and users that this user may see."""
    for (name,) in rows(handle, "select DatabaseName from DBC.DatabasesVX order by 1", size=target.fetch_size):
        yield Item(name.rstrip(), "schema", _is_system(name))


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """List the tables and views of a database; T and O are tables with and without a primary index."""
    sql = "select TableName, TableKind from DBC.TablesVX where DatabaseName = ? and TableKind in ('T', 'O', 'V') and (? = '' or position(? in TableName) = 1) order by 1"
    for name, kind in rows(handle, sql, (target.schema, prefix, prefix), target.fetch_size):
        yield Item(name.rstrip(), "view" if kind.strip() == "V" else "table", _is_system(target.schema))
