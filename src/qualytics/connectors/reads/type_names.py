"""Columns whose values come as texts, by the name that an engine has for their type, as in `decimal(10,2)`."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from qualytics.connectors.reading import NULLED, Query
from qualytics.connectors.reads.cursors import Column
from qualytics.connectors.shared import arrow

if TYPE_CHECKING:
    from collections.abc import Callable

SIMPLE = {
    **dict.fromkeys(("boolean", "bool"), pa.bool_()),
    **dict.fromkeys(("tinyint", "byte"), pa.int8()),
    **dict.fromkeys(("smallint", "short"), pa.int16()),
    **dict.fromkeys(("integer", "int"), pa.int32()),
    **dict.fromkeys(("bigint", "long"), pa.int64()),
    **dict.fromkeys(("real", "float"), pa.float32()),
    **dict.fromkeys(("double", "double precision"), pa.float64()),
    **dict.fromkeys(("varbinary", "binary", "bytes"), pa.binary()),
    "date": pa.date32(),
}
_TEXTS = frozenset({"varchar", "char", "string", "text", "character varying", "character"})
_NAME = re.compile(
    r"(?P<base>[a-z_ ]+?)\s*(?:\((?P<arguments>[^()]*)\))?(?P<rest>(?: with(?:out)?(?: local)? time zone)?)"
)
_ARRAY = re.compile(r"array\s*[(<](?P<element>.*)[)>]")
_BETWEEN = re.compile(r"(?<=\d)T(?=\d)")
_SHORT_OFFSET = re.compile(r"([+-])(\d)(?=:\d\d$)")  # of HSQLDB, as +2:00
_NANOS = re.compile(r"\.(\d{6})(\d{1,3})")
# Fractions of a second that Arrow's units hold.
_MICROS_DIGITS, _NANOS_DIGITS = 6, 9
_AS_JSON = "as text: JSON"


class TypeName:
    """The parts of a type's name: `base` without arguments and time zone, both in lower case."""

    def __init__(self, text: str) -> None:
        match = _NAME.fullmatch(text.strip().lower())
        self.base = match["base"] if match else ""
        self.arguments = [int(part) for part in re.findall(r"\d+", match["arguments"] or "")] if match else []
        self.zone = match["rest"].strip() if match else ""


def type_of(text: str, default_digits: int) -> pa.DataType | None:
    """Return the Arrow type that a type's name means, None where there is none but text.

    `default_digits` are those behind the second where a timestamp or time has no other.
    """
    name = TypeName(text)
    if name.base in SIMPLE:
        return SIMPLE[name.base]
    if name.base in _TEXTS:
        return pa.string()
    if name.base in {"decimal", "numeric"} and name.arguments:
        return arrow.decimal_type(name.arguments[0], (*name.arguments, 0)[1])
    digits = next(iter(name.arguments), default_digits)
    if name.base not in {"timestamp", "time", "datetime", "timestamp_ntz", "timestamp_ltz"} or digits > _NANOS_DIGITS:
        return None
    unit = "us" if digits <= _MICROS_DIGITS else "ns"
    if name.base == "time":
        return None if name.zone == "with time zone" else pa.time64(unit)
    return pa.timestamp(unit, "UTC" if name.zone.startswith("with ") or name.base == "timestamp_ltz" else None)


def column_of(name: str, text: str, query: Query, default_digits: int = 3) -> Column:
    """Return how a column comes over whose values the driver gives as the server wrote them."""
    if array := _ARRAY.fullmatch(text.strip().lower()):
        return _array_column(name, text, array["element"], default_digits)
    kind = type_of(text, default_digits)
    if kind is None:
        is_nested = TypeName(text).base == ""
        note = _AS_JSON if is_nested else "as text"
        return Column(arrow.field(name, pa.string(), text, "" if text.lower() in _TEXTS else note), as_text)
    if may_be_special(kind) and query.special == "text":
        return Column(arrow.field(name, pa.string(), text, "as text"), as_text)
    note = NULLED if may_be_special(kind) and query.special == "null" else ""
    is_parsed = not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind))
    return Column(
        arrow.field(name, kind, text, note), converter(kind), is_parsed=is_parsed and not pa.types.is_binary(kind)
    )


