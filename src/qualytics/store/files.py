"""Files that hold secrets: private directories, atomic writes, checks of links and owners, and the store's lock."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from typing import TYPE_CHECKING

from qualytics.errors import Busy, StoreError, StoreFull, StoreUnsafe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_POLL_S = 0.01


@contextlib.contextmanager
def named_os_errors(path: Path) -> Iterator[None]:
    """Turn the system's errors on a file into the product's."""
    import errno

    try:
        yield
    except OSError as exc:
        if exc.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise StoreFull(f"no space is left to write {path}", "free some space and run it again") from exc
        raise StoreError(f"{path}: {exc.strerror}", "check the path and who may read and write it") from exc


def make_private_directory(path: Path) -> None:
    """Create a directory of mode 0700 with its parents, or tighten one of the user's own.

    Raises:
        StoreUnsafe: it belongs to somebody else.

    """
    with named_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)
        found = os.stat(path)
        if not stat.S_ISDIR(found.st_mode):
            raise StoreError(f"{path} is not a directory", "set QUALYTICS_CONFIG_HOME to a directory")
        if found.st_uid != os.geteuid():
            raise StoreUnsafe(f"{path} belongs to another user", "set QUALYTICS_CONFIG_HOME to a directory of your own")
        if found.st_mode & 0o077:
            os.chmod(path, 0o700)


def check_own_file(path: Path) -> bool:
    """Say whether a file exists; tighten its mode to 0600.

    Raises:
        StoreUnsafe: it is a link, no regular file, or somebody else's.

    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    except OSError as exc:
        raise StoreError(f"{path}: {exc.strerror}") from exc
    if stat.S_ISLNK(found.st_mode):
        raise StoreUnsafe(f"{path} is a symbolic link", "put the file itself there")
    if not stat.S_ISREG(found.st_mode):
        raise StoreUnsafe(f"{path} is not a regular file", "put the store there, or choose another directory")
    if found.st_uid != os.geteuid():
        raise StoreUnsafe(f"{path} belongs to another user", "run as its owner, or use a directory of your own")
    if found.st_mode & 0o077:
        os.chmod(path, 0o600)
    return True


def sync_directory(path: Path) -> None:
    """Make a rename or a new name in a directory survive a power cut."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Make the content of a file survive a power cut."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_private(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Write a file of mode 0600 whole or not at all: temporary file, fsync, rename, fsync of the directory.

    Raises:
        FileExistsError: `replace` is false and the file is there.

    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with named_os_errors(path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with open(handle, "wb") as out:
                os.fchmod(handle, 0o600)
                out.write(content)
                out.flush()
                os.fsync(handle)
            if replace:
                os.replace(temporary, path)
            else:
                os.link(temporary, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        sync_directory(path.parent)


def lock(path: Path, *, exclusive: bool, wait_s: float) -> int:
    """Take the store's lock and return its file descriptor; closing that, or the process's end, frees it.

    Shared for ordinary work, exclusive for making, rotating, migrating and restoring the store.

    Raises:
        Busy: others held it for longer than `wait_s` seconds.

    """
    with named_os_errors(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    how = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    until = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                os.close(handle)
                raise busy(wait_s) from None
            time.sleep(_POLL_S)
        else:
            return handle


def busy(wait_s: float) -> Busy:
    """Return the error of a store that others kept busy for `wait_s` seconds."""
    return Busy(f"the store is busy: other writers held it for {wait_s:g} s", "run it again in a moment")
