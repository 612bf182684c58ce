"""Faults of SQLite and of the system, as the product's errors."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING, NoReturn

from qualytics.errors import Busy, Conflict, StoreDamaged, StoreError, StoreFull

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL_HINT = "free some space (a quota and ulimit -f count, too) and run it again"
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
# SQLITE_ERROR is a table or column that is missing: every statement is ours and fits a whole store.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_FORMAT}
_MAYBE_FULL = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}


@contextlib.contextmanager
def named_os_errors(path: Path) -> Iterator[None]:
    """Turn the system's errors on a file into the product's; "it exists" is for the caller to judge."""
    import errno

    try:
        yield
    except FileExistsError:
        raise
    except OSError as exc:
        if exc.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise full(path) from exc
        raise StoreError(f"{path}: {exc.strerror}", "check the path and who may read and write it") from exc


@contextlib.contextmanager
def named_faults(path: Path, busy_s: float, *, read: Path | None = None) -> Iterator[None]:
    """Turn SQLite's faults on a store into the product's; `read` is the file to blame for damage, if another."""
    try:
        yield
    except sqlite3.Error as exc:
        _raise_named(path, busy_s, read or path, exc)
    except UnicodeDecodeError as exc:  # the text of a fault that quotes a damaged file
        raise not_a_store(read or path) from exc


def full(path: Path) -> StoreFull:
    """Return the error of a disk, quota or limit that is used up."""
    return StoreFull(f"no space is left to write {path}", _FULL_HINT)


def busy(wait_s: float) -> Busy:
    """Return the error of a store that others kept busy for `wait_s` seconds."""
    return Busy(f"the store is busy: others held it for {wait_s:g} s", "run it again in a moment")


def not_a_store(path: Path | str) -> StoreDamaged:
    """Return the error of a file that is no store, or not a whole one."""
    return StoreDamaged(
        f"{path} is not a whole store of this program",
        "restore a backup: qualytics store restore FILE",
    )


def unreadable(what: str, row_id: object) -> StoreDamaged:
    """Return the error of a value that has not the form it was written in."""
    hint = "set the value again, or restore a backup: qualytics store restore FILE"
    return StoreDamaged(f"{what} {row_id} cannot be read any more", hint)


def _raise_named(path: Path, busy_s: float, read: Path, exc: sqlite3.Error) -> NoReturn:
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
        raise Conflict("the change contradicts what is stored", "read the record again and repeat the change") from exc
    hint = "check the disk, its free space, the path and who may read and write it"
    raise StoreError(f"the store {path} cannot be used: {exc}", hint) from exc


def _lacks_space(path: Path) -> bool:
    # SQLite names a full disk only at some writes, and a limit on file sizes never.
    import resource

    if resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY:
        return True
    with contextlib.suppress(OSError):
        return os.statvfs(path.parent).f_bavail == 0
    return False