def may_be_special(kind: pa.DataType) -> bool:
    """Say whether an engine may have values of a type that Arrow's does not hold."""
    return bool(pa.types.is_temporal(kind) or pa.types.is_decimal(kind))


def as_text(value: Any) -> str:
    """Return a value as text: that of a nested type as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def converter(kind: pa.DataType) -> Callable[[Any], Any]:
    """Return what makes of a server's text, or a number of JSON, a value that Arrow takes.

    It raises Unfit.
    """
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        return nanoseconds
    return next(convert for check, convert in _CONVERTERS if check(kind))


def _array_column(name: str, text: str, element: str, default_digits: int) -> Column:
    kind = None if _ARRAY.fullmatch(element) else type_of(element, default_digits)
    if kind is None or TypeName(element).zone:
        return Column(arrow.field(name, pa.string(), text, _AS_JSON), as_text)
    convert = converter(kind)

    def convert_all(values: list[Any]) -> list[Any]:
        return [None if value is None else convert(value) for value in values]

    return Column(arrow.field(name, pa.list_(kind), text), convert_all)


def spelled(text: str) -> str:
    """Return a date or timestamp of ISO 8601 as `arrow.microseconds` takes it; years before 1 are negative, or 0."""
    text = _SHORT_OFFSET.sub(r"\g<1>0\2", _BETWEEN.sub(" ", text.strip()))
    for zone in ("Z", " UTC"):
        if text.endswith(zone):
            text = text.removesuffix(zone) + "+00"
    if text.startswith("-"):
        year, _, rest = text[1:].partition("-")
        return f"{int(year) + 1:04}-{rest} BC"
    if text.startswith("0000-"):
        return f"0001-{text[5:]} BC"
    return text.removeprefix("+")


def days(text: str) -> int:
    """Return the days of a date since 1970-01-01."""
    return arrow.days(spelled(text))


def microseconds(text: str) -> int:
    """Return the microseconds of a timestamp since 1970-01-01.

    Raises:
        Unfit: it is none, or a finer one.

    """
    match = _NANOS.search(text)
    if match is not None and match[2].strip("0"):
        raise arrow.Unfit("a timestamp that is finer than microseconds")
    return arrow.microseconds(spelled(_NANOS.sub(r".\1", text)))


def nanoseconds(text: str) -> int:
    """Return the nanoseconds of a timestamp since 1970-01-01."""
    more = 0

    def cut(match: re.Match[str]) -> str:
        nonlocal more
        more = int(match[2].ljust(3, "0"))
        return f".{match[1]}"

    value = microseconds(_NANOS.sub(cut, text)) * 1_000 + more
    if not -(1 << 63) <= value < 1 << 63:
        raise arrow.Unfit("a timestamp beyond what nanoseconds count")
    return value


def _time(text: str) -> int:
    match = _NANOS.search(text)
    if match is not None and match[2].strip("0"):
        raise arrow.Unfit("a time that is finer than microseconds")
    return arrow.time_of_day(_NANOS.sub(r".\1", text))


def _nano_time(text: str) -> int:
    match = _NANOS.search(text)
    return arrow.time_of_day(_NANOS.sub(r".\1", text)) * 1_000 + (int(match[2].ljust(3, "0")) if match else 0)


def _boolean(value: Any) -> bool:
    return value if isinstance(value, bool) else {"true": True, "false": False}[value.lower()]


_CONVERTERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[Any], Any]], ...] = (
    (pa.types.is_boolean, _boolean),
    (pa.types.is_integer, int),
    (pa.types.is_floating, float),
    (pa.types.is_decimal, lambda value: arrow.as_decimal(str(value))),
    (pa.types.is_date32, days),
    (pa.types.is_timestamp, microseconds),
    (lambda kind: pa.types.is_time64(kind) and kind.unit == "ns", _nano_time),
    (pa.types.is_time64, _time),
    (pa.types.is_binary, base64.b64decode),
    (pa.types.is_string, as_text),
)
