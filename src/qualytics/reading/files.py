"""The file that a read is written to: its format by its name, and that it appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from qualytics.errors import ReadFailed, UsageError
from qualytics.store.files import place_new

if TYPE_CHECKING:
    from collections.abc import Iterator

# How files begin that have no name yet of their own.
_PREFIX = ".qualytics-read-"
FORMATS = ("parquet", "arrow", "csv", "jsonl")
# Arrow as a stream, which stdout gets in place of a file: nobody can seek in that.
STREAM = "arrows"
# Ends of names, and the format that each means.
ENDS = {"parquet": "parquet", "pq": "parquet", "csv": "csv", "jsonl": "jsonl", "ndjson": "jsonl"} | {
    **dict.fromkeys(("arrow", "feather", "ipc"), "arrow"),
    STREAM: STREAM,
}


def format_of(path: str | None, name: str | None) -> str:
    """Return the format of a file: the one that is named, else what the end of its name means; - is stdout.

    Raises:
        UsageError: the end means none.

    """
    if name is not None:
        return STREAM if (path, name) == ("-", "arrow") else name
    end = os.path.basename(path or "").rpartition(".")[2].lower()
    if end not in ENDS:
        raise UsageError(f"the end of {path!r} names no format", f"add --format: {', '.join(FORMATS)}")
    return ENDS[end]


def require_free(path: str, *, overwrite: bool) -> None:
    """Raise UsageError for what is there and no file, or may not be overwritten."""
    place = os.path.realpath(path)
    if not os.path.lexists(place):
        return
    if not os.path.isfile(place):  # a device or a pipe would be gone, and a file stand in its place
        what = "a folder" if os.path.isdir(place) else "no regular file"
        raise UsageError(f"{path} is {what}", "name a file")
    if not overwrite:
        raise UsageError(f"{path} exists", "add --overwrite, or name another file")


def are_one(path: str, other: str) -> bool:
    """Say whether two paths, or - for stdout, are the same place."""
    return path == other or ("-" not in {path, other} and os.path.realpath(path) == os.path.realpath(other))


@contextlib.contextmanager
def whole_file(path: str, *, overwrite: bool) -> Iterator[IO[bytes]]:
    """Give a file that appears under its name when the block ends well, and is gone otherwise.

    Raises:
        UsageError: something stands there, and may not be overwritten; or the folder cannot be written to.
        ReadFailed: the disk is full, or fails.

    """
    place = os.path.realpath(path)
    require_free(path, overwrite=overwrite)
    folder = os.path.dirname(place)
    try:
        handle, temporary = _unnamed(folder), None
        if handle is None:
            handle, temporary = tempfile.mkstemp(prefix=_PREFIX, dir=folder)
    except OSError as exc:
        why = (exc.strerror or "the system refuses").lower()
        raise UsageError(f"{path} cannot be written: {why}", "check the folder") from None
    file = os.fdopen(handle, "wb")
    try:
        yield file
        with named_errors(path):
            file.flush()
            os.fsync(handle)
            temporary = temporary or _named(handle, folder)
            file.close()
            os.chmod(temporary, 0o666 & ~_umask())
            _put(temporary, place, overwrite=overwrite, path=path)
    except BaseException:
        with contextlib.suppress(OSError):  # a full disk refuses what is left in the buffer once more
            file.close()
        if temporary is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        raise


@contextlib.contextmanager
def named_errors(where: str) -> Iterator[None]:
    """Raise ReadFailed for what the system refuses to write."""
    try:
        yield
    except OSError as exc:
        why = (exc.strerror or "the system refuses").lower()
        raise ReadFailed(f"{where} cannot be written: {why}", "check its disk; nothing of it was kept") from exc


def _put(temporary: str, place: str, *, overwrite: bool, path: str) -> None:
    if overwrite:
        os.replace(temporary, place)
        return
    try:
        place_new(Path(temporary), Path(place))  # unlike a rename it never takes the place of what came meanwhile
    except FileExistsError:
        raise UsageError(f"{path} exists", "add --overwrite, or name another file") from None
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)


def _unnamed(folder: str) -> int | None:
    """Return a file without a name, of which nothing is left when this process is killed; None where that cannot be."""
    if not hasattr(os, "O_TMPFILE"):  # Linux alone has it
        return None
    with contextlib.suppress(OSError):  # and not on each of its file systems
        handle = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)
        if os.path.exists(_link(handle)):
            return handle
        os.close(handle)
    return None


def _named(handle: int, folder: str) -> str:
    """Give a file without a name one that nobody looks at, and return it."""
    temporary = os.path.join(folder, _PREFIX + secrets.token_hex(8))
    # With a descriptor Python calls linkat, which follows the link; without one it would link that.
    os.link(_link(handle), temporary, src_dir_fd=handle)
    return temporary


def _link(handle: int) -> str:
    return f"/proc/self/fd/{handle}"


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
