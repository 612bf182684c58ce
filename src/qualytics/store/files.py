"""Files that hold secrets: private directories, atomic writes, checks of links and owners."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from qualytics.errors import StoreError, StoreUnsafe
from qualytics.store.faults import named_os_errors

if TYPE_CHECKING:
    from pathlib import Path

_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def make_private_directory(path: Path) -> None:
    """Create a directory of mode 0700 with its parents, or tighten one of the user's own.

    Raises:
        StoreUnsafe: it is a link, or belongs to somebody else.

    """
    with named_os_errors(path):
        _make_directories(path)
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode):
            hint = f"set QUALYTICS_CONFIG_HOME to the directory itself: {os.path.realpath(path)}"
            raise StoreUnsafe(f"{path} is a symbolic link", hint)
        if not stat.S_ISDIR(status.st_mode):
            raise StoreError(f"{path} is not a directory", "set QUALYTICS_CONFIG_HOME to a directory")
        if status.st_uid != os.geteuid():
            raise StoreUnsafe(f"{path} belongs to another user", "set QUALYTICS_CONFIG_HOME to a directory of your own")
        if status.st_mode & 0o077:
            os.chmod(path, 0o700)


def _make_directories(path: Path) -> None:
    if os.path.lexists(path):
        return
    if path.parent != path:
        _make_directories(path.parent)
    with contextlib.suppress(FileExistsError):  # another process may be as far as we are
        os.mkdir(path, 0o700)
        os.chmod(path, 0o700)  # a umask can take away more than it should


def is_read_only(directory: Path) -> bool:
    """Say whether nothing can be made in a directory that is there: of a read-only file system, or by its mode."""
    return os.path.isdir(directory) and not os.access(directory, os.W_OK)


def check_own_file(path: Path) -> bool:
    """Say whether a file exists; tighten its mode to 0600.

    Raises:
        StoreUnsafe: it is a link, no regular file, or somebody else's.

    """
    with named_os_errors(path):
        try:
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                raise StoreUnsafe(f"{path} is a symbolic link", "put the file itself there")
            if not stat.S_ISREG(status.st_mode):
                raise StoreUnsafe(f"{path} is not a regular file", "put the store there, or choose another directory")
            if status.st_uid != os.geteuid():
                raise StoreUnsafe(f"{path} belongs to another user", "run as its owner, or use a directory of your own")
            if status.st_mode & 0o077:
                os.chmod(path, 0o600)
        except FileNotFoundError:  # also between the two calls: SQLite removes its log when the last user leaves
            return False
    return True


def size(path: Path) -> int:
    """Return a file's size in bytes, 0 for one that is not there or goes away meanwhile."""
    with named_os_errors(path), contextlib.suppress(FileNotFoundError):
        return os.stat(path).st_size
    return 0


def create_private(path: Path) -> int:
    """Create a file of mode 0600, whatever the umask, and return it open.

    Raises:
        FileExistsError: something is there already, be it a link.

    """
    handle = os.open(path, _NEW_FILE, 0o600)
    os.fchmod(handle, 0o600)
    return handle


def remove(path: Path) -> None:
    """Remove a file if it is there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def sync_directory(path: Path) -> None:
    """Make a rename or a new name in a directory survive a power cut."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_file(path: Path) -> None:
    """Make the content of a file survive a power cut."""
    handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_private(path: Path, content: bytes, *, replace: bool = True) -> None:
    """Write a file of mode 0600 whole or not at all: temporary file, fsync, rename, fsync of the directory.

    Raises:
        FileExistsError: `replace` is false and the file is there.
        StoreError: it could not be written; what was there stays.

    """
    temporary = path.with_name(f"{_prefix(path)}{os.getpid()}.tmp")
    try:
        with named_os_errors(path):
            remove(temporary)  # of a killed process that had our number
            with open(create_private(temporary), "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            if replace:
                os.replace(temporary, path)
            else:
                place_new(temporary, path)
            sync_directory(path.parent)
    finally:
        with named_os_errors(temporary):
            remove(temporary)


def sweep(path: Path) -> None:
    """Remove what killed writers of `path` left beside it."""
    with named_os_errors(path.parent):
        for name in os.listdir(path.parent):
            if name.startswith(_prefix(path)) and name.endswith(".tmp"):
                remove(path.with_name(name))


def _prefix(path: Path) -> str:
    return f".{path.name}."


def place_new(temporary: Path, path: Path) -> None:
    """Give a finished file its name, never over another file; the temporary name may stay.

    Raises:
        FileExistsError: something has that name.
        OSError: the system refuses.

    """
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: reserve the name, then replace what is ours
        with open(create_private(path), "wb") as reserved:
            try:
                os.replace(temporary, path)
            except OSError:  # it refuses that as well, and may not take the name back: let it hold what it should
                reserved.write(temporary.read_bytes())
                reserved.flush()
                os.fsync(reserved.fileno())
