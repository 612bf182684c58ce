"""The file that a read is written to: its format by its name, and that it appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import IO, TYPE_CHECKING

from qualytics.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMATS = ("parquet", "arrow", "csv", "jsonl")
# Ends of names, and the format that each means.
ENDS = {"parquet": "parquet", "pq": "parquet", "arrow": "arrow", "feather": "arrow", "ipc": "arrow", "csv": "csv"} | {
    "jsonl": "jsonl",
    "ndjson": "jsonl",
}


def format_of(path: str | None, name: str | None) -> str:
    """Return the format of a file: the one that is named, else what the end of its name means.

    Raises:
        UsageError: the end means none.

    """
    if name is not None:
        return name
    end = os.path.basename(path or "").rpartition(".")[2].lower()
    if end not in ENDS:
        raise UsageError(f"the end of {path!r} names no format", f"add --format: {', '.join(FORMATS)}")
    return ENDS[end]


def require_free(path: str, *, overwrite: bool) -> None:
    """Raise UsageError for a folder, or for a file that exists and may not be overwritten."""
    place = os.path.realpath(path)
    if os.path.lexists(place) and not overwrite:
        raise UsageError(f"{path} exists", "add --overwrite, or name another file")
    if os.path.isdir(place):
        raise UsageError(f"{path} is a folder", "name a file")


@contextlib.contextmanager
def whole_file(path: str, *, overwrite: bool) -> Iterator[IO[bytes]]:
    """Give a file that appears under its name when the block ends well, and is gone otherwise.

    Raises:
        UsageError: something stands there, and may not be overwritten; or the folder cannot be written to.

    """
    place = os.path.realpath(path)
    require_free(path, overwrite=overwrite)
    folder = os.path.dirname(place)
    try:
        handle, temporary = tempfile.mkstemp(prefix=".qualytics-read-", dir=folder)
    except OSError as exc:
        why = (exc.strerror or "the system refuses").lower()
        raise UsageError(f"{path} cannot be written: {why}", "check the folder") from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(handle)
        os.chmod(temporary, 0o666 & ~_umask())
        _put(temporary, place, overwrite=overwrite, path=path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _put(temporary: str, place: str, *, overwrite: bool, path: str) -> None:
    if overwrite:
        os.replace(temporary, place)
        return
    try:
        os.link(temporary, place)  # unlike a rename it never takes the place of what came meanwhile
    except FileExistsError:
        raise UsageError(f"{path} exists", "add --overwrite, or name another file") from None
    os.unlink(temporary)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
