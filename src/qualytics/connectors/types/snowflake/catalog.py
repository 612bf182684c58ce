"""Snowflake's session, in which role, warehouse, database and schema are used, and discovery by SHOW, without a warehouse."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Server, Target, Verdict
from qualytics.connectors.shared.sql import one_row, rows
from qualytics.connectors.types.snowflake.errors import classify
from qualytics.model import Item

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
# SHOW returns no more rows at once (Snowflake documentation, "SHOW OBJECTS").
_PAGE = 10_000


def identifier(name: str) -> str:
    """Return a name as a quoted identifier, with Snowflake's rule for case.

    A plain name means its upper-case form, as it does unquoted in SQL (quoted here, it may also be a
    reserved word); a name in double quotes, or with other characters in it, is taken as it stands.
    Source: Snowflake documentation, "Identifier requirements".
    """
    if PLAIN.fullmatch(name):
        return f'"{name.upper()}"'
    if re.fullmatch(r'"([^"]|"")+"', name):
        return name
    return '"' + name.replace('"', '""') + '"'


def select(handle: Any, target: Target) -> None:
    """Take the role, warehouse, database and schema in use, in this order, and name the first that fails.

    Of a role this asks nothing new, unless the server let the login in with another one.
    """
    import snowflake.connector

    for kind, name, failure in _session(target):
        try:
            one_row(handle, f"use {kind} {name}")
        except snowflake.connector.Error as exc:
            verdict = classify(exc)
            if verdict is not None and verdict.failure_class in {"unknown_db", "permission"}:
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


def catalogs(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the databases that the role may see; SNOWFLAKE is the service's own."""
    for name, _ in _shown(handle, target, "show terse databases", ""):
        yield Item(name, "catalog", name == "SNOWFLAKE")


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the schemas of a database."""
    for name, _ in _shown(handle, target, f"show terse schemas in database {identifier(target.database or '')}", ""):
        yield Item(name, "schema", name == "INFORMATION_SCHEMA")


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views of a schema whose names begin with a prefix, upper and lower case apart."""
    place = f"{identifier(target.database or '')}.{identifier(target.schema or '')}"
    is_system = identifier(target.schema or "") == '"INFORMATION_SCHEMA"'
    for name, kind in _shown(handle, target, f"show terse objects in schema {place}", prefix):
        yield Item(name, "view" if "VIEW" in kind.upper() else "table", is_system)


def _shown(handle: Any, target: Target, sql: str, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield name and kind of what a SHOW finds, page by page."""
    sql = sql.replace("%", "%%") + (" starts with %s" if prefix else "")  # the driver writes arguments in by %
    starts = (prefix,) if prefix else ()
    number, last = _PAGE, None
    while number == _PAGE:
        page = sql if last is None else f"{sql} limit {_PAGE} from %s"
        arguments = starts if last is None else (*starts, last)
        number = 0
        for row in rows(handle, page if arguments else page.replace("%%", "%"), arguments, target.fetch_size):
            number, last = number + 1, str(row[1])
            if last.startswith(prefix):
                yield last, str(row[2] or "")


def check(handle: Any, target: Target) -> Server:
    """Ask for the version, which needs no warehouse."""
    version = str(next(rows(handle, "select current_version()", size=target.fetch_size))[0])
    return Server("Snowflake", version.split(maxsplit=1)[0])
