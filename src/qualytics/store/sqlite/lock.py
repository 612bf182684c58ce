"""The store's lock: shared for ordinary work, exclusive for making, rotating, migrating and restoring the store."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from typing import TYPE_CHECKING

from qualytics.store.faults import busy, named_os_errors
from qualytics.store.files import check_own_file, is_read_only

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_POLL_S = 0.002
# So long at a stretch whoever wants the store alone keeps newcomers out; then those may pass, so that one
# who holds the store for long holds up nobody but him.
_STRETCH_S = 1.0
_REST_S = 0.05
# What file systems answer that have no locks on directories; then nobody queues, and all else holds.
_NO_TURNSTILE = {errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOTSUP}


class Lock:
    """The lock file, open, and the turnstile before it: its directory, locked for a moment by whoever passes.

    Overlapping users would keep whoever wants the store alone out for ever; he closes the turnstile, those
    inside leave, and newcomers wait. Freed or closed, or by the process's end, the lock is free again.
    """

    def __init__(self, path: Path) -> None:
        """Open the lock file, made at the first use; nothing is locked yet."""
        self._path = path
        with named_os_errors(path), contextlib.ExitStack() as undo:
            self._handle = _open(path)
            undo.callback(os.close, self._handle)
            self._turnstile = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            undo.pop_all()

    def take(self, *, exclusive: bool, wait_s: float) -> None:
        """Take the lock.

        Raises:
            Busy: other programs held it for longer than `wait_s` seconds.

        """
        until = time.monotonic() + wait_s
        with named_os_errors(self._path):
            while not (self._take_alone(until) if exclusive else self._take_shared()):
                if time.monotonic() > until:
                    raise busy(wait_s)
                time.sleep(_REST_S if exclusive else _POLL_S)

    def free(self) -> None:
        """Free the lock and keep its file open, to take it again."""
        fcntl.flock(self._handle, fcntl.LOCK_UN)

    def close(self) -> None:
        """Free the lock and close its file; a forked child closes its copy alone."""
        os.close(self._handle)
        os.close(self._turnstile)

    def is_in_place(self) -> bool:
        """Say whether the file that is locked is still the one that others lock."""
        try:
            named = os.lstat(self._path)
        except OSError:
            return False
        return os.path.samestat(named, os.fstat(self._handle))

    def _take_shared(self) -> bool:
        if not _try(self._turnstile, fcntl.LOCK_SH):
            return False
        try:
            return _try(self._handle, fcntl.LOCK_SH)
        finally:
            fcntl.flock(self._turnstile, fcntl.LOCK_UN)

    def _take_alone(self, until: float) -> bool:
        until = min(until, time.monotonic() + _STRETCH_S)
        if not _try_until(self._turnstile, until):
            return False
        try:
            return _try_until(self._handle, until)
        finally:
            fcntl.flock(self._turnstile, fcntl.LOCK_UN)


@contextlib.contextmanager
def locked(path: Path, *, exclusive: bool, wait_s: float) -> Iterator[None]:
    """Hold the store's lock; see `Lock.take`."""
    lock = Lock(path)
    try:
        lock.take(exclusive=exclusive, wait_s=wait_s)
        yield
    finally:
        lock.close()


def _open(path: Path) -> int:
    is_there = check_own_file(path)
    flags = os.O_NOFOLLOW | os.O_CLOEXEC
    if is_read_only(path.parent):
        if is_there:
            return os.open(path, os.O_RDONLY | flags)
        if hasattr(os, "memfd_create"):  # nobody locks by a file that nobody can make here; whoever can is seen later
            return os.memfd_create(path.name)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o600)
    if os.fstat(handle).st_mode & 0o777 != 0o600:  # a umask can take away more than it should
        os.fchmod(handle, 0o600)
    return handle


def _try_until(handle: int, until: float) -> bool:
    while not _try(handle, fcntl.LOCK_EX):
        if time.monotonic() > until:
            return False
        time.sleep(_POLL_S)
    return True


def _try(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as exc:
        if exc.errno not in _NO_TURNSTILE or not os.path.isdir(handle):
            raise
    return True
