"""One object of a store as a file that is read by ranges, and only as long as it is the one that was listed."""

from __future__ import annotations

import io
import json
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import refuse
from qualytics.connectors.shared.object_store import short_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

# Bytes of one request at most; of one that took too long the halves are asked for, down to the least.
BLOCK_BYTES, _LEAST_BYTES = 8 << 20, 1 << 20
# Of the first request of a file that is read from its start on: often no more is wanted than its first line.
_FIRST_BYTES = 1 << 20
# Of ranges that are asked for together: a request costs more than so many bytes that nobody wants.
_GAP_BYTES = 64 << 10
# Requests of one file that are under way at once.
_AT_ONCE = 2
# A request that broke off is made again, for the file is known by its ETag.
_TRIES, _PAUSE_S = 4, 0.2


class StoredFile:
    """An object of a store: `path`, `etag` (None where the store has none) and `size` in bytes.

    `keys` are columns that the names of its folders give, as `year=2025`; None is NULL. `end` is what the end of a file
    of Parquet says, once it was read.
    """

    def __init__(
        self, store: Any, path: str, etag: str | None, size: int, keys: Mapping[str, str | None] | None = None
    ) -> None:
        self._store, self.path, self.etag, self.size = store, path, _quoted(etag), size
        self.keys = dict(keys or {})
        self.end: Any = None
        self._most = BLOCK_BYTES

    @classmethod
    def of(cls, store: Any, described: dict[str, Any]) -> StoredFile:
        """Return the file that a partition describes."""
        return cls(store, described["file"], described["etag"], described["bytes"], described.get("keys"))

    def described(self, groups: list[int] | None) -> str:
        """Return how a partition describes the file, or some of its row groups."""
        more: dict[str, Any] = {} if groups is None else {"row_groups": groups}
        if self.keys:
            more["keys"] = self.keys
        return json.dumps({"file": self.path, "etag": self.etag, "bytes": self.size, **more}, ensure_ascii=False)

    def open(self) -> Reader:
        """Return the file, opened."""
        return Reader(self)

    def range(self, start: int, end: int) -> memoryview:
        """Return the bytes of a range.

        Raises:
            Refusal: the file is another one by now.

        """
        if end - start <= self._most:
            return self._got(start, end)
        pieces = []
        while start < end:  # what takes too long makes requests smaller
            pieces.append(self._got(start, min(start + self._most, end)))
            start += len(pieces[-1])
        return memoryview(b"".join(pieces))

    def _got(self, start: int, end: int) -> memoryview:
        from obstore.exceptions import GenericError

        for number in range(1, _TRIES):
            try:
                return self._asked(start, end)
            except GenericError:  # of the network, or of a server that is busy
                time.sleep(_PAUSE_S * number)
                if end - start > _LEAST_BYTES:
                    self._most = max(min(self._most, end - start) // 2, _LEAST_BYTES)
                    return self.range(start, end)
        with short_errors():
            return self._asked(start, end)

    def _asked(self, start: int, end: int) -> memoryview:
        from obstore.exceptions import NotFoundError, PreconditionError

        options: dict[str, Any] = {"range": (start, end)}
        if self.etag is not None:
            options["if_match"] = self.etag
        try:
            got = self._store.get(self.path, options=options)
        except (PreconditionError, NotFoundError, FileNotFoundError):
            raise self._changed() from None
        # Not all stores look at the condition.
        if _quoted(got.meta["e_tag"]) != self.etag or got.meta["size"] != self.size:
            raise self._changed()
        data = memoryview(got.bytes())
        if len(data) != end - start:
            raise self._changed()
        return data

    def _changed(self) -> Exception:
        return refuse("transient", f"the file {self.path} was changed while it was read", "read it again")


def _quoted(etag: str | None) -> str | None:
    """Return an ETag as HTTP has it; Azure's listing leaves out the quotes."""
    return etag if etag is None or etag.endswith('"') else f'"{etag}"'


class _Blocks:
    """A part of a file, one block after the other; while one is used the next one comes."""

    def __init__(self, ask: Callable[[int, int], Future[memoryview]], part: tuple[int, int], size: int) -> None:
        self._ask, self.part, self._size = ask, part, size
        self._held: list[tuple[int, int, Future[memoryview]]] = []

    def begin(self) -> None:
        """Ask for the first two blocks."""
        for start in (self.part[0], self.part[0] + self._size):
            self._add(start, self._size)

    def begin_with(self, size: int) -> None:
        """Ask for a first block of another size alone."""
        self._held = []
        self._add(self.part[0], size)

    def read(self, start: int, end: int) -> memoryview:
        """Return bytes, without a copy where one block has them all."""
        pieces = []
        while start < end:
            first, data = self._block(start, end)
            pieces.append(data[start - first : end - first])
            start += len(pieces[-1])
        return pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces))

    def _block(self, start: int, end: int) -> tuple[int, memoryview]:
        """Return the block that holds the first byte of a range, and where it begins."""
        last = self._held[0][1] if self._held else self.part[0]
        if start == last and self._held:
            del self._held[0]  # it is used up
            if not self._held:
                self._add(start, self._size)
            self._add(self._held[-1][1], self._size)
        elif not self._held or not self._held[0][0] <= start < last:
            self._held = []
            self._add(start, min(end - start, self._size))
        first, _, data = self._held[0]
        return first, data.result()

    def _add(self, start: int, size: int) -> None:
        end = min(start + size, self.part[1])
        if start < end:
            self._held.append((start, end, self._ask(start, end)))


