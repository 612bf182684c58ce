"""Columns of rows that stand in a block of bytes, as a server sent them: the values of each all at once, in numpy."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from qualytics.connectors.shared import arrow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Block:
    """The bytes of some rows, of which numbers are read that begin anywhere."""

    def __init__(self, rows: bytearray) -> None:
        self.bytes = np.frombuffer(rows, np.uint8)
        self._views: dict[str, Any] = {}

    def numbers(self, kind: str, at: Any) -> Any:
        """Return the numbers of a dtype at these places, in the order of bytes of this machine."""
        return self.records(kind, at).astype(native(kind))

    def records(self, kind: str, at: Any) -> Any:
        """Return what stands at these places, as values of a dtype."""
        if kind not in self._views:
            dtype = np.dtype(kind)
            # From one value of this view to the next it is one byte.
            shape = (len(self.bytes) - dtype.itemsize + 1,)
            self._views[kind] = np.ndarray(shape, dtype, self.bytes, strides=(1,))
        return self._views[kind][at]


class Column:
    """A column of a block: where its values stand (`at`), of how many bytes, and which rows have none (`is_null`)."""

    def __init__(self, block: Block, at: Any, sizes: Any, one: pa.Field, first_row: int) -> None:
        self.block, self.one, self.first_row = block, one, first_row
        least, most = int(sizes.min()), int(sizes.max())
        self.has_nulls = least < 0
        self.is_null = sizes < 0
        # Of NULL there are no bytes; a number that is read for it counts for nothing.
        self.at = np.where(self.is_null, 0, at) if self.has_nulls else at
        self.sizes = np.maximum(sizes, 0) if self.has_nulls else sizes
        self._fixed_size = most if least == most else None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.at)

    def numbers(self, kind: str, offset: int = 0) -> Any:
        """Return the numbers of a dtype at an offset of each value; 0 where there is none.

        Raises:
            ValueError: a value has another size than those of its type.

        """
        size = size_of(self.one.type)
        if self._fixed_size != size and not (self.is_null | (self.sizes == size)).all():
            raise ValueError(f"a value of {self.one.type} has not {size} bytes")
        values = self.numbers_at(kind, self.at + offset if offset else self.at)
        if self.has_nulls:
            values[self.is_null] = 0
        return values

    def numbers_at(self, kind: str, at: Any) -> Any:
        """Return the numbers of a dtype at these places of the block."""
        return self.block.numbers(kind, at)

    def null_where(self, is_special: Any, what: str, special: str) -> None:
        """Make special values NULL where `special` says so.

        Raises:
            Refusal: it does not, and there is one.

        """
        if not is_special.any() or not (is_special := is_special & ~self.is_null).any():
            return
        if special != "null":
            raise self.unfit(is_special, arrow.Unfit(what))
        self.is_null, self.has_nulls = self.is_null | is_special, True

    def require(self, is_kept: Any) -> None:
        """Raise a Refusal for the first value that its Arrow type does not hold."""
        if not is_kept.all() and (is_beyond := ~(is_kept | self.is_null)).any():
            raise self.unfit(is_beyond, arrow.Unfit(f"the value is beyond {self.one.type}"))

    def unfit(self, where: Any, exc: arrow.Unfit) -> Exception:
        """Return the refusal of the first row for which `where` is true."""
        return arrow.unfit(self.one.name, self.row_of(int(where.argmax())), exc)

    def row_of(self, number: int) -> int:
        """Return the row of the value of a number, which counts from 0 in this block."""
        return self.first_row + number

    def array(self, values: Any, children: Sequence[pa.Array] = ()) -> pa.Array:
        """Return an array of the column's type over values in Arrow's layout."""
        buffers = [self._validity(), pa.py_buffer(values)]
        return pa.Array.from_buffers(self.one.type, len(self), buffers, children=list(children))

    def as_bytes(self) -> pa.Array:
        """Return the values as they stand, as an array of bytes."""
        # Between two values there is a third one, of which nobody makes use: so that nothing is copied twice.
        ends = np.empty(2 * len(self), np.int32)
        ends[0::2], ends[1::2] = self.at, self.at + self.sizes
        if self.has_nulls:  # offsets may not fall
            np.maximum.accumulate(ends, out=ends)
        every = pa.BinaryArray.from_buffers(
            pa.binary(), max(len(ends) - 1, 0), [None, pa.py_buffer(ends), pa.py_buffer(self.block.bytes)]
        )
        chosen = np.arange(0, len(ends), 2, dtype=np.int32)
        places = pa.Array.from_buffers(pa.int32(), len(self), [self._validity(), pa.py_buffer(chosen)])
        return every.take(places)

    def texts(self, invalid_text: str) -> pa.Array:
        """Return the values as texts; `invalid_text` is one of `reading.INVALID_TEXT`.

        Raises:
            Refusal: bytes are no text.

        """
        values = self.as_bytes()
        try:
            return values.cast(self.one.type)
        except pa.ArrowInvalid:
            return self.converted(lambda value: arrow.text_of(value, invalid_text))

    def converted(self, convert: Callable[[bytes], Any]) -> pa.Array:
        """Return an array of the column's type, of values that are made one at a time.

        Raises:
            Refusal: a value does not fit.

        """
        result = []
        for number, value in enumerate(self.as_bytes().to_pylist()):
            try:
                result.append(None if value is None else convert(value))
            except arrow.Unfit as exc:
                raise arrow.unfit(self.one.name, self.row_of(number), exc) from None
        return pa.array(result, self.one.type)

    def _validity(self) -> pa.Buffer | None:
        return pa.py_buffer(np.packbits(~self.is_null, bitorder="little")) if self.has_nulls else None


@functools.cache
def native(kind: str) -> Any:
    """Return a dtype in the order of bytes of this machine."""
    return np.dtype(kind).newbyteorder("=")


@functools.cache
def size_of(kind: pa.DataType) -> int:
    """Return the bytes of each value of a type; 0 where they are not all of one size."""
    return next((size for check, size in _SIZES if check(kind)), 0)


_SIZES = (
    (pa.types.is_boolean, 1),
    (pa.types.is_int16, 2),
    *((check, 4) for check in (pa.types.is_int32, pa.types.is_uint32, pa.types.is_float32, pa.types.is_date32)),
    *((check, 8) for check in (pa.types.is_int64, pa.types.is_float64, pa.types.is_timestamp, pa.types.is_time64)),
    (pa.types.is_interval, 16),
)
