"""A folder of configuration: nothing is read or written outside of it, whatever names and links it holds."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING, Self

from qualytics.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FILE = 1_048_576
_CHUNK = 65_536
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class FileFault(Exception):
    """A file cannot be read or written; the message says why."""


class Folder:
    """An open folder; paths are relative to it, of names without links, and end there. Close it, or use `with`."""

    def __init__(self, path: str, handle: int) -> None:
        self.path = path
        self._handle = handle

    @classmethod
    def open(cls, path: str, *, make: bool = False) -> Self:
        """Open a folder that the user names, which may be a link; with `make`, make it where it is not there.

        Raises:
            UsageError: it cannot be opened.

        """
        try:
            if make:
                os.makedirs(path, exist_ok=True)
            return cls(path, os.open(path, _DIRECTORY))
        except (OSError, ValueError) as exc:
            why = (getattr(exc, "strerror", None) or "holds a null byte").lower()
            raise UsageError(f"{path}: {why}", "name a folder, as ./config") from exc

    def names(self, *parts: str) -> list[str]:
        """Return the names in a folder of it, sorted; none where it is not there.

        Raises:
            FileFault: it is a link, or no folder.

        """
        try:
            with self._entered(parts) as handle:
                return sorted(os.listdir(handle))
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise FileFault(_reason(exc)) from exc

    def is_there(self, *parts: str) -> bool:
        """Say whether there is a folder of that name, which is no link."""
        try:
            with self._entered(parts):
                return True
        except OSError:
            return False

    def read(self, *parts: str) -> str:
        """Return the text of a file.

        Raises:
            FileFault: it is a link, no regular file, too large or not UTF-8.

        """
        try:
            with self._entered(parts[:-1]) as handle:
                raw = _bytes_of(handle, parts[-1])
        except OSError as exc:
            raise FileFault(_reason(exc)) from exc
        if len(raw) > MAX_FILE:
            raise FileFault("is larger than 1 MiB")
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise FileFault("is not UTF-8") from None

    def write(self, text: str, *parts: str) -> bool:
        """Write a file whole, or not at all, and say whether it was another; one that is the same stays untouched.

        Raises:
            FileFault: it, or a folder on the way, is a link or no such thing, or the system refuses.

        """
        content = text.encode()
        try:
            with self._entered(parts[:-1], make=True) as handle:
                if _content(handle, parts[-1]) == content:
                    return False
                temporary = f".{os.getpid()}.tmp"
                with contextlib.suppress(FileNotFoundError):  # of a killed process that had our number
                    os.unlink(temporary, dir_fd=handle)
                try:
                    with open(os.open(temporary, _NEW, 0o666, dir_fd=handle), "wb") as out:
                        out.write(content)
                    os.replace(temporary, parts[-1], src_dir_fd=handle, dst_dir_fd=handle)
                finally:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(temporary, dir_fd=handle)
        except OSError as exc:
            raise FileFault(_reason(exc)) from exc
        return True

    @contextlib.contextmanager
    def _entered(self, parts: tuple[str, ...], *, make: bool = False) -> Iterator[int]:
        """Give the handle of a folder of it, entered one name at a time, so that no link is followed."""
        handle = os.dup(self._handle)
        try:
            for name in parts:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(name, dir_fd=handle)
                inner = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
                os.close(handle)
                handle = inner
            yield handle
        finally:
            os.close(handle)

    def close(self) -> None:
        """Close the folder."""
        os.close(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def _content(handle: int, name: str) -> bytes | None:
    """Return what a file holds, None where there is none; a link or a device is refused."""
    try:
        return _bytes_of(handle, name)
    except FileNotFoundError:
        return None


def _bytes_of(handle: int, name: str) -> bytes:
    """Return what a regular file holds; of one that is too large a little more than is taken."""
    with open(os.open(name, _READ, dir_fd=handle), "rb", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise FileFault("is not a regular file")
        raw = b""
        # To ask for the most that is taken would make room for a megabyte, for each of ten thousand small files.
        while len(raw) <= MAX_FILE and (part := file.read(_CHUNK)):
            raw += part
    return raw


def _reason(exc: OSError) -> str:
    if exc.errno in {errno.ELOOP, errno.ENOTDIR}:
        return "is a symbolic link, or stands where a folder should be"
    return os.strerror(exc.errno or 0).lower()