class Reader(io.RawIOBase):
    """A file of bytes that is read ahead: from its start on, or in those parts that are said to be read."""

    def __init__(self, file: StoredFile) -> None:
        self._file, self._place = file, 0
        self._threads = ThreadPoolExecutor(_AT_ONCE)
        self._whole = _Blocks(self._ask, (0, file.size), BLOCK_BYTES)
        self._parts: list[_Blocks] = []

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it has places."""
        return True

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, and return it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._file.size}[whence]
        self._place = base + offset
        return self._place

    def close(self) -> None:
        """Ask for no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        super().close()

    def fetch(self, parts: Iterable[tuple[int, int]], size: int | None = None) -> list[tuple[int, int]]:
        """Begin to fetch parts, which are kept until `drop`, and return them as they are kept.

        Without a `size` they come whole, those that lie together by one request; else each in blocks of that size.
        """
        kept = sorted(parts) if size is not None else _together(sorted(parts))
        for part in kept:
            blocks = _Blocks(self._ask, part, size or part[1] - part[0])
            blocks.begin()
            self._parts.append(blocks)
        return kept

    def drop(self, parts: Sequence[tuple[int, int]]) -> None:
        """Keep parts no longer."""
        self._parts = [one for one in self._parts if one.part not in parts]

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with the next bytes, and return how many there were."""
        view = memoryview(buffer).cast("B")
        data = self.read_buffer(len(view))
        view[: len(data)] = data
        return len(data)

    def read_buffer(self, number: int) -> memoryview:
        """Return the next bytes without a copy of them, which Arrow asks for rather than to read."""
        start, end = self._place, min(self._place + number, self._file.size)
        if end <= start:
            return memoryview(b"")
        self._place = end
        for one in self._parts:
            if one.part[0] <= start and end <= one.part[1]:
                return one.read(start, end)
        if start == 0:  # most often no more is wanted than the first line
            self._whole.begin_with(_FIRST_BYTES)
        return self._whole.read(start, end)

    def _ask(self, start: int, end: int) -> Future[memoryview]:
        return self._threads.submit(self._file.range, start, end)


def _together(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return ranges, which are in order, with those that lie close together as one, up to the size of a request."""
    result: list[tuple[int, int]] = []
    for start, end in ranges:
        if result and start - result[-1][1] <= _GAP_BYTES and end - result[-1][0] <= BLOCK_BYTES:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result
