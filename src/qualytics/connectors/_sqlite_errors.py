"""What SQLite says, as verdicts, by its primary result codes: https://sqlite.org/rescode.html."""

from __future__ import annotations

import sqlite3

from qualytics.connectors._base import Verdict

_CODES = {
    sqlite3.SQLITE_NOTADB: Verdict("config", "the file is not a SQLite database", "check --uri"),
    sqlite3.SQLITE_CORRUPT: Verdict("config", "the SQLite database is damaged", "restore the file from a backup"),
    sqlite3.SQLITE_BUSY: Verdict("transient", "another program holds the database locked", "try again in a moment"),
    sqlite3.SQLITE_LOCKED: Verdict("transient"),
    sqlite3.SQLITE_CANTOPEN: Verdict("permission", "the file cannot be opened", "check its mode and its directory's"),
    sqlite3.SQLITE_PERM: Verdict("permission"),
    sqlite3.SQLITE_READONLY: Verdict("permission"),
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
    """Judge by the primary result code."""
    code = getattr(exc, "sqlite_errorcode", None)
    return None if code is None else _CODES.get(code & 0xFF)


def explain(text: str) -> Verdict | None:
    """Judge by the words of a result code."""
    return next((_CODES[code] for words, code in _WORDS.items() if words in text.lower()), None)
