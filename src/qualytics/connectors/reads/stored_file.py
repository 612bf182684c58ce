"""One object of a store as a file that is read by ranges, and only as long as it is the one that was listed."""

from __future__ import annotations

import io
import json
from typing import Any

from qualytics.connectors.contract import refuse
from qualytics.connectors.shared.object_store import short_errors

# Bytes of one request, so that each takes seconds at most, whatever the size of the file.
_BLOCK_BYTES = 8 << 20


class StoredFile:
    """An object of a store: `path`, `etag` (None where the store has none) and `size` in bytes."""

    def __init__(self, store: Any, path: str, etag: str | None, size: int) -> None:
        self._store, self.path, self.etag, self.size = store, path, _quoted(etag), size

    @classmethod
    def of(cls, store: Any, described: dict[str, Any]) -> StoredFile:
        """Return the file that a partition describes."""
        return cls(store, described["file"], described["etag"], described["bytes"])

    def described(self, groups: list[int] | None) -> str:
        """Return how a partition describes the file, or some of its row groups."""
        more = {} if groups is None else {"row_groups": groups}
        return json.dumps({"file": self.path, "etag": self.etag, "bytes": self.size, **more}, ensure_ascii=False)

    def open(self) -> _Reader:
        """Return the file, opened."""
        return _Reader(self)

    def range(self, start: int, end: int) -> bytes:
        """Return the bytes of a range.

        Raises:
            Refusal: the file is another one by now.

        """
        from obstore.exceptions import NotFoundError, PreconditionError

        options: dict[str, Any] = {"range": (start, end)}
        if self.etag is not None:
            options["if_match"] = self.etag
        try:
            got = self._store.get(self.path, options=options)
        except (PreconditionError, NotFoundError, FileNotFoundError):
            raise self._changed() from None
        if (
            _quoted(got.meta["e_tag"]) != self.etag or got.meta["size"] != self.size
        ):  # not all stores look at the condition
            raise self._changed()
        with short_errors():
            return bytes(got.bytes())

    def _changed(self) -> Exception:
        return refuse("transient", f"the file {self.path} was changed while it was read", "read it again")


def _quoted(etag: str | None) -> str | None:
    """Return an ETag as HTTP has it; Azure's listing leaves out the quotes."""
    return etag if etag is None or etag.endswith('"') else f'"{etag}"'


class _Reader(io.RawIOBase):
    """A file of bytes that keeps the block which was read last."""

    def __init__(self, file: StoredFile) -> None:
        self._file, self._place = file, 0
        self._start, self._block = 0, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._file.size}[whence]
        self._place = base + offset
        return self._place

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = self._bytes(len(view))
        view[: len(data)] = data
        return len(data)

    def _bytes(self, number: int) -> bytes:
        end = min(self._place + number, self._file.size)
        if end <= self._place:
            return b""
        if self._place < self._start or end > self._start + len(self._block):
            last = max(end, min(self._place + _BLOCK_BYTES, self._file.size)) if self._is_next() else end
            self._start, self._block = self._place, self._file.range(self._place, last)
        data = self._block[self._place - self._start : end - self._start]
        self._place = end
        return data

    def _is_next(self) -> bool:
        """Say whether the file is read from its start on, one range after the other: more is read at once then."""
        return self._start <= self._place <= self._start + len(self._block)
