"""The session: role, warehouse, database and schema in use, and which of them cannot be had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Target, Verdict
from qualytics.connectors.types.snowflake.errors import classify
from qualytics.connectors.types.snowflake.names import identifier

if TYPE_CHECKING:
    from collections.abc import Iterator


def select(handle: Any, target: Target) -> None:
    """Take the role, warehouse, database and schema in use, in this order, and name the first that fails.

    Of a role this asks nothing new, unless the server let the login in with another one.
    """
    import snowflake.connector

    for kind, name, failure in _session(target):
        try:
            run(handle, f"use {kind} {name}")
        except snowflake.connector.Error as exc:
            found = classify(exc)
            if found is not None and found.failure_class in {"unknown_db", "permission"}:
                _attach(exc, failure)
            raise


def _session(target: Target) -> Iterator[tuple[str, str, Verdict]]:
    """Yield kind and SQL name of each part of the session that was asked for, and the verdict if it cannot be had."""
    role, warehouse = (target.parameters.get(name) for name in ("role", "warehouse"))
    database, schema = target.database, target.schema
    who = f"role {role!r}" if role else f"the role of user {target.username!r}"
    # Snowflake does not tell what is missing from what is not granted.
    wanted = (
        ("role", role, "permission", f"role {role!r} does not exist or is not granted to user {target.username!r}"),
        ("warehouse", warehouse, "permission", f"warehouse {warehouse!r} does not exist, or {who} may not use it"),
        ("database", database, "unknown_db", f"database {database!r} does not exist, or {who} may not use it"),
        ("schema", schema, "unknown_db", f"{database!r} has no schema {schema!r}, or {who} may not use it"),
    )
    for kind, name, failure_class, cause in wanted:
        if name is not None:
            sql = identifier(name)
            if kind == "schema" and database is not None:
                sql = f"{identifier(database)}.{sql}"
            grant = f"role {sql} to user …" if kind == "role" else f"usage on {kind} {sql} to role …"
            hint = f"check the spelling; an administrator can run: grant {grant}"
            yield kind, sql, Verdict(failure_class, cause, hint, "database")


def _attach(exc: Any, verdict: Verdict) -> None:
    # `classify` gives it back; so the driver's own words stay the detail of the report.
    while exc is not None:  # the innermost is asked first
        exc.verdict = verdict
        exc = exc.__cause__ or exc.__context__


def blame_role(exc: Any, target: Target, verdict: Verdict) -> None:
    """Say that a failed login is the role's fault, if one was asked for: it alone is part of the login; else what it is."""
    _attach(exc, next((failure for kind, _, failure in _session(target) if kind == "role"), verdict))


def run(handle: Any, sql: str, fetch_size: int = 1) -> list[Any]:
    """Return the first rows of a statement."""
    cursor = handle.cursor()
    try:
        cursor.arraysize = fetch_size
        cursor.execute(sql)
        rows: list[Any] = cursor.fetchmany()
        return rows
    finally:
        cursor.close()
