"""Rows of PostgreSQL's binary COPY as Arrow arrays: the values of a column all at once, in numpy.

The layout is that of PostgreSQL's documentation, "COPY", "Binary Format", and of the send function of each type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from qualytics.connectors.shared import arrow

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable

SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_FLAGS_BYTES = 4
# Seconds and days from 1970-01-01, where Arrow begins to count, to 2000-01-01, where PostgreSQL does.
_EPOCH_DAYS = 10_957
_EPOCH_US = _EPOCH_DAYS * 86_400_000_000
_END_OF_DAY_US = 86_400_000_000
_INT32, _INT64 = np.iinfo(np.int32), np.iinfo(np.int64)
_NEGATIVE, _NAN = 0x4000, 0xC000
# Digits in each group of a numeric, groups that are read at once, and digits that 64 bits hold.
_GROUP, _GROUP_LIMIT, _GROUPS, _INT64_DIGITS = 4, 10_000, 4, 18
_POWERS = 10 ** np.arange(_INT64_DIGITS + 1)
# Of what is read at once at any place of a block: so many bytes stand behind its last one.
_MARGIN = bytes(8)


def without_header(message: bytes) -> bytes:
    """Return the first message of a COPY without the header that stands before its first row.

    Raises:
        ValueError: it has none.

    """
    at = len(SIGNATURE) + _FLAGS_BYTES
    extension = int.from_bytes(message[at : at + 4])
    if not message.startswith(SIGNATURE) or len(message) < at + 4 + extension:
        raise ValueError("what the server sent does not begin as COPY does")
    return message[at + 4 + extension :]


class _Block:
    """The bytes of some rows, of which numbers are read that begin anywhere."""

    def __init__(self, rows: bytearray) -> None:
        self.bytes = np.frombuffer(rows, np.uint8)
        self._views: dict[str, tuple[Any, Any]] = {}

    def numbers(self, kind: str, at: Any) -> Any:
        """Return the numbers of a big-endian dtype at these places, in the order of bytes of this machine."""
        if kind not in self._views:
            dtype = np.dtype(kind)
            # From one number of this view to the next it is one byte.
            shape = (len(self.bytes) - dtype.itemsize + 1,)
            view: Any = np.ndarray(shape, dtype, self.bytes, strides=(1,))  # type: ignore[call-overload]  # any buffer
            self._views[kind] = view, dtype.newbyteorder("=")
        view, native = self._views[kind]
        return view[at].astype(native)


class Column:
    """A column of a block: where its values stand (`at`), of how many bytes, and which rows have none (`is_null`)."""

    def __init__(self, block: _Block, at: Any, sizes: Any, one: pa.Field, first_row: int) -> None:
        self._block, self._one, self._first_row = block, one, first_row
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

    def numbers(self, kind: str, offset: int = 0, size: int | None = None) -> Any:
        """Return the numbers of a dtype at an offset of each value; 0 where there is none.

        Raises:
            ValueError: a value has another size than the number, or than `size`.

        """
        size = size or np.dtype(kind).itemsize
        if self._fixed_size != size and not (self.is_null | (self.sizes == size)).all():
            raise ValueError(f"a value of {self._one.type} has not {size} bytes")
        values = self.numbers_at(kind, self.at + offset if offset else self.at)
        if self.has_nulls:
            values[self.is_null] = 0
        return values

    def numbers_at(self, kind: str, at: Any) -> Any:
        """Return the numbers of a dtype at these places of the block."""
        return self._block.numbers(kind, at)

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
            raise self.unfit(is_beyond, arrow.Unfit(f"the value is beyond {self._one.type}"))

    def unfit(self, where: Any, exc: arrow.Unfit) -> Exception:
        """Return the refusal of the first row for which `where` is true."""
        return arrow.unfit(self._one.name, self._first_row + int(where.argmax()), exc)

    def array(self, values: Any) -> pa.Array:
        """Return an array of the column's type over values in Arrow's layout."""
        return pa.Array.from_buffers(self._one.type, len(self), [self._validity(), pa.py_buffer(values)])

    def as_bytes(self) -> pa.Array:
        """Return the values as they stand, as an array of bytes."""
        # Between two values there is a third one, of which nobody makes use: so that nothing is copied twice.
        ends = np.empty(2 * len(self), np.int32)
        ends[0::2], ends[1::2] = self.at, self.at + self.sizes
        if self.has_nulls:  # offsets may not fall
            np.maximum.accumulate(ends, out=ends)
        every = pa.BinaryArray.from_buffers(
            pa.binary(), max(len(ends) - 1, 0), [None, pa.py_buffer(ends), pa.py_buffer(self._block.bytes)]
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
            return values.cast(self._one.type)
        except pa.ArrowInvalid:
            return self.converted(lambda value: arrow.text_of(value, invalid_text))

    def converted(self, convert: Callable[[bytes], Any]) -> pa.Array:
        """Return an array of the column's type, of values that are made one at a time.

        Raises:
            Refusal: a value does not fit.

        """
        return arrow.converted(self.as_bytes().to_pylist(), convert, self._one, self._first_row, "error")

    def _validity(self) -> pa.Buffer | None:
        return pa.py_buffer(np.packbits(~self.is_null, bitorder="little")) if self.has_nulls else None


def columns(rows: bytearray, lengths: array[int], schema: pa.Schema, first_row: int) -> list[Column]:
    """Return the columns of a block of rows, at least one, which have so many bytes each; rows count from 1 in messages.

    Raises:
        ValueError: they do not hold such columns.

    """
    rows += _MARGIN
    block = _Block(rows)
    ends = np.cumsum(np.frombuffer(lengths, np.int64))
    at = np.concatenate(([0], ends[:-1]))
    if not (block.numbers(">i2", at) == len(schema)).all():
        raise ValueError("a row of COPY has other columns than were described")
    at = at + 2
    result = []
    for one in schema:
        if at[-1] + 4 > ends[-1]:
            raise ValueError("a row of COPY ends before its last column")
        sizes = block.numbers(">i4", at)
        at = at + 4
        result.append(Column(block, at, sizes, one, first_row))
        at = at + result[-1].sizes
    if not (at == ends).all():
        raise ValueError("a row of COPY does not end where its last column does")
    return result


def decoder(kind: pa.DataType) -> Callable[[Column, str], pa.Array] | None:
    """Return what makes an array of a column whose values have the layout of this Arrow type's own; None if none does.

    It takes the column, and what becomes of special values, one of `reading.SPECIAL`.

    """
    if pa.types.is_decimal(kind):
        return lambda column, special: _decimal(column, kind, special)
    return next((make for check, make in _DECODERS if check(kind)), None)


def _number(kind: str) -> Callable[[Column, str], pa.Array]:
    return lambda column, _: column.array(column.numbers(kind))


def _boolean(column: Column, _special: str) -> pa.Array:
    return column.array(np.packbits(column.numbers(">u1") != 0, bitorder="little"))


def _date(column: Column, special: str) -> pa.Array:
    days = column.numbers(">i4")
    column.null_where((days == _INT32.min) | (days == _INT32.max), "an infinite date", special)
    return column.array(days + np.int32(_EPOCH_DAYS))


def _timestamp(column: Column, special: str) -> pa.Array:
    micros = column.numbers(">i8")
    column.null_where((micros == _INT64.min) | (micros == _INT64.max), "an infinite date", special)
    column.require(micros <= _INT64.max - _EPOCH_US)
    return column.array(micros + np.int64(_EPOCH_US))


def _time(column: Column, special: str) -> pa.Array:
    micros = column.numbers(">i8")
    column.null_where(micros == _END_OF_DAY_US, "24:00, the end of a day", special)
    return column.array(micros)


def _interval(column: Column, special: str) -> pa.Array:
    micros, days, months = (column.numbers(kind, offset, 16) for kind, offset in ((">i8", 0), (">i4", 8), (">i4", 12)))
    for end in ("min", "max"):
        ends = (micros == getattr(_INT64, end)) & (days == getattr(_INT32, end)) & (months == getattr(_INT32, end))
        column.null_where(ends, "an infinite interval", special)
    column.require(np.abs(micros // 1_000) <= _INT64.max // 1_000_000 - 1)
    values = np.empty(len(column), [("months", "=i4"), ("days", "=i4"), ("nanos", "=i8")])
    values["months"], values["days"], values["nanos"] = months, days, micros * 1_000
    return column.array(values)


def _decimal(column: Column, kind: pa.DataType, special: str) -> pa.Array:
    """Return decimals from groups of four digits, of which the first stands for 10,000 to the power of its weight."""
    header = column.numbers_at(">u8", column.at).view(np.int64)
    count, weight, sign = header >> 48 & 0xFFFF, header << 16 >> 48, header >> 16 & 0xFFFF
    if (sign > _NEGATIVE).any():
        column.null_where(sign == _NAN, "NaN among decimals", special)
        column.null_where(sign > _NAN, "an infinite decimal", special)
    if column.has_nulls:
        count = np.where(column.is_null, 0, count)
    if not (column.is_null | (column.sizes == 8 + 2 * count)).all():
        raise ValueError("a decimal has another number of digits than it says")
    _require_digits(column, kind, count, weight)
    most, heaviest = int(count.max()), int(np.where(count == 0, -1, weight).max())
    if most <= _GROUPS and _GROUP * (heaviest + 1) + kind.scale <= _INT64_DIGITS:
        value = _small(column, count, weight, kind.scale)
        words = np.empty((len(column), kind.bit_width // 64), np.int64)
        words[:, 0] = np.where(sign == _NEGATIVE, -value, value)
        words[:, 1:] = (words[:, 0] >> 63)[:, None]
        return column.array(words)
    large = _Large(len(column), kind)
    last = -(-kind.scale // _GROUP)
    for power in range(heaviest, -last - 1, -1):
        number = weight - power
        is_there = (number >= 0) & (number < count)
        group = column.numbers_at(">u2", np.where(is_there, column.at + 8 + 2 * number, 0))
        group = np.where(is_there, group, 0).astype(np.int64)
        shift = _GROUP
        if power == -last and last > 0:
            shift = kind.scale - _GROUP * (last - 1)
            group, rest = np.divmod(group, 10 ** (_GROUP - shift))
            column.require(rest == 0)
        large.append(group, 10**shift)
    return column.array(large.finished(sign == _NEGATIVE))


def _require_digits(column: Column, kind: pa.DataType, count: Any, weight: Any) -> None:
    """Raise a Refusal for a decimal with more digits before or behind the point than its type has."""
    before, last = kind.precision - kind.scale, -(-kind.scale // _GROUP)
    first = -(-before // _GROUP) - 1
    is_kept = weight < first
    if not is_kept.all():
        lead = column.numbers_at(">u2", column.at + 8)
        is_kept |= (weight == first) & (lead < 10 ** (before - _GROUP * first))
    column.require((count == 0) | (is_kept & (weight - count + 1 >= -last)))


def _small(column: Column, count: Any, weight: Any, scale: int) -> Any:
    """Return whole numbers of at most four groups, in 64 bits, each times 10 to the power of the scale."""
    groups = column.numbers_at(">u8", column.at + 8)
    # Behind its last group there is the next column.
    groups = np.where(count == 0, 0, groups >> (16 * np.minimum(_GROUPS - count, _GROUPS - 1)).astype(np.uint64))
    value = np.zeros(len(column), np.int64)
    for shift in (48, 32, 16, 0):
        value = value * _GROUP_LIMIT + (groups >> np.uint64(shift) & np.uint64(0xFFFF)).astype(np.int64)
    power = np.where(count == 0, 0, _GROUP * (weight - count + 1) + scale)
    if (is_finer := power < 0).any():
        value, rest = np.divmod(value, np.where(is_finer, _POWERS[np.where(is_finer, -power, 0)], 1))
        column.require(rest == 0)
        power = np.maximum(power, 0)
    return value * _POWERS[power]


class _Large:
    """Whole numbers, made of groups of digits from the first to the last, in limbs of 32 bits, the lowest first."""

    def __init__(self, rows: int, kind: pa.DataType) -> None:
        self._limbs = np.zeros((kind.bit_width // 32, rows), np.uint64)

    def append(self, group: Any, limit: int) -> None:
        carry = group.astype(np.uint64)
        for limb in self._limbs:
            carry += limb * np.uint64(limit)
            limb[:] = carry & np.uint64(0xFFFF_FFFF)
            carry >>= np.uint64(32)

    def finished(self, is_negative: Any) -> Any:
        carry = is_negative.astype(np.uint64)
        flip = np.where(is_negative, np.uint64(0xFFFF_FFFF), np.uint64(0))
        for limb in self._limbs:
            carry += limb ^ flip
            limb[:] = carry & np.uint64(0xFFFF_FFFF)
            carry >>= np.uint64(32)
        return np.ascontiguousarray(self._limbs.astype("<u4").T)


_DECODERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[Column, str], pa.Array]], ...] = (
    (pa.types.is_boolean, _boolean),
    (pa.types.is_int16, _number(">i2")),
    (pa.types.is_int32, _number(">i4")),
    (pa.types.is_int64, _number(">i8")),
    (pa.types.is_uint32, _number(">u4")),
    (pa.types.is_float32, _number(">f4")),
    (pa.types.is_float64, _number(">f8")),
    (pa.types.is_date32, _date),
    (pa.types.is_timestamp, _timestamp),
    (pa.types.is_time64, _time),
    (pa.types.is_interval, _interval),
    (pa.types.is_binary, lambda column, _: column.as_bytes()),
)
