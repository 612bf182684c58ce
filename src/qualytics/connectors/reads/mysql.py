"""Reads of MySQL and MariaDB: rows as the server writes them, in one consistent snapshot where one session reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pymysql.constants import FIELD_TYPE, FLAG
from pymysql.cursors import SSCursor

from qualytics.connectors.contract import refuse
from qualytics.connectors.reading import NULLED, RANGES_PER_SESSION, Partition, Query, Snapshot, ranges_of
from qualytics.connectors.shared import arrow
from qualytics.connectors.shared.statements import counted, ranges, statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from qualytics.connectors.contract import Target

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
_DATED = frozenset({FIELD_TYPE.DATE, FIELD_TYPE.NEWDATE, FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP})
_NAMES = {number: name.lower() for name, number in vars(FIELD_TYPE).items() if not name.startswith("_")}
_ZERO = re.compile(r"0000-|\d{4}-00|\d{4}-\d\d-00")
_TIME = re.compile(r"(-?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?")


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    """Begin a session on an open connection; other sessions cannot join its snapshot."""
    del snapshot
    handle._read_timeout = None  # noqa: SLF001 - that of the login; a read waits for its rows
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
        self._columns = self._described()
        self.schema = schema if schema is not None else pa.schema([_field(one, query) for one in self._columns])

    def partitions(self) -> Sequence[Partition]:
        """Return ranges of the column that is named; all rows in one without it."""
        return ranges_of(self._query, self._column_ranges)

    def batches(self, partition: Partition) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a partition."""
        # The server writes floats of 32 bits with six digits, unless they become doubles.
        chosen = ", ".join(
            f"{_quoted(one.name)} + 0e0" if one.type_code == FIELD_TYPE.FLOAT else _quoted(one.name)
            for one in self._columns
        )
        sql = f"select {chosen} from (\n{statement(self._query, None, partition.predicate, _quoted)}\n) as q"
        first = 1
        with self._handle.cursor(SSCursor) as cursor:
            cursor.execute(sql)
            while rows := cursor.fetchmany(self._query.fetch_size):
                arrays = [
                    self._array(one, [row[number] for row in rows], described, first)
                    for number, (one, described) in enumerate(zip(self.schema, self._columns, strict=True))
                ]
                first += len(rows)
                yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def count(self) -> int:
        """Return how many rows there are."""
        return int(self._one_row(counted(self._query, None, _quoted))[0])

    def _array(self, one: pa.Field, values: list[Any], described: Any, first: int) -> pa.Array:
        if pa.types.is_string(one.type) or pa.types.is_binary(one.type):
            if described.type_code != FIELD_TYPE.BIT:
                return pa.array(values, one.type)
        elif not pa.types.is_duration(one.type):
            try:
                return pa.array(values, pa.string()).cast(one.type)
            except pa.ArrowInvalid:
                pass  # a zero date, or what pyarrow spells otherwise: value by value
        return arrow.converted(values, _converter(one.type, described), one, first, self._query.special)

    def _described(self) -> list[Any]:
        with self._handle.cursor() as cursor:
            cursor.execute(f"select * from (\n{statement(self._query, None, quote=_quoted)}\n) as q limit 0")
            return list(cursor._result.fields)  # noqa: SLF001 - the description of DB-API lacks flags and character set

    def _one_row(self, sql: str) -> tuple[Any, ...]:
        with self._handle.cursor() as cursor:
            cursor.execute(sql)
            return tuple(cursor.fetchone())

    def _column_ranges(self, name: str) -> list[str]:
        described = next((one for one in self._columns if one.name == name), None)
        if described is None:
            raise refuse("config", f"there is no column {name!r}", "check --partition-column")
        number = self._query.parallel * RANGES_PER_SESSION
        column, code = _quoted(name), described.type_code
        if code in _INTEGERS or code in _DECIMALS:
            part = "cast(low + (high - low) * {0} / {1} as decimal(65, 0))"
        elif code in _DATED:
            part = "date(date_add(low, interval floor(datediff(high, low) * {0} / {1}) day))"
        else:
            hint = "--partition-column takes a column of numbers, dates or timestamps"
            raise refuse("config", f"column {name!r} makes no ranges", hint)
        parts = ", ".join(part.format(place, number) for place in range(1, number))
        ends = f"select min({column}) as low, max({column}) as high from (\n{statement(self._query, None, quote=_quoted)}\n) as q"
        row = self._one_row(f"select {parts} from ({ends}) as ends")
        bounds = [bound for bound in dict.fromkeys(row) if bound is not None]
        return ranges(column, [f"'{bound}'" if code in _DATED else bound for bound in bounds], has_nulls=True)


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _field(described: Any, query: Query) -> pa.Field:
    code, database_type = described.type_code, _NAMES.get(described.type_code, str(described.type_code))
    if code in _DATED and query.special == "text":
        return arrow.field(described.name, pa.string(), database_type, "as text: dates may be zero")
    notes = {FIELD_TYPE.TIME: "as a duration: up to 838 hours, or negative", FIELD_TYPE.BIT: "as text"}
    note = NULLED if code in _DATED and query.special == "null" else notes.get(code, "")
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


def _converter(kind: pa.DataType, described: Any) -> Callable[[Any], Any]:
    if described.type_code == FIELD_TYPE.BIT:
        return lambda value: f"{int.from_bytes(value):0{described.length}b}"
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


def _checked(convert: Callable[[str], int]) -> Callable[[str], int]:
    def checked(text: str) -> int:
        if _ZERO.match(text):
            raise arrow.Unfit("a date of which a part is zero")
        return convert(text)

    return checked


_CONVERTERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[str], Any]], ...] = (
    (pa.types.is_integer, int),
    (pa.types.is_floating, float),
    (pa.types.is_decimal, arrow.as_decimal),
    (pa.types.is_date32, _checked(arrow.days)),
    (pa.types.is_timestamp, _checked(arrow.microseconds)),
)
