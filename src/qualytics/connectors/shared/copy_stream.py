"""Rows of PostgreSQL's binary COPY, as they come from the server: where each begins and ends, many at once.

The layout is that of PostgreSQL's documentation, "Message Formats", "Error and Notice Message Fields", and "COPY",
"Binary Format".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from psycopg import errors

from qualytics.connectors.shared.columns import Block
from qualytics.connectors.shared.libpq import Wire
from qualytics.connectors.shared.sql import as_text

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_FLAGS_BYTES = 4
_END_OF_ROWS = b"\xff\xff"
# A message is a letter, the length of what follows it, and that; COPY sends one for each row, after them CopyDone,
# CommandComplete and ReadyForQuery. Others may stand between.
_HEAD_BYTES, _MIN_LENGTH = 5, 4
_ROW, _ERROR, _COMPLETE, _READY = b"dECZ"
_OTHERS = frozenset(b"HcNSA")
# Where the head of a row of less than 64 KiB, as a number of seven bytes, has its length.
_LENGTHS = np.uint64(0xFFFF_0000)
# The last message, but for its last byte.
_END_OF_ANSWER = bytes([_READY, 0, 0, 0, 5])
# Bytes that are awaited before a row has come that says how long it is, and room for bytes in the beginning.
_FIRST_BYTES, _ROOM = 1 << 14, 1 << 20


class Rows(NamedTuple):
    """Where rows begin and end in a block, which holds others once the next ones are taken."""

    block: Block
    begins: Any
    ends: Any


class CopyStream:
    """The answer to one COPY, on a connection whose last answer libpq has read whole."""

    def __init__(self, pgconn: Any, sql: str, width: int, margin: int) -> None:
        """Ask for the rows of a query, of so many columns; a block has `margin` bytes behind the last row."""
        self._wire, self._width, self._margin = Wire(pgconn), width.to_bytes(2), margin
        self._reserve(_ROOM)
        # Of the bytes in the block: how many came, and up to where they are understood.
        self._came = self._known = 0
        self._begins = self._ends = np.empty(0, np.int64)
        self._rows = self._row_bytes = 0
        self._has_header = self._is_ended = False
        self._tag = b""
        query = f"copy (\n{sql}\n) to stdout (format binary)".encode() + b"\0"
        self._wire.send(b"Q" + (len(query) + _MIN_LENGTH).to_bytes(4) + query)

    def rows(self, at_once: int, max_bytes: int) -> Iterator[Rows]:
        """Yield the rows: so many at once, or fewer when they are of so many bytes.

        Raises:
            psycopg.Error: the server has refused or ended the query, or the connection has ended.

        """
        while True:
            while not self._is_ended and len(self._begins) < at_once and self._bytes_of_rows < max_bytes:
                self._receive(min(self._awaited(at_once), max_bytes))
            if not len(self._begins):
                if self._tag != f"COPY {self._rows}\0".encode():
                    raise errors.ProtocolViolation("the server counts other rows than it sent")
                return
            taken = Rows(self._block, self._begins[:at_once], self._ends[:at_once])
            self._begins, self._ends = self._begins[at_once:], self._ends[at_once:]
            yield taken

    @property
    def _first(self) -> int:
        """Where what is still needed begins."""
        return int(self._begins[0]) if len(self._begins) else self._known

    @property
    def _bytes_of_rows(self) -> int:
        return self._known - self._first

    def _awaited(self, at_once: int) -> int:
        """Return in how many bytes the rows come that are missing."""
        if not self._rows:
            return _FIRST_BYTES
        return round((at_once - len(self._begins)) * self._row_bytes / self._rows)

    def _receive(self, awaited: int) -> None:
        """Receive so many bytes, fewer when the answer ends, and find the rows in them."""
        self._make_room(awaited)
        until = self._came + awaited
        while True:
            received = self._wire.receive(self._block.bytes, self._came, self._room)
            if not received:
                self._understand()  # an error may be the last that came
                raise errors.OperationalError("server closed the connection unexpectedly")
            self._came += received
            if self._came >= until or self._seems_ended():
                break
        self._understand()

    def _seems_ended(self) -> bool:
        """Say whether the last bytes look like the end of an answer, behind which nothing comes."""
        end = self._came - 1
        return self._block.bytes[end - len(_END_OF_ANSWER) : end].tobytes() == _END_OF_ANSWER

    def _make_room(self, awaited: int) -> None:
        """Have room for so many more bytes: what is still needed goes to the beginning of the block, or of a larger one."""
        if self._came + awaited <= self._room:
            return
        first = self._first
        kept = self._block.bytes[first : self._came].copy()
        if len(kept) + awaited > self._room:
            self._reserve(2 * (len(kept) + awaited))
        self._block.bytes[: len(kept)] = kept
        self._came, self._known = len(kept), self._known - first
        self._begins, self._ends = self._begins - first, self._ends - first

    def _reserve(self, room: int) -> None:
        self._room = room
        self._block = Block(bytearray(room + self._margin))

    def _understand(self) -> None:
        """Find the rows among the bytes that came: most of them at once, those about other messages one by one."""
        if self._next_end() is None:  # of a long row there is more to come
            return
        begins, ends = self._chain()
        if len(begins):
            self._known = int(ends[-1])
        others = list(self._walk())
        if others:
            begins = np.concatenate((begins, [begin for begin, _ in others]))
            ends = np.concatenate((ends, [end for _, end in others]))
        self._rows += len(begins)
        self._row_bytes += int((ends - begins).sum()) + _HEAD_BYTES * len(begins)
        self._begins, self._ends = np.concatenate((self._begins, begins)), np.concatenate((self._ends, ends))

    def _chain(self) -> tuple[Any, Any]:
        """Return where rows begin and end: what looks like the head of one, and stands where the row before it ends."""
        known, came = self._known, self._came
        heads = np.flatnonzero(self._block.bytes[known : max(known, came - _HEAD_BYTES - 1)] == _ROW) + known
        # Letter, length and number of columns, and of what follows one byte, which goes.
        words = self._block.numbers(">u8", heads) >> np.uint64(8)
        # A row of 64 KiB is left to the walk: two bytes that are 0 leave few that only look like heads.
        is_head = words & ~_LENGTHS == np.uint64(_ROW << 48 | int.from_bytes(self._width))
        heads, words = heads[is_head], words[is_head]
        ends = heads + 1 + ((words & _LENGTHS) >> np.uint64(16)).astype(np.int64)
        breaks = np.append(np.flatnonzero(ends[:-1] != heads[1:]), len(heads) - 1)
        chosen, following = [np.empty(0, np.int64)], known
        while (at := int(np.searchsorted(heads, following))) < len(heads) and heads[at] == following:
            last = int(breaks[np.searchsorted(breaks, at)])
            chosen.append(np.arange(at, last + 1))
            following = int(ends[last])
        rows = np.concatenate(chosen)
        rows = rows[ends[rows] <= came]
        return heads[rows] + _HEAD_BYTES, ends[rows]

    def _walk(self) -> Iterator[tuple[int, int]]:
        """Take the messages that are there whole, and yield where rows begin and end."""
        data = self._block.bytes
        while not self._is_ended and (end := self._next_end()) is not None:
            begin = self._known + _HEAD_BYTES
            kind = int(data[self._known])
            if kind == _ROW:
                begin = begin if self._has_header else self._behind_header(begin, end)
                if end - begin != len(_END_OF_ROWS) or data[begin:end].tobytes() != _END_OF_ROWS:
                    yield begin, end
            else:
                self._take(kind, data[begin:end].tobytes())
            self._known = end

    def _next_end(self) -> int | None:
        """Return where the next message ends; None before it has come whole."""
        begin = self._known + _HEAD_BYTES
        if begin > self._came:
            return None
        end = self._known + 1 + int.from_bytes(self._block.bytes[self._known + 1 : begin].tobytes())
        if end < begin:
            raise errors.ProtocolViolation("the server sent a message without a length")
        return end if end <= self._came else None

    def _behind_header(self, begin: int, end: int) -> int:
        """Return where the first row begins, before which there is a header."""
        self._has_header = True
        at = begin + len(_SIGNATURE) + _FLAGS_BYTES
        extension = int.from_bytes(self._block.bytes[at : at + 4].tobytes())
        if self._block.bytes[begin : begin + len(_SIGNATURE)].tobytes() != _SIGNATURE or at + 4 + extension > end:
            raise errors.ProtocolViolation("what the server sent does not begin as COPY does")
        return at + 4 + extension

    def _take(self, kind: int, message: bytes) -> None:
        """Take note of a message without a row."""
        if kind == _ERROR:
            raise _error(message)
        if kind == _READY:
            self._is_ended = True
            self._wire.end()
        elif kind == _COMPLETE:
            self._tag = message
        elif kind not in _OTHERS:
            raise errors.ProtocolViolation("the server sent a message that does not belong to COPY")


def _error(message: bytes) -> errors.Error:
    """Return what psycopg raises for an error message."""
    fields = {field[:1]: as_text(field[1:]) for field in message.split(b"\0") if field}
    lines = [fields.get(b"M", ""), *(f"{name}:  {fields[key]}" for key, name in _DETAILS if key in fields)]
    state = fields.get(b"C")
    try:
        kind = errors.lookup(state or "")
    except KeyError:
        kind = errors.DatabaseError
    error = kind("\n".join(lines))
    error.sqlstate = state
    return error


_DETAILS = ((b"D", "DETAIL"), (b"H", "HINT"), (b"W", "CONTEXT"))
