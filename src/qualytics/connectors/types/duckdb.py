"""DuckDB database files, read only, with external access and extension loading off."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.codes import SERVER_FAULT, ErrorTable, by_code, spelled_as
from qualytics.connectors.contract import Server, Target, Verdict, refuse
from qualytics.connectors.foreign import Environment, Foreign, Form, Shell
from qualytics.connectors.shared.files import DUCKDB, FILE, FILE_KEYS, require_file
from qualytics.connectors.shared.sql import fetched, named, one_row
from qualytics.model import Item

if TYPE_CHECKING:
    from collections.abc import Iterator

_DAMAGED = Verdict("config", "the DuckDB database is damaged", "restore the file from a backup")
_MESSAGES = (
    (r"could not set lock|conflicting lock|used by another process", Verdict("transient", "another program has the database open for writing", "close it there, or try again")),
    (r"not a valid DuckDB database|not a DuckDB database", Verdict("config", "the file is not a DuckDB database", "check --uri")),
    (r"newer version of DuckDB|older version of DuckDB|version number", Verdict("config", "the file was written by another version of DuckDB", "pip install --upgrade duckdb, or export and import the data")),
    (r"encrypted database|encryption key", Verdict("config", "the DuckDB database is encrypted", "encrypted files cannot be opened here; copy it into one that is not")),
    (r"could not read enough bytes", Verdict("config", "the DuckDB file is cut off", "copy it again, or restore it from a backup")),
    (r"corrupt|checksum|serializ", _DAMAGED),
    (r"permission denied", Verdict("permission", "the file or its folder is closed to this program", "check the modes of both")),
)  # fmt: skip


# What DuckDB calls its exceptions (exception.hpp): "IO Error: …" in texts is IOException in Python. Words say more of those
# that many faults have.
_CODES = by_code(
    {
        "PermissionException": Verdict("permission"),
        "OutOfMemoryException": Verdict("quota"),
        "TransactionException TransactionContextException ResourceInUseException": Verdict("transient"),
        "MissingExtensionException AutoloadException": Verdict("driver_missing"),
        "InterruptException": Verdict("timeout"),
        "FatalException InternalException": SERVER_FAULT,
    }
)
_UMBRELLAS = by_code({
    "IOException": Verdict("unknown"),
    "HTTPException": Verdict("network"),
    "CatalogException": Verdict("unknown_db"),
    "BinderException ConnectionException ConversionException InvalidInputException InvalidTypeException NotImplementedException ParserException SequenceException SettingsException SyntaxException": Verdict("config"),
    "SerializationException": _DAMAGED,
    "DependencyException": Verdict("driver_missing"),
})  # fmt: skip
_SPELL = spelled_as(_CODES, _UMBRELLAS)
ERRORS = ErrorTable(
    codes=_CODES,
    umbrellas=_UMBRELLAS,
    words=(
        *_MESSAGES,
        (r"(HTTP |: )401\b|not authenticated|\bjwt\b", Verdict("auth")),
        (r"(HTTP |: )403\b|forbidden|has been locked", Verdict("permission")),
        (r"(HTTP |: )429\b", Verdict("quota")),
        (
            r"(catalog|schema|database) .{0,80}(does not exist|exists)|no such file|no files found|(HTTP |: )404\b",
            Verdict("unknown_db"),
        ),
        (r"(HTTP |: )50[0234]\b", Verdict("transient")),
        (r"in-memory database in read-only|configuration parameter", Verdict("config")),
        (r"extension .{0,120}(not found|could not be loaded|not installed)", Verdict("driver_missing")),
        (r"no space left", Verdict("quota")),
        (r"external extensions|operations are disabled|is disabled", Verdict("permission")),
        (r"could not establish connection|connection error for http", Verdict("network")),
    ),
    inside=r"(?-i:\b((?:[A-Z]\w* ){1,3}Error): |\b(?P<weak>[A-Z]\w+Exception)\b)",
    alone=r"[A-Za-z]+Exception",
    spell=lambda code: _SPELL(
        re.sub("(error|exception)$", "", code.replace(" ", ""), flags=re.IGNORECASE) + "Exception"
    ),
)


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the class of the exception, and DuckDB's words."""
    name = type(exc).__name__
    return ERRORS.judge([name], str(exc)) if type(exc).__module__.startswith(("duckdb", "_duckdb")) else None


_SYSTEM = ("information_schema", "pg_catalog")


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the schemas of the file."""
    sql = "select schema_name from information_schema.schemata where catalog_name = current_database() order by 1"
    return named(fetched(handle.execute(sql), target.fetch_size), "schema", _SYSTEM)


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views of a schema whose names begin with a prefix."""
    sql = (
        "select table_name, table_type from information_schema.tables "
        "where table_catalog = current_database() and table_schema = ? and starts_with(table_name, ?) order by 1"
    )
    schema = target.schema or "main"
    for name, table_type in fetched(handle.execute(sql, (schema, prefix)), target.fetch_size):
        yield Item(name, "view" if table_type == "VIEW" else "table", schema in _SYSTEM)


# DuckDB documentation, "Securing DuckDB".
_CONFIG = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
}


def connect(target: Target) -> Any:
    """Open the file for reading only; it is never created."""
    require_file(target.uri, DUCKDB)
    import duckdb

    return duckdb.connect(target.uri, read_only=True, config=dict(_CONFIG))


def lock(handle: Any) -> None:
    """Take all settings from the statements that follow, which are others' own."""
    handle.execute("set lock_configuration = true")


def select(handle: Any, target: Target) -> None:
    """Check that the schema exists."""
    sql = "select 1 from information_schema.schemata where schema_name = ?"
    if target.schema is not None and not one_row(handle, sql, (target.schema,)):
        raise refuse("unknown_db", f"there is no schema {target.schema!r} in the file", "check --schema")


def check(handle: Any, target: Target) -> Server:
    """Read the catalog, which touches the file itself."""
    handle.execute("select count(*) from duckdb_tables()").fetchmany(target.fetch_size)
    return Server("DuckDB", one_row(handle, "select version()")[0].removeprefix("v"))


# duckdb.org, "JDBC Driver" and "ODBC API Overview"; the documentation of dbt-duckdb and of duckdb_engine.
FORMS = {
    "adbc": Form("duckdb", {"uri": "path"}, fixed={"access_mode": "READ_ONLY"}),
    "dbt": Form("duckdb", {"uri": "path", "schema": "schema"}),
    "jdbc": Form(
        "jdbc:duckdb:", {"uri": "uri"}, place=lambda values: values.pop("uri"), driver="org.duckdb.DuckDBDriver"
    ),
    "odbc": Form("odbc", {"uri": "Database"}, fixed={"Driver": "DuckDB Driver"}),
    "sqlalchemy": Form("duckdb", {"uri": "uri"}, path=("uri",)),
}

CONNECTOR = FILE(
    type="duckdb",
    title="DuckDB",
    driver="duckdb",
    example="--uri ./data/sales.duckdb",
    open=connect,
    select=select,
    check=check,
    classify=classify,
    explain=ERRORS.explain,
    hand_over=lock,
    signature=r"(?i)duckdb",
    schemas=schemas,
    tables=tables,
    reads="duckdb",
    foreign=Foreign(
        names=("duckdb",),
        odbc=("duckdb",),
        keys=dict.fromkeys(FILE_KEYS, "uri"),
        path=("uri",),
        environment=Environment(url="duckdb", path=("uri",)),
        shells=(Shell("duckdb", ("-readonly", "{uri}")),),
        forms=FORMS,
    ),
)
