"""Lists of many plain documents, held as compressed text: a list of ten thousand takes as much as one of a thousand."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# Characters of JSON in a block: what is compressed, and read again, at once.
_BLOCK = 65_536


class PackedList:
    """A list that grows at its end, of what JSON can hold; what it gives is a copy, made anew each time."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._starts: list[int] = []  # the index of the first of each block
        self._last: list[str] = []  # those behind the blocks
        self._size = 0
        self._length = 0
        self._read: tuple[int, list[str]] = (-1, [])  # the block that was read last

    def append(self, value: Any) -> None:
        """Add a value at the end.

        Raises:
            TypeError, ValueError: JSON cannot hold it.

        """
        import json  # which a page of help does without

        line = json.dumps(value)
        self._last.append(line)
        self._size += len(line)
        self._length += 1
        if self._size >= _BLOCK:
            self._starts.append(self._length - len(self._last))
            self._blocks.append(zlib.compress("\n".join(self._last).encode(), 1))
            self._last, self._size = [], 0

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Any:
        import json

        if not 0 <= index < self._length:
            raise IndexError(index)
        number = bisect_right(self._starts, index) - 1
        behind = index - (self._length - len(self._last))
        return json.loads(self._last[behind] if behind >= 0 else self._lines(number)[index - self._starts[number]])

    def __iter__(self) -> Iterator[Any]:
        import json

        for number in range(len(self._blocks)):
            yield from map(json.loads, self._lines(number))
        yield from map(json.loads, self._last)

    def _lines(self, number: int) -> list[str]:
        if number != self._read[0]:
            self._read = (number, zlib.decompress(self._blocks[number]).decode().split("\n"))
        return self._read[1]
