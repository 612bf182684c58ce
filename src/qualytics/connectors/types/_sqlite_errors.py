"""What SQLite says, as verdicts, by its primary result codes: https://sqlite.org/rescode.html."""

from __future__ import annotations

import sqlite3

from qualytics.connectors.contract import Verdict

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
_CODES = {
    sqlite3.SQLITE_NOTADB: Verdict("config", "the file is not a SQLite database", "check --uri"),
    sqlite3.SQLITE_CORRUPT: Verdict("config", "the SQLite database is damaged", "restore the file from a backup"),
    sqlite3.SQLITE_BUSY: Verdict("transient", "another program holds the database locked", "try again in a moment"),
    sqlite3.SQLITE_LOCKED: Verdict("transient"),
    sqlite3.SQLITE_CANTOPEN: Verdict("permission", "the file cannot be opened", "check its mode and its directory's"),
    sqlite3.SQLITE_PERM: _CLOSED,
    sqlite3.SQLITE_READONLY: _CLOSED,
}
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


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the result code; the file itself was found readable before."""
    code = getattr(exc, "sqlite_errorcode", None)
    return None if code is None else _BESIDE.get(code) or _CODES.get(code & 0xFF)


def explain(text: str) -> Verdict | None:
    """Judge by the words of a result code."""
    return next((_CODES[code] for words, code in _WORDS.items() if words in text.lower()), None)
