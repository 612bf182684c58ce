"""Values of Arrow arrays as texts, for CSV, JSON and tables; each text means one value."""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import compute

from qualytics.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

_DAY_NS = 86_400_000_000_000
_UNITS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}


def as_texts(column: pa.Array) -> list[str | None]:
    """Return the values of an array as texts: dates as ISO 8601, bytes in hexadecimal digits, lists as JSON."""
    make = _text_of(column.type)
    if pa.types.is_nested(column.type):
        return [None if value is None else json.dumps(value, ensure_ascii=False) for value in as_json_values(column)]
    if make is None:
        return list(compute.cast(column, pa.string()).to_pylist())
    return [None if value is None else make(value) for value in _values(column)]


def _values(column: pa.Array) -> list[Any]:
    """Return values as the functions below take them: days of a date, nanoseconds of what else is of time."""
    if pa.types.is_date32(column.type):
        column = column.cast(pa.int32())
    elif pa.types.is_timestamp(column.type) or pa.types.is_duration(column.type):
        unit = _UNITS[column.type.unit]  # as numbers of Python: 64 bits hold nanoseconds of few years
        return [None if value is None else value * unit for value in column.cast(pa.int64()).to_pylist()]
    return list(column.to_pylist())


def _text_of(kind: pa.DataType) -> Callable[[Any], str] | None:
    if pa.types.is_timestamp(kind) and kind.tz:
        return lambda nanos: _timestamp(nanos) + "Z"
    return next((make for check, make in _TEXTS if check(kind)), None)


def as_json_values(column: pa.Array) -> list[Any]:
    """Return values that JSON holds exactly: numbers but decimals, true and false, lists and objects; else texts.

    Raises:
        UsageError: there are none, as of unions.

    """
    kind = column.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return list(column.to_pylist())
    if pa.types.is_floating(kind):
        return [value if value is None or isfinite(value) else _NAMES[repr(value)] for value in column.to_pylist()]
    if pa.types.is_struct(kind):
        names = [one.name for one in kind]
        if len(set(names)) < len(names):
            raise UsageError("a struct has two members of one name, which no text can hold", _HINT)
        columns = [as_json_values(part) for part in column.flatten()]
        rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        return [row if is_valid else None for row, is_valid in zip(rows, column.is_valid().to_pylist(), strict=True)]
    if (
        pa.types.is_map(kind)
        or pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
    ):
        return [None if one.values is None else as_json_values(one.values) for one in column]
    if pa.types.is_nested(kind):
        raise UsageError(f"there is no text for values of the type {kind}", _HINT)
    return as_texts(column)


_HINT = "--format arrow writes them as they are"
_NAMES = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _date(days: int) -> str:
    year, month, day = _civil(days)
    return f"{_year(year)}-{month:02}-{day:02}"


def _timestamp(nanos: int) -> str:
    days, rest = divmod(nanos, _DAY_NS)
    return f"{_date(days)}T{_clock(rest)}"


def _clock(nanos: int) -> str:
    seconds, fraction = divmod(nanos, 1_000_000_000)
    digits = f".{fraction:09}".removesuffix("000") if fraction else ""
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{digits}"


def _year(year: int) -> str:
    # ISO 8601: more than four digits, or a year before 0000, have a sign; 0000 is the year before 1.
    return f"{year:04}" if 0 <= year <= 9_999 else f"{year:+05}"


def _civil(days: int) -> tuple[int, int, int]:
    """Return year, month and day of days since 1970-01-01: in a year that begins in March, a leap day is the last."""
    era, of_era = divmod(days + 719_468, 146_097)
    year_of_era = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    return year_of_era + era * 400 + (month <= 2), month, day


def _duration(nanos: int) -> str:
    return ("-" if nanos < 0 else "") + _clock(abs(nanos))


def _interval(value: Any) -> str:
    seconds, nanos = divmod(abs(value.nanoseconds), 1_000_000_000)
    sign = "-" if value.nanoseconds < 0 else ""
    fraction = f".{nanos:09}".rstrip("0") if nanos else ""
    return f"P{value.months}M{value.days}DT{sign}{seconds}{fraction}S"


_TEXTS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[Any], str]], ...] = (
    (pa.types.is_boolean, lambda value: "true" if value else "false"),
    (pa.types.is_binary, lambda value: bytes(value).hex()),
    (pa.types.is_interval, _interval),
    (pa.types.is_decimal, lambda value: f"{value:f}"),
    (pa.types.is_floating, repr),
    (pa.types.is_date32, _date),
    (pa.types.is_timestamp, _timestamp),
    (pa.types.is_duration, _duration),
)
