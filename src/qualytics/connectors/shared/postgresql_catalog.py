"""What stands in the catalogs that PostgreSQL and Redshift share: databases, schemas, tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Item, Target, refuse
from qualytics.connectors.shared.rows import named, rows
from qualytics.connectors.shared.sql import one_row

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


def select(handle: Any, target: Target) -> None:
    """Check that the schema exists and may be used."""
    if target.schema is None:
        return
    sql = "select has_schema_privilege(nspname, 'usage'), current_user from pg_catalog.pg_namespace where nspname = %s"
    row = one_row(handle, sql, (target.schema,))
    if not row:
        raise refuse("unknown_db", f"there is no schema {target.schema!r} in {target.database!r}", "check --schema")
    may_use, user = row
    if not may_use:
        grant = f"grant usage on schema {_quoted(target.schema)} to {_quoted(user)}"
        cause = f"user {user!r} may not use schema {target.schema!r}"
        raise refuse("permission", cause, f"run on the server: {grant}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def catalogs(handle: Any, target: Target, system: Collection[str] = ()) -> Iterator[Item]:
    """Yield the databases; templates and those of `system` are the engine's own."""
    sql = "select datname, datistemplate from pg_catalog.pg_database order by 1"
    for found, is_template in rows(handle, sql, size=target.fetch_size):
        yield Item(found, "catalog", is_template or found in system)


def schemas(handle: Any, target: Target, system: Collection[str] = ("information_schema",)) -> Iterator[Item]:
    """Yield the schemas of the database; no user may name one pg_…."""
    found = rows(handle, "select nspname from pg_catalog.pg_namespace order by 1", size=target.fetch_size)
    return named(found, "schema", system, ("pg_",))


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield tables (partitioned and foreign ones too) and views whose names begin with a prefix."""
    sql = (
        "select relname, relkind in ('v', 'm') from pg_catalog.pg_class "
        "where relkind in ('r', 'p', 'f', 'v', 'm') and relnamespace = "
        "(select oid from pg_catalog.pg_namespace where nspname = %s) and left(relname, length(%s::text)) = %s order by 1"
    )
    schema = target.schema or "public"
    is_system = schema == "information_schema" or schema.startswith("pg_")
    for found, is_view in rows(handle, sql, (schema, prefix, prefix), target.fetch_size):
        yield Item(found, "view" if is_view else "table", is_system)
