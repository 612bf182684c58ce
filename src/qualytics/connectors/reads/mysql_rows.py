"""Rows of MySQL's text protocol as columns: the values of many rows all at once, without an object for each.

The layout is that of MySQL's Source Code Documentation, "MySQL Packets", "Text Resultset Row" and "Protocol::LengthEncodedString".
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
from pymysql.constants import CR
from pymysql.err import InternalError, OperationalError
from pymysql.protocol import MysqlPacket

from qualytics.connectors.shared import arrow
from qualytics.connectors.shared.columns import Block, Column

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

# Three bytes of length, and one that counts packets; what fills its packet goes on in the next one.
_HEADER, _HEADER_BYTES = struct.Struct("<I").unpack_from, 4
_MAX_PAYLOAD = (1 << 24) - 1
_END, _ERROR, _END_BYTES = b"\xfe", b"\xff", 9
# The first byte of a value: its size, or NULL, or by how many bytes the size stands behind.
_LAST_SIZE, _NULL, _LAST_MARK = 0xFA, 0xFB, 0xFE
_SIZES = {0xFC: ("<u2", 2), 0xFD: ("<u4", 3), 0xFE: ("<u8", 8)}
_CHUNK_BYTES = 1 << 18
_LOST = (CR.CR_SERVER_LOST, "Lost connection to MySQL server during query")
# A size is read at once: behind the last byte of a block stand as many as it may have.
_MARGIN = bytes(9)


def rows(handle: Any, fetch_size: int) -> Iterator[tuple[bytearray, Any]]:
    """Yield rows of the unbuffered result that is open on a connection: bytes, where each row begins, where the last ends.

    They are as many as are fetched at once, or 16 MiB. Before each row stands the header of its packet.

    Raises:
        pymysql.err.Error: the server sends an error, or no more.

    """
    result = handle._result  # noqa: SLF001 - PyMySQL itself makes each value an object
    result.unbuffered_active, result.connection, handle._result = False, None, None  # noqa: SLF001
    packets = _Packets(handle)
    try:
        while not packets.is_over:
            block, starts = packets.take(fetch_size)
            if len(starts) > 1:
                yield block, starts
    finally:
        if not packets.is_over:  # what is still sent belongs to no other statement
            handle._force_close()  # noqa: SLF001


class _Packets:
    """Cuts what the server sends into packets, one a row; `is_over` once it has sent the last."""

    def __init__(self, handle: Any) -> None:
        self._source, self._encoding = handle._rfile, handle.encoding  # noqa: SLF001
        self._unread = bytearray()
        self._number, self._joined = handle._next_seq_id, 0  # noqa: SLF001
        self.is_over = False

    def take(self, most: int) -> tuple[bytearray, Any]:
        """Return the next rows, at most so many; fewer, or none, at the end."""
        starts, unread = [0], self._unread
        while not self.is_over and len(starts) <= most and starts[-1] < arrow.BATCH_BYTES:
            self._cut(starts, most)
            if len(starts) > 1 and starts[-1] == len(unread) and self._ends(starts[-2]):
                starts.pop()
                self.is_over = True
            elif len(starts) <= most and starts[-1] < arrow.BATCH_BYTES:
                self._receive()
        block = unread[: starts[-1]]
        del unread[: starts[-1]]
        found = np.array(starts)
        self._require_order(block, found[:-1])
        return block, found

    def _cut(self, starts: list[int], most: int) -> None:
        """Add where packets end that have come whole."""
        unread, at, append = self._unread, starts[-1], starts.append
        length = len(unread)
        for _ in range(most + 1 - len(starts)):
            if at + _HEADER_BYTES > length:
                return
            size = _HEADER(unread, at)[0] & _MAX_PAYLOAD
            if size == _MAX_PAYLOAD:
                if (end := self._join(at)) is not None:
                    append(end)
                return
            at += _HEADER_BYTES + size
            if at > length:
                return
            append(at)

    def _join(self, at: int) -> int | None:
        """Make one of the packets of a row of 16 MiB or more, which ends a block; return its end, None before it has come."""
        unread, inner, size = self._unread, [], _MAX_PAYLOAD
        while size == _MAX_PAYLOAD:
            if at + _HEADER_BYTES > len(unread):
                return None
            size = _HEADER(unread, at)[0] & _MAX_PAYLOAD
            at += _HEADER_BYTES + size
            inner.append(at)
        if at > len(unread):
            return None
        self._joined = len(inner) - 1
        for header in reversed(inner[:-1]):
            del unread[header : header + _HEADER_BYTES]
        return at - _HEADER_BYTES * self._joined

    def _ends(self, at: int) -> bool:
        """Say whether a packet is the one that ends a result.

        Raises:
            pymysql.err.Error: it is an error.

        """
        payload = self._unread[at + _HEADER_BYTES :]
        if payload[:1] == _ERROR:
            MysqlPacket(bytes(payload), self._encoding).raise_for_error()
        return payload[:1] == _END and len(payload) < _END_BYTES

    def _receive(self) -> None:
        try:
            chunk = self._source.read1(_CHUNK_BYTES)
        except OSError as exc:
            raise OperationalError(*_LOST) from exc
        if not chunk:
            raise OperationalError(*_LOST)
        self._unread += chunk

    def _require_order(self, block: bytearray, starts: Any) -> None:
        """Raise an InternalError for a packet that is not the next one."""
        numbers = np.frombuffer(block, np.uint8)[starts + _HEADER_BYTES - 1]
        if not (numbers == (self._number + np.arange(len(numbers))) % 256).all():
            raise InternalError("a packet is missing, or came twice")
        self._number += len(numbers) + self._joined
        self._joined = 0


def columns(block: bytearray, starts: Any, schema: pa.Schema, first_row: int) -> list[Column]:
    """Return the columns of rows, at least one; rows count from 1 in messages.

    Raises:
        InternalError: they do not hold such columns.

    """
    block += _MARGIN
    found = Block(block)
    at, ends = starts[:-1] + _HEADER_BYTES, starts[1:]
    result = []
    for one in schema:
        sizes, at = _sizes(found, at)
        result.append(Column(found, at, sizes, one, first_row))
        at = at + result[-1].sizes
        if (at > ends).any():
            raise InternalError("a row ends before its last column")
    if not (at == ends).all():
        raise InternalError("a row does not end where its last column does")
    return result


def _sizes(block: Block, at: Any) -> tuple[Any, Any]:
    """Return the sizes of the values that begin at these places, -1 for NULL, and where their bytes are."""
    first = block.bytes[at]
    sizes, at = first.astype(np.int64), at + 1
    if first.max() <= _LAST_SIZE:
        return sizes, at
    sizes[first == _NULL] = -1
    for mark, (kind, count) in _SIZES.items():
        if (is_long := first == mark).any():
            long = block.numbers(kind, at[is_long]).astype(np.int64)
            sizes[is_long] = long & _MAX_PAYLOAD if count == 3 else long
            at[is_long] += count
    if (first > _LAST_MARK).any() or (sizes < -1).any():
        raise InternalError("a value has no size")
    return sizes, at
