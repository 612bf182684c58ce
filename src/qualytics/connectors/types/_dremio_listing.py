"""What Dremio has: sources, spaces and folders as schemas, their tables and views; rows come as Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Item, Target, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator


def rows(handle: Any, sql: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query, batch by batch as the server sends them."""
    import adbc_driver_manager
    import nanoarrow

    with adbc_driver_manager.AdbcStatement(handle) as statement:
        statement.set_sql_query(sql)
        stream, _ = statement.execute_query()
        with nanoarrow.ArrayStream(stream) as batches:
            for batch in batches:
                yield from (tuple(row.values()) for row in batch.to_pylist())


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def select(handle: Any, target: Target) -> None:
    """Check that the schema, a path such as space.folder, exists."""
    if target.schema is None:
        return
    sql = f'select 1 from information_schema."SCHEMATA" where lower(schema_name) = {_literal(target.schema.lower())}'  # noqa: S608 - quoted
    if next(rows(handle, sql), None) is None:
        raise refuse(
            "unknown_db",
            f"there is no schema {target.schema!r}",
            "check --schema: source or space, and folders, with dots between",
        )


def schemas(handle: Any, _target: Target) -> Iterator[Item]:
    """Yield sources, spaces and folders (Dremio documentation, INFORMATION_SCHEMA.SCHEMATA)."""
    for (found,) in rows(handle, 'select schema_name from information_schema."SCHEMATA" order by 1'):
        yield Item(found, "schema", found.split(".")[0].lower() in {"sys", "information_schema"})


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield tables and views (Dremio documentation, INFORMATION_SCHEMA."TABLES")."""
    sql = (
        f'select table_name, table_type from information_schema."TABLES" where table_schema = {_literal(target.schema or "")} '  # noqa: S608 - quoted
        f"and substr(table_name, 1, {len(prefix)}) = {_literal(prefix)} order by 1"
    )
    for found, kind in rows(handle, sql):
        yield Item(found, "view" if kind == "VIEW" else "table", kind == "SYSTEM_TABLE")
