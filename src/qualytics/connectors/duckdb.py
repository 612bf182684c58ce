"""DuckDB database files, read only, with external access and extension loading off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors._base import Connector, Item, Server, Target, Verdict
from qualytics.connectors._files import clean_path, require_file
from qualytics.connectors._rows import named
from qualytics.connectors._sql import by_text, one_row, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

# DuckDB documentation, "Securing DuckDB".
_CONFIG = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "lock_configuration": "true",
}
_MESSAGES = (
    (r"could not set lock|conflicting lock", Verdict("transient", "another program has the database open for writing", "close it there, or try again")),
    (r"not a valid DuckDB database|not a DuckDB database", Verdict("config", "the file is not a DuckDB database", "check --uri")),
    (r"newer version of DuckDB|older version of DuckDB|version number", Verdict("config", "the file was written by another version of DuckDB", "pip install --upgrade duckdb, or export and import the data")),
    (r"corrupt|checksum", Verdict("config", "the DuckDB database is damaged", "restore the file from a backup")),
    (r"permission denied", Verdict("permission")),
)  # fmt: skip


def connect(target: Target) -> Any:
    """Open the file for reading only; it is never created."""
    require_file(target.path)
    import duckdb

    return duckdb.connect(target.path, read_only=True, config=dict(_CONFIG))


def select(handle: Any, target: Target) -> None:
    """Check that the schema exists."""
    sql = "select 1 from information_schema.schemata where schema_name = ?"
    if target.schema is not None and not one_row(handle, sql, (target.schema,)):
        raise refuse("unknown_db", f"there is no schema {target.schema!r} in the file", "check --schema")


def check(handle: Any, target: Target) -> Server:
    """Read the catalog, which touches the file itself."""
    handle.execute("select count(*) from duckdb_tables()").fetchmany(target.fetch_size)
    return Server("DuckDB", one_row(handle, "select version()")[0].removeprefix("v"))


def _rows(handle: Any, target: Target, sql: str, *given: str) -> Iterator[tuple[Any, ...]]:
    result = handle.execute(sql, given)
    while found := result.fetchmany(target.fetch_size):
        yield from found


_SYSTEM = ("information_schema", "pg_catalog")


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the schemas of the file."""
    sql = "select schema_name from information_schema.schemata where catalog_name = current_database() order by 1"
    return named(_rows(handle, target, sql), "schema", _SYSTEM)


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views of a schema whose names begin with a prefix."""
    sql = (
        "select table_name, table_type from information_schema.tables "
        "where table_catalog = current_database() and table_schema = ? and starts_with(table_name, ?) order by 1"
    )
    schema = target.schema or "main"
    for found, kind in _rows(handle, target, sql, schema, prefix):
        yield Item(found, "view" if kind == "VIEW" else "table", schema in _SYSTEM)


def classify(exc: BaseException) -> Verdict | None:
    """Judge by DuckDB's words: its exceptions carry no code."""
    return by_text(str(exc), _MESSAGES) if type(exc).__module__.startswith(("duckdb", "_duckdb")) else None


CONNECTOR = Connector(
    type="duckdb",
    title="DuckDB",
    kind="embedded",
    extra="duckdb",
    driver="duckdb",
    distribution="duckdb",
    fields=("uri",),
    required=("uri",),
    clean_uri=clean_path,
    scope_optional=("schema",),
    example="--uri ./data/sales.duckdb",
    open=connect,
    select=select,
    check=check,
    close=lambda handle: handle.close(),
    classify=classify,
    explain=lambda text: by_text(text, _MESSAGES),
    schemas=schemas,
    tables=tables,
    verified="the real engine",
)
