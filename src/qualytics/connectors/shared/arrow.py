"""What reads share: fields of Arrow schemas, values that no Arrow type holds, and dates of any year.

It imports pyarrow, and is itself imported by the child process of a read alone.
"""

from __future__ import annotations

import decimal
import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from qualytics.connectors.contract import Refusal, refuse
from qualytics.connectors.reading import DATABASE_TYPE, NOTE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# Digits of a decimal that 128 and 256 bits hold.
_DECIMAL128, _DECIMAL256 = 38, 76
# A batch ends at this many bytes, however few its rows are.
BATCH_BYTES = 16 << 20
_DAY_US = 86_400_000_000
_SPECIAL_HINT = "--special null reads such values as NULL, --special text the whole column as text"


def field(
    name: str, arrow_type: pa.DataType, database_type: str, note: str = "", metadata: Mapping[str, str] | None = None
) -> pa.Field:
    """Return a field with what a receipt says of its column; a `note` tells how it came over, where not as it is.

    `metadata` is what its reader itself needs to know of it.
    """
    return pa.field(name, arrow_type, metadata={DATABASE_TYPE: database_type, NOTE: note, **(metadata or {})})


def decimal_type(precision: int, scale: int) -> pa.DataType | None:
    """Return the type that holds decimals of so many digits, None when there is none."""
    if scale < 0:  # digits before the point alone, the last ones zero
        precision, scale = precision - scale, 0
    precision = max(precision, scale, 1)
    if precision <= _DECIMAL128:
        return pa.decimal128(precision, scale)
    return pa.decimal256(precision, scale) if precision <= _DECIMAL256 else None


class Unfit(ValueError):
    """A value that the Arrow type of its column cannot hold; `what` says of which kind it is, never which."""

    def __init__(self, what: str, hint: str = _SPECIAL_HINT, *, is_special: bool = True) -> None:
        super().__init__(what)
        self.what, self.hint, self.is_special = what, hint, is_special


def unfit(column: str, row: int, exc: Unfit) -> Refusal:
    """Return the refusal of a value; rows count from 1 within their partition."""
    return refuse("config", f"column {column!r}, row {row:,}: {exc.what}", exc.hint)


def converted(
    values: Sequence[Any], convert: Callable[[Any], Any], one: pa.Field, first_row: int, special: str
) -> pa.Array:
    """Return the array of a column, of values converted one at a time; None stays null.

    With `special` null a special value that does not fit becomes null, too.

    Raises:
        Refusal: a value does not fit.

    """
    result: list[Any] = []
    for row, value in enumerate(values, first_row):
        try:
            result.append(None if value is None else convert(value))
        except Unfit as exc:
            if special != "null" or not exc.is_special:
                raise unfit(one.name, row, exc) from None
            result.append(None)
    try:
        return pa.array(result, one.type)
    except (pa.ArrowInvalid, OverflowError):
        for row, value in enumerate(result, first_row):
            try:
                pa.scalar(value, one.type)
            except (pa.ArrowInvalid, OverflowError):
                raise unfit(one.name, row, Unfit(f"the value is beyond {one.type}")) from None
        raise


def text_of(value: bytes, invalid_text: str) -> str:
    """Return the text of bytes; those that are none in hexadecimal digits where `invalid_text` is hex.

    Raises:
        Unfit: they are no text.

    """
    try:
        return value.decode()
    except UnicodeDecodeError:
        if invalid_text == "hex":
            return "\\x" + value.hex()
        hint = "--invalid-text hex reads such values as hexadecimal digits"
        raise Unfit("bytes that are no text", hint, is_special=False) from None


_DATE = re.compile(
    r"(\d{4,})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?(?:([+-])(\d\d)(?::(\d\d)(?::(\d\d))?)?)?( BC)?"
)
_TIME = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?")


def days(text: str) -> int:
    """Return the days of an ISO date since 1970-01-01, in the Gregorian calendar at any time; `BC` stands behind.

    Raises:
        Unfit: it is no finite date.

    """
    return microseconds(text) // _DAY_US


def microseconds(text: str) -> int:
    """Return the microseconds of an ISO timestamp since 1970-01-01, of UTC where it has an offset.

    Raises:
        Unfit: it is no finite timestamp.

    """
    match = _DATE.fullmatch(text)
    if match is None:
        raise Unfit("an infinite date" if "infinity" in text else "no date of the calendar")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    sign, *offset = match.groups()[7:11]
    seconds = (hour * 60 + minute) * 60 + second
    if sign:
        hours, minutes, more = (int(part or 0) for part in offset)
        seconds -= int(f"{sign}1") * ((hours * 60 + minutes) * 60 + more)
    year = 1 - year if match[12] else year
    fraction = int((match[7] or "").ljust(6, "0"))
    return _days_of(year, month, day) * _DAY_US + seconds * 1_000_000 + fraction


def _days_of(year: int, month: int, day: int) -> int:
    # The year begins in March, so that a leap day is its last one; 146,097 days are 400 years.
    year -= month <= 2
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def time_of_day(text: str) -> int:
    """Return the microseconds of a time since midnight.

    Raises:
        Unfit: it is the end of a day, 24:00, which Arrow has no time for.

    """
    match = _TIME.fullmatch(text)
    if match is None or match[1] >= "24":
        raise Unfit("24:00, the end of a day")
    hour, minute, second = (int(part) for part in match.groups()[:3])
    return ((hour * 60 + minute) * 60 + second) * 1_000_000 + int((match[4] or "").ljust(6, "0"))


def as_decimal(text: str) -> decimal.Decimal:
    """Return a finite decimal.

    Raises:
        Unfit: it is NaN or infinite.

    """
    value = decimal.Decimal(text)
    if not value.is_finite():
        raise Unfit("NaN among decimals" if value.is_nan() else "an infinite decimal")
    return value
