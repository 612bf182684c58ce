"""DuckDB database files, read only, with external access and extension loading off."""

from __future__ import annotations

from typing import Any

from qualytics.connectors.contract import Connector, Server, Target, refuse
from qualytics.connectors.shared.files import clean_path, require_file
from qualytics.connectors.shared.magic import DUCKDB
from qualytics.connectors.shared.sql import one_row
from qualytics.connectors.types import _duckdb_errors, _duckdb_listing

# DuckDB documentation, "Securing DuckDB".
_CONFIG = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "lock_configuration": "true",
}


def connect(target: Target) -> Any:
    """Open the file for reading only; it is never created."""
    require_file(target.path, DUCKDB)
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


CONNECTOR = Connector(
    type="duckdb",
    title="DuckDB",
    kind="embedded",
    extra="duckdb",
    driver="duckdb",
    distribution="duckdb",
    fields=("uri",),
    proof="the file",
    required=("uri",),
    clean_uri=clean_path,
    scope_optional=("schema",),
    example="--uri ./data/sales.duckdb",
    open=connect,
    select=select,
    check=check,
    classify=_duckdb_errors.classify,
    explain=_duckdb_errors.explain,
    schemas=_duckdb_listing.schemas,
    tables=_duckdb_listing.tables,
    verified="the real engine",
    authentication=(("NONE", "no login: the file is opened by the user who runs the test"),),
    privileges=("the right to read the file and to enter its directory, for that user",),
)
