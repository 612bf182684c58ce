"""Reads of MySQL and MariaDB: rows as the server writes them, in one consistent snapshot where one session reads."""

from __future__ import annotations

import re
from calendar import monthrange
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pymysql.constants import FIELD_TYPE, FLAG

from qualytics.connectors.reading import NULLED, RANGES_PER_SESSION, Partition, Query, Snapshot, first_rows, ranges_of
from qualytics.connectors.reads import mysql_rows
from qualytics.connectors.shared import arrow
from qualytics.connectors.shared.statements import (
    counted,
    is_query_alone,
    no_column,
    no_ranges,
    ranges,
    real_bounds,
    require_columns,
    statement,
    whole_bounds,
)
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from qualytics.connectors.contract import Target
    from qualytics.connectors.shared.columns import Column

_BINARY = 63  # the character set of what is no text
_INTEGERS = {
    FIELD_TYPE.TINY: (pa.int8(), pa.uint8()),
    FIELD_TYPE.SHORT: (pa.int16(), pa.uint16()),
    FIELD_TYPE.INT24: (pa.int32(), pa.uint32()),
    FIELD_TYPE.LONG: (pa.int32(), pa.uint32()),
    FIELD_TYPE.LONGLONG: (pa.int64(), pa.uint64()),
    FIELD_TYPE.YEAR: (pa.int16(), pa.uint16()),
}
_TYPES = {
    FIELD_TYPE.FLOAT: pa.float32(),
    FIELD_TYPE.DOUBLE: pa.float64(),
    FIELD_TYPE.DATE: pa.date32(),
    FIELD_TYPE.NEWDATE: pa.date32(),
    FIELD_TYPE.DATETIME: pa.timestamp("us"),
    FIELD_TYPE.TIMESTAMP: pa.timestamp("us", "UTC"),
    FIELD_TYPE.TIME: pa.duration("us"),
    FIELD_TYPE.BIT: pa.string(),
}
_DECIMALS = frozenset({FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL})
# More digits than any decimal has.
_EXACT = Context(prec=100)
_FLOATS = frozenset({FIELD_TYPE.FLOAT, FIELD_TYPE.DOUBLE})
_DATED = frozenset({FIELD_TYPE.DATE, FIELD_TYPE.NEWDATE, FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP})
_NAMES = {number: name.lower() for name, number in vars(FIELD_TYPE).items() if not name.startswith("_")}
_NOTES = {
    FIELD_TYPE.TIME: "as a duration: up to 838 hours, or negative",
    FIELD_TYPE.BIT: "as text",
    FIELD_TYPE.GEOMETRY: "as stored: 4 bytes of SRID, then WKB",
}
_ZERO = re.compile(r"0000-|\d{4}-00|\d{4}-\d\d-00")
# Where the day of a date stands in its text, and the first one that not all months have.
_DAY_AT, _DAY_29 = 8, int.from_bytes(b"29")
_TIME = re.compile(r"(-?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?")


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    """Begin a session on an open connection; other sessions cannot join its snapshot."""
    del snapshot
    target.cancel = lambda: _cancelled(target, handle.thread_id())
    handle.decoders = {}  # values stay as the server writes them
    with handle.cursor() as cursor:
        if target.schema or target.database:
            handle.select_db(target.schema or target.database)
        cursor.execute("set session time_zone = '+00:00'")
        cursor.execute("set session transaction isolation level repeatable read")
        cursor.execute("start transaction with consistent snapshot, read only")
    return _Session(handle, query, schema)


