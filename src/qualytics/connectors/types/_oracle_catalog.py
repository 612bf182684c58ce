"""What stands in Oracle's ALL_… views: schemas, which are users, and their tables and views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Item, Target, refuse
from qualytics.connectors.shared.rows import rows
from qualytics.connectors.shared.sql import one_row

if TYPE_CHECKING:
    from collections.abc import Iterator


def select(handle: Any, target: Target) -> None:
    """Check that the schema, which is a user of the database, exists."""
    if target.schema is not None and not one_row(
        handle, "select 1 from all_users where username = :1", (target.schema,)
    ):
        raise refuse(
            "unknown_db",
            f"there is no schema {target.schema!r}",
            "check --schema; names are in upper case unless they were quoted",
        )


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """List the users of the database; those that Oracle maintains are its own."""
    for name, own in rows(
        handle, "select username, oracle_maintained from all_users order by username", size=target.fetch_size
    ):
        yield Item(name, "schema", own == "Y")


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """List the tables and views of a schema."""
    # Oracle takes an empty text for null.
    sql = "select object_name, object_type, oracle_maintained from all_objects where owner = :1 and object_type in ('TABLE', 'VIEW') and (:2 is null or instr(object_name, :3) = 1) order by object_name"
    for name, kind, own in rows(handle, sql, (target.schema, prefix, prefix), target.fetch_size):
        yield Item(name, kind.lower(), own == "Y")
