"""SQLite database files through the standard library."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING
from urllib.parse import quote

from qualytics.connectors.codes import SERVER_FAULT, ErrorTable, by_code
from qualytics.connectors.contract import Server, Target, Verdict, refuse
from qualytics.connectors.foreign import Environment, Foreign, Form, Shell
from qualytics.connectors.shared.files import EMPTY, FILE, FILE_KEYS, SQLITE, require_file
from qualytics.connectors.shared.sql import as_text, rows
from qualytics.model import Item
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

_WAL = Verdict(
    "permission",
    "the database is in WAL mode, for which SQLite keeps files beside it, and this user may not write to the folder",
    "let the user write there, or leave WAL mode where the database is written: pragma journal_mode = delete",
)
_CLOSED = Verdict("permission", "the file or its folder is closed to this program", "check the modes of both")
_HALF_WRITTEN = Verdict(
    "permission",
    "a program was interrupted while it wrote to the database, and undoing that needs the right to write",
    "open it once with a program that may write to the file and its folder",
)
# What a file that was found readable cannot be opened or read for: https://sqlite.org/wal.html, "Read-Only Databases".
_BESIDE = {
    sqlite3.SQLITE_CANTOPEN: _WAL,
    sqlite3.SQLITE_CANTOPEN_DIRTYWAL: _WAL,
    sqlite3.SQLITE_READONLY_DIRECTORY: _WAL,
    sqlite3.SQLITE_READONLY_CANTINIT: _WAL,
    sqlite3.SQLITE_READONLY_CANTLOCK: _WAL,
    sqlite3.SQLITE_READONLY_RECOVERY: _WAL,
    sqlite3.SQLITE_READONLY_ROLLBACK: _HALF_WRITTEN,
}
_LOCKED = Verdict("transient", "another program holds the database locked", "try again in a moment")
_NOT_SQLITE = Verdict("config", "the file is not a SQLite database", "check --uri")
_DAMAGED = Verdict("config", "the SQLite database is damaged", "restore the file from a backup")
_UNOPENED = Verdict("permission", "the file cannot be opened", "check its mode and its directory's")
# https://sqlite.org/rescode.html; the words are the English of the codes: sqlite3ErrStr in SQLite's main.c.
_CODES = by_code(
    {
        "SQLITE_NOTADB": _NOT_SQLITE,
        "SQLITE_CORRUPT SQLITE_FORMAT": _DAMAGED,
        "SQLITE_BUSY SQLITE_LOCKED SQLITE_PROTOCOL SQLITE_ABORT SQLITE_SCHEMA": _LOCKED,
        "SQLITE_CANTOPEN": _UNOPENED,
        "SQLITE_PERM SQLITE_READONLY SQLITE_AUTH": _CLOSED,
        "SQLITE_FULL SQLITE_NOMEM SQLITE_TOOBIG": Verdict("quota"),
        "SQLITE_INTERRUPT": Verdict("timeout"),
        "SQLITE_NOTFOUND SQLITE_MISUSE SQLITE_RANGE SQLITE_MISMATCH SQLITE_CONSTRAINT SQLITE_NOLFS": Verdict("config"),
        "SQLITE_INTERNAL SQLITE_IOERR": SERVER_FAULT,
    }
)
_NAMES = {str(getattr(sqlite3, name)): name for name in _CODES} | {"1": "SQLITE_ERROR"}


def _spelled(code: str) -> str:
    # The first two words of an extended code are its primary one, as is the low byte of its number.
    primary = str(int(code) & 0xFF) if code.isdecimal() else code
    return _NAMES.get(primary) or "_".join(code.upper().split("_")[:2])


ERRORS = ErrorTable(
    codes=_CODES,
    umbrellas={"SQLITE_ERROR": Verdict("unknown")},
    words=(
        (r"is not a database|file is encrypted", _NOT_SQLITE),
        (r"disk image is malformed|malformed database schema|unsupported file format", _DAMAGED),
        (r"database (table |schema )?is locked|locking protocol|schema has changed|used by another process", _LOCKED),
        (
            r"(could not find|no such) file|FileNotFound|directory does not exist|path to .{1,200} does not exist|part of the path",
            Verdict("unknown_db", "there is no such file", "check --uri"),
        ),
        (r"(unable|cannot|could not) (to )?open (the )?database", _UNOPENED),
        (r"disk I/O error", SERVER_FAULT),
        (r"\binterrupted\Z|Error: interrupted", Verdict("timeout")),
        (r"string or blob too big", Verdict("quota")),
        (r"access permission denied|access to the path|attempt to write a readonly", _CLOSED),
        (
            r"no such (access mode|vfs|table|column|collation)|invalid uri|SQL logic error|API misuse|large file support|within a transaction|datatype mismatch|constraint failed|closed database|same thread",
            Verdict("config"),
        ),
    ),
    inside=r"\b(SQLITE_[A-Z]+)|\((?P<weak>\d{1,4})\)\s*\Z|\b(?:(?:extended_)?code|error):? (\d{1,4})\b",
    alone=r"SQLITE_[A-Z_]+|\d{1,4}",
    spell=_spelled,
)


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the result code; the file itself was found readable before."""
    code = getattr(exc, "sqlite_errorcode", None)
    if code is None:
        return None
    if beside := _BESIDE.get(code):
        return replace(beside, code=getattr(exc, "sqlite_errorname", None))
    return ERRORS.judge([str(code & 0xFF)], "")


