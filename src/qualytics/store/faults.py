"""Faults that every engine of the store has, as the product's errors."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from qualytics.errors import Busy, Conflict, StoreDamaged, StoreError, StoreFull, StoreNewer
from qualytics.store.schema import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


PATH_HINT = "check the path and who may read and write it, or set QUALYTICS_CONFIG_HOME"


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
        raise StoreError(f"{path}: {exc.strerror}", PATH_HINT) from exc


def full(path: Path) -> StoreFull:
    """Return the error of a disk, quota or limit that is used up."""
    hint = "free some space (a quota and ulimit -f count, too) and run it again"
    return StoreFull(f"no space is left to write {path}", hint)


def busy(wait_s: float) -> Busy:
    """Return the error of a store that others kept busy for `wait_s` seconds."""
    return Busy(f"the store is busy: other programs held it for {wait_s:g} s", "run it again in a moment")


def not_a_store(where: Path | str) -> StoreDamaged:
    """Return the error of what is no store, or not a whole one."""
    hint = "restore a backup: qualytics store restore FILE"
    return StoreDamaged(f"{where} is not a complete store of this program", hint)


def newer(where: Path | str, version: object) -> StoreNewer:
    """Return the error of a store that a newer version has written."""
    return StoreNewer(
        f"the store {where} was written by a newer version (schema {version}, known here is {VERSION})",
        "pip install --upgrade qualytics",
    )


def unreadable(what: str, row_id: object) -> StoreDamaged:
    """Return the error of a value that has not the form it was written in."""
    hint = "set the value again, or restore a backup: qualytics store restore FILE"
    return StoreDamaged(f"{what} {row_id} cannot be read any more", hint)


def contradicts() -> Conflict:
    """Return the error of a change that a constraint of the tables refuses."""
    return Conflict("the change conflicts with what is stored", "read the record again and repeat the change")


def forked() -> StoreError:
    """Return the error of a process that uses the store of its parent."""
    return StoreError("the store was opened by the parent of this process", "open it again after a fork")
