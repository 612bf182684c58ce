"""Values of PostgreSQL's types, as its send functions write them, as Arrow arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

    from qualytics.connectors.shared.columns import Column

# Seconds and days from 1970-01-01, where Arrow begins to count, to 2000-01-01, where PostgreSQL does.
_EPOCH_DAYS = 10_957
_EPOCH_US = _EPOCH_DAYS * 86_400_000_000
_END_OF_DAY_US = 86_400_000_000
_INT32, _INT64 = np.iinfo(np.int32), np.iinfo(np.int64)
_NEGATIVE, _NAN = 0x4000, 0xC000
# Digits in each group of a numeric, what its 16 bits are taken with, groups that are read at once, and digits that 64 bits hold.
_GROUP, _GROUP_MASK, _GROUPS, _INT64_DIGITS = 4, np.uint64(0xFFFF), 4, 18


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
    column.null_where(micros > _INT64.max - _EPOCH_US, "a timestamp after the year 294,247", special)
    return column.array(micros + np.int64(_EPOCH_US))


def _time(column: Column, special: str) -> pa.Array:
    micros = column.numbers(">i8")
    column.null_where(micros == _END_OF_DAY_US, "24:00, the end of a day", special)
    return column.array(micros)


def _interval(column: Column, special: str) -> pa.Array:
    micros, days, months = (column.numbers(kind, offset) for kind, offset in ((">i8", 0), (">i4", 8), (">i4", 12)))
    for end in ("min", "max"):
        ends = (micros == getattr(_INT64, end)) & (days == getattr(_INT32, end)) & (months == getattr(_INT32, end))
        column.null_where(ends, "an infinite interval", special)
    is_beyond = np.abs(micros // 1_000) > _INT64.max // 1_000_000 - 1
    column.null_where(is_beyond, "an interval of more than 2,562,046 hours", special)
    values = np.empty(len(column), [("months", "=i4"), ("days", "=i4"), ("nanos", "=i8")])
    values["months"], values["days"], values["nanos"] = months, days, micros * 1_000
    return column.array(values)


def _decimal(column: Column, kind: pa.DataType, special: str) -> pa.Array:
    """Return decimals from groups of four digits, of which the first stands for 10,000 to the power of its weight."""
    # Both at once: what stands behind the groups of a decimal with fewer is not looked at.
    both = column.block.records("V16", column.at)
    header, groups = both.getfield(">i8").astype(np.int64), both.getfield(">u8", 8).astype(np.uint64)
    count, weight, sign = header >> 48 & 0xFFFF, header << 16 >> 48, header >> 16 & 0xFFFF
    if (sign > _NEGATIVE).any():
        column.null_where(sign == _NAN, "NaN among decimals", special)
        column.null_where(sign > _NAN, "an infinite decimal", special)
    if column.has_nulls:
        count = np.where(column.is_null, 0, count)
    if not (column.is_null | (column.sizes == 8 + 2 * count)).all():
        raise ValueError("a decimal has another number of digits than it says")
    _require_digits(column, kind, count, weight)
    heaviest, last = int(np.where(count == 0, -1, weight).max()), -(-kind.scale // _GROUP)
    if heaviest + last < _GROUPS and _GROUP * (heaviest + 1) + kind.scale <= _INT64_DIGITS:
        value = _small(column, groups, count, heaviest - weight, kind.scale + _GROUP * heaviest)
        words = np.empty((len(column), kind.bit_width // 64), np.int64)
        words[:, 0] = np.where(sign == _NEGATIVE, -value, value)
        words[:, 1:] = (words[:, 0] >> 63)[:, None]
        return column.array(words)
    large = _Large(len(column), kind)
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


def _small(column: Column, groups: Any, count: Any, lacking: Any, power: int) -> Any:
    """Return whole numbers of at most four groups, whose first stands for 10 to a power where it lacks no groups before."""
    # Behind the last group of a value there is the next column. A shift by 64 bits or more leaves nothing.
    behind = (16 * (_GROUPS - count)).astype(np.uint64)
    groups = groups >> behind << behind >> (16 * lacking).astype(np.uint64)
    value = np.zeros(len(column), np.uint64)
    for shift in (48, 32, 16, 0):
        if power <= -_GROUP:
            break
        group = groups >> np.uint64(shift) & _GROUP_MASK
        if power < 0:
            group, rest = np.divmod(group, np.uint64(10**-power))
            column.require(rest == 0)
        value += group * np.uint64(10 ** max(power, 0))
        power -= _GROUP
    return value.view(np.int64)


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