def connect(target: Target) -> sqlite3.Connection:
    """Open the file for reading only; it is never created."""
    require_file(target.uri, SQLITE, EMPTY)  # which SQLite takes for a database without tables
    handle = sqlite3.connect(
        f"file:{quote(target.uri)}?mode=ro", uri=True, timeout=target.timeout_s, check_same_thread=False
    )
    handle.text_factory = as_text
    handle.execute("pragma trusted_schema = off")
    return handle


def hand_over(handle: sqlite3.Connection) -> None:
    """Let texts be as they are."""
    handle.text_factory = str


def check(handle: sqlite3.Connection, target: Target) -> Server:
    """Read the schema, which touches the file itself."""
    cursor = handle.cursor()
    cursor.arraysize = target.fetch_size
    cursor.execute("select count(*) from sqlite_schema").fetchmany()
    _require_whole(handle, target.uri)
    is_empty = not os.path.getsize(target.uri)
    warnings = ("the file is empty: a database without tables, or a copy that failed",) if is_empty else ()
    return Server("SQLite", sqlite3.sqlite_version, warnings)


def _require_whole(handle: sqlite3.Connection, path: str) -> None:
    # SQLite itself counts a last page that is cut as a page; with a log beside it, pages may stand there alone.
    pages, size = (handle.execute(f"pragma {name}").fetchone()[0] for name in ("page_count", "page_size"))
    if os.path.getsize(path) < pages * size and not os.path.exists(f"{path}-wal"):
        cause = f"the file is cut off: it has {os.path.getsize(path):,} of {pages * size:,} bytes"
        raise refuse("config", cause, "copy it again, or restore it from a backup")


def select(_handle: sqlite3.Connection, target: Target) -> None:
    """Accept the one schema there is."""
    if target.schema not in {None, "main"}:
        raise refuse("unknown_db", f"there is no schema {target.schema!r}; a database file has main", "check --schema")


def schemas(_handle: sqlite3.Connection, _target: Target) -> Iterator[Item]:
    """Yield the one schema there is."""
    yield Item("main", "schema")


def tables(handle: sqlite3.Connection, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views whose names begin with a prefix."""
    sql = "select name, type from sqlite_schema where type in ('table', 'view') order by 1"
    for name, kind in rows(handle, sql, size=target.fetch_size):
        if name.startswith(prefix):  # as it is shown: it need not be text
            yield Item(name, kind, name.startswith("sqlite_"))


# SQLAlchemy's, Xerial's and the ODBC driver's documentation; apache-airflow-providers-sqlite, "SQLite Connection".
FORMS = {
    "adbc": Form("sqlite", {"uri": "uri"}, place=lambda values: f"file:{quote(values.pop('uri'))}?mode=ro"),
    "airflow": Form("sqlite", {"uri": "host"}),
    "jdbc": Form("jdbc:sqlite:", {"uri": "uri"}, place=lambda values: values.pop("uri"), driver="org.sqlite.JDBC"),
    "odbc": Form("odbc", {"uri": "Database"}, fixed={"Driver": "SQLite3"}),
    "sqlalchemy": Form("sqlite", {"uri": "uri"}, path=("uri",)),
}

CONNECTOR = FILE(
    type="sqlite",
    title="SQLite",
    driver="sqlite3",
    example="--uri ./data/sales.sqlite",
    open=connect,
    select=select,
    check=check,
    hand_over=hand_over,
    classify=classify,
    explain=ERRORS.explain,
    signature=r"(?i)sqlite",
    schemas=schemas,
    tables=tables,
    reads="sqlite",
    reads_with=("adbc_driver_sqlite",),
    foreign=Foreign(
        names=("sqlite", "sqlite3"),
        odbc=("sqlite",),
        keys=dict.fromkeys(FILE_KEYS, "uri"),
        path=("uri",),
        environment=Environment(url="sqlite", path=("uri",)),
        shells=(Shell("sqlite3", ("-readonly", "{uri}")),),
        forms=FORMS,
    ),
)
