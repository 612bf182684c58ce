"""Faults of SQLite, as the product's errors."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING, NoReturn, Self

from qualytics.errors import StoreError, UsageError
from qualytics.store.faults import PATH_HINT, busy, contradicts, full, not_a_store

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
# SQLITE_ERROR is a table or column that is missing: every statement is ours and fits a whole store.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_FORMAT}
_MAYBE_FULL = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}


class NamedFaults:
    """Turns SQLite's faults on a store into the product's; it may be entered again and again.

    `read` is the file to blame for damage, if another. A class, as each statement enters it: a generator costs more
    than the statement.
    """

    __slots__ = ("_busy_s", "_path", "_read")

    def __init__(self, path: Path, busy_s: float, *, read: Path | None = None) -> None:
        self._path = path
        self._busy_s = busy_s
        self._read = read or path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, exc: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if isinstance(exc, sqlite3.Error):
            _raise_named(self._path, self._busy_s, self._read, exc)
        if isinstance(exc, UnicodeDecodeError):  # the text of a fault that quotes a damaged file
            raise not_a_store(self._read) from exc


def _raise_named(path: Path, busy_s: float, read: Path, exc: sqlite3.Error) -> NoReturn:
    if isinstance(exc, sqlite3.ProgrammingError) and "thread" in str(exc):  # it has no code
        raise UsageError("the client is used in two threads", "make one for each, or use aconnect()") from exc
    code = getattr(exc, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF  # extended codes carry the primary one in the low byte
    if primary in _BUSY:
        raise busy(busy_s) from exc
    if primary == sqlite3.SQLITE_FULL or (primary in _MAYBE_FULL and _lacks_space(path)):
        raise full(path) from exc
    # Without a code: a text in the file that is not UTF-8.
    if primary in _DAMAGED or (primary is None and isinstance(exc, sqlite3.OperationalError)):
        raise not_a_store(read) from exc
    if primary == sqlite3.SQLITE_CONSTRAINT:
        raise contradicts() from exc
    if primary == sqlite3.SQLITE_READONLY:
        raise StoreError(f"the store {path} cannot be written: its directory is read-only", PATH_HINT) from exc
    hint = f"check the disk and its free space; {PATH_HINT}"
    raise StoreError(f"the store {path} cannot be used: {exc}", hint) from exc


def _lacks_space(path: Path) -> bool:
    # SQLite names a full disk only at some writes, and a limit on file sizes never.
    import resource

    if resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY:
        return True
    with contextlib.suppress(OSError):
        return os.statvfs(path.parent).f_bavail == 0
    return False
