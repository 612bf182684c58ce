"""SQLite database files through the standard library."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING
from urllib.parse import quote

from qualytics.connectors._base import Connector, Item, Server, Target, Verdict
from qualytics.connectors._files import clean_path, require_file
from qualytics.connectors._rows import rows
from qualytics.connectors._sql import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

# Primary result codes: https://sqlite.org/rescode.html
_CODES = {
    sqlite3.SQLITE_NOTADB: Verdict("config", "the file is not a SQLite database", "check --uri"),
    sqlite3.SQLITE_CORRUPT: Verdict("config", "the SQLite database is damaged", "restore the file from a backup"),
    sqlite3.SQLITE_BUSY: Verdict("transient", "another program holds the database locked", "try again in a moment"),
    sqlite3.SQLITE_LOCKED: Verdict("transient"),
    sqlite3.SQLITE_CANTOPEN: Verdict("permission", "the file cannot be opened", "check its mode and its directory's"),
    sqlite3.SQLITE_PERM: Verdict("permission"),
    sqlite3.SQLITE_READONLY: Verdict("permission"),
}


def connect(target: Target) -> sqlite3.Connection:
    """Open the file for reading only; it is never created."""
    require_file(target.path)
    handle = sqlite3.connect(f"file:{quote(target.path)}?mode=ro", uri=True, timeout=target.timeout_s)
    handle.execute("pragma trusted_schema = off")
    return handle


def check(handle: sqlite3.Connection, target: Target) -> Server:
    """Read the schema, which touches the file itself."""
    cursor = handle.cursor()
    cursor.arraysize = target.fetch_size
    cursor.execute("select count(*) from sqlite_schema").fetchmany()
    return Server("SQLite", sqlite3.sqlite_version)


def select(_handle: sqlite3.Connection, target: Target) -> None:
    """Accept the one schema there is."""
    if target.schema not in {None, "main"}:
        raise refuse("unknown_db", f"there is no schema {target.schema!r}; a database file has main", "check --schema")


def schemas(_handle: sqlite3.Connection, _target: Target) -> Iterator[Item]:
    """Yield the one schema there is."""
    yield Item("main", "schema")


def tables(handle: sqlite3.Connection, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views whose names begin with a prefix."""
    sql = "select name, type from sqlite_schema where type in ('table', 'view') and substr(name, 1, ?) = ? order by 1"
    for found, kind in rows(handle, sql, (len(prefix), prefix), target.fetch_size):
        yield Item(found, kind, found.startswith("sqlite_"))


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the primary result code."""
    code = getattr(exc, "sqlite_errorcode", None)
    return None if code is None else _CODES.get(code & 0xFF)


# The English of the codes: sqlite3ErrStr in SQLite's main.c.
_WORDS = {
    "file is not a database": sqlite3.SQLITE_NOTADB,
    "database disk image is malformed": sqlite3.SQLITE_CORRUPT,
    "database is locked": sqlite3.SQLITE_BUSY,
    "database table is locked": sqlite3.SQLITE_LOCKED,
    "unable to open database": sqlite3.SQLITE_CANTOPEN,
    "access permission denied": sqlite3.SQLITE_PERM,
    "attempt to write a readonly database": sqlite3.SQLITE_READONLY,
}


def explain(text: str) -> Verdict | None:
    """Judge by the words of a result code."""
    return next((_CODES[code] for words, code in _WORDS.items() if words in text.lower()), None)


CONNECTOR = Connector(
    type="sqlite",
    title="SQLite",
    kind="embedded",
    driver="sqlite3",
    fields=("uri",),
    required=("uri",),
    clean_uri=clean_path,
    scope_optional=("schema",),
    example="--uri ./data/sales.sqlite",
    open=connect,
    select=select,
    check=check,
    close=lambda handle: handle.close(),
    classify=classify,
    explain=explain,
    schemas=schemas,
    tables=tables,
    verified="the real engine",
)