class _Session:
    """One transaction; `schema` and `snapshot` as in `reading.Session`."""

    def __init__(self, handle: Any, query: Query, schema: pa.Schema | None) -> None:
        self._handle, self._query = handle, query
        self.snapshot = Snapshot("consistent snapshot of transactional tables") if query.parallel == 1 else None
        if query.columns and schema is None:
            require_columns(query, (one.name for one in self._described(replace(query, columns=()))))
        self._columns = self._described(query)
        self.schema = schema if schema is not None else pa.schema([_field(one, query) for one in self._columns])

    def partitions(self) -> Sequence[Partition]:
        """Return ranges of the column that is named; all rows in one without it."""
        return ranges_of(self._query, self._column_ranges)

    def batches(self, partition: Partition) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a partition."""
        return first_rows(self._batches(partition), self._query.limit)

    def _batches(self, partition: Partition) -> Iterator[pa.RecordBatch]:
        first = 1
        self._handle.query(self._selected(partition.predicate), unbuffered=True)
        for block, starts in mysql_rows.rows(self._handle, self._query.fetch_size):
            columns = mysql_rows.columns(block, starts, self.schema, first)
            arrays = [
                self._array(column, one, described, first)
                for column, one, described in zip(columns, self.schema, self._columns, strict=True)
            ]
            first += len(starts) - 1
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _selected(self, predicate: str | None) -> str:
        """Return the statement of the rows for which a predicate is true; MariaDB drops the order of a query within another."""
        floats = [one.type_code == FIELD_TYPE.FLOAT for one in self._columns]
        if predicate is None and is_query_alone(self._query, "mysql") and not any(floats):
            return str(self._query.sql)
        # The server writes floats of 32 bits with six digits, unless they become doubles.
        chosen = ", ".join(
            f"{_quoted(one.name)} + 0e0" if is_float else _quoted(one.name)
            for one, is_float in zip(self._columns, floats, strict=True)
        )
        return f"select {chosen} from (\n{statement(self._query, None, predicate, _quoted)}\n) as q"

    def count(self) -> int:
        """Return how many rows there are."""
        return int(self._one_row(counted(self._query, None, _quoted))[0])

    def _array(self, column: Column, one: pa.Field, described: Any, first: int) -> pa.Array:
        kind = one.type
        if described.type_code == FIELD_TYPE.BIT:
            return column.converted(lambda value: f"{int.from_bytes(value):0{described.length}b}")
        if pa.types.is_binary(kind):
            return column.as_bytes()
        if pa.types.is_string(kind):
            return column.texts(self._query.invalid_text)
        texts = column.as_bytes().cast(pa.string())
        try:
            if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
                # Without a zone, and of UTC.
                array = texts.cast(pa.timestamp("us") if pa.types.is_timestamp(kind) else kind)
                if _keeps_days(column, array):
                    return array.view(kind)
            elif not pa.types.is_duration(kind):
                return texts.cast(kind)
        except pa.ArrowInvalid:
            pass  # a zero date, or what pyarrow spells otherwise: value by value
        return arrow.converted(texts.to_pylist(), _converter(kind), one, first, self._query.special)

    def _described(self, query: Query) -> list[Any]:
        with self._handle.cursor() as cursor:
            cursor.execute(f"select * from (\n{statement(query, None, quote=_quoted)}\n) as q limit 0")
            return list(cursor._result.fields)  # noqa: SLF001 - the description of DB-API lacks flags and character set

    def _one_row(self, sql: str) -> tuple[Any, ...]:
        with self._handle.cursor() as cursor:
            cursor.execute(sql)
            return tuple(cursor.fetchone())

    def _column_ranges(self, name: str) -> list[str]:
        # It need not be one of those that are read.
        columns = self._described(replace(self._query, columns=())) if self._query.columns else self._columns
        described = next((one for one in columns if one.name == name), None)
        if described is None:
            raise no_column(name, (one.name for one in columns))
        column, code = _quoted(name), described.type_code
        if code == FIELD_TYPE.YEAR:  # it is compared with 70 as with 1970
            column = f"({column} + 0)"
        number = self._query.parallel * RANGES_PER_SESSION
        bounds: Sequence[str | int]
        if code in _DATED:
            bounds = self._days(column, number)
        elif code in _INTEGERS or code in _DECIMALS:
            low, high = (_unscaled(end, described.scale) for end in self._ends(column))
            bounds = [_scaled(bound, described.scale) for bound in whole_bounds(low, high, number)]
        elif code in _FLOATS:
            first, last = (None if end is None else float(end) for end in self._ends(column))
            bounds = real_bounds(first, last, number)
        else:
            raise no_ranges(name)
        return ranges(column, bounds, has_nulls=True)

    def _ends(self, column: str, where: str = "true") -> tuple[Any, ...]:
        """Return the least and the greatest value, as texts."""
        chosen, every = f"case when {where} then {column} end", replace(self._query, columns=())
        return self._one_row(
            f"select min({chosen}), max({chosen}) from (\n{statement(every, None, quote=_quoted)}\n) as q"
        )

    def _days(self, column: str, number: int) -> list[str]:
        # Of a date of which a part is zero there is no difference.
        low, high = self._ends(column, f"datediff({column}, {column}) is not null")
        if low is None:
            return []
        days = f"floor(datediff('{high}', '{low}') * {{}} / {number})"
        parts = ", ".join(f"date('{low}') + interval {days.format(part)} day" for part in range(1, number))
        return [f"'{day}'" for day in dict.fromkeys(self._one_row(f"select {parts}"))]


def _cancelled(target: Target, session: int) -> None:
    if target.again is not None:
        with target.again() as other, other.cursor() as cursor:
            cursor.execute(f"kill query {session}")


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _field(described: Any, query: Query) -> pa.Field:
    code, database_type = described.type_code, _NAMES.get(described.type_code, str(described.type_code))
    if code in _DATED and query.special == "text":
        return arrow.field(described.name, pa.string(), database_type, "as text: dates may be zero")
    note = NULLED if code in _DATED and query.special == "null" else _NOTES.get(code, "")
    return arrow.field(described.name, _arrow_type(described), database_type, note)


def _arrow_type(described: Any) -> pa.DataType:
    code, is_unsigned = described.type_code, bool(described.flags & FLAG.UNSIGNED)
    if code in _INTEGERS:
        return _INTEGERS[code][is_unsigned]
    if code in _DECIMALS:  # the length counts a point and a sign
        digits = described.length - (described.scale > 0) - (not is_unsigned)
        return arrow.decimal_type(digits, described.scale) or pa.string()
    if code in _TYPES:
        return _TYPES[code]
    is_binary = described.charsetnr == _BINARY and code != FIELD_TYPE.JSON
    return pa.binary() if is_binary else pa.string()


def _unscaled(text: str | None, scale: int) -> int | None:
    """Return a decimal as a whole number of its last places."""
    return None if text is None else int(_EXACT.scaleb(Decimal(text), scale))


def _scaled(number: int, scale: int) -> str:
    return f"{_EXACT.scaleb(Decimal(number), -scale):f}"


def _converter(kind: pa.DataType) -> Callable[[Any], Any]:
    if pa.types.is_duration(kind):
        return _duration
    return next(make for check, make in _CONVERTERS if check(kind))


def _duration(text: str) -> int:
    match = _TIME.fullmatch(text)
    if match is None:
        raise arrow.Unfit("no time")
    hours, minutes, seconds = (int(part) for part in match.groups()[1:4])
    micros = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + int((match[5] or "").ljust(6, "0"))
    return -micros if match[1] else micros


def _keeps_days(column: Column, dates: pa.Array) -> bool:
    """Say whether days are those of the texts: the server may store 31 of each month, of which pyarrow reads on in the next."""
    days = column.numbers_at(">u2", np.where(column.is_null, 0, column.at + _DAY_AT))
    days = np.where(column.is_null, 0, days)
    if (days < _DAY_29).all():
        return True
    found = dates.to_numpy(zero_copy_only=False).astype("datetime64[D]")
    of_month = (found - found.astype("datetime64[M]")).astype(np.int64) + 1
    return bool(((days >> 8) * 10 + (days & 0xFF) - 11 * ord("0") == of_month)[~column.is_null].all())


def _checked(convert: Callable[[str], int]) -> Callable[[str], int]:
    def checked(text: str) -> int:
        if _ZERO.match(text):
            raise arrow.Unfit("a date of which a part is zero")
        if int(text[8:10]) > monthrange(int(text[:4]), int(text[5:7]))[1]:
            raise arrow.Unfit("a date that no calendar has")
        return convert(text)

    return checked


_CONVERTERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[str], Any]], ...] = (
    (pa.types.is_integer, int),
    (pa.types.is_floating, float),
    (pa.types.is_decimal, arrow.as_decimal),
    (pa.types.is_date32, _checked(arrow.days)),
    (pa.types.is_timestamp, _checked(arrow.microseconds)),
)
