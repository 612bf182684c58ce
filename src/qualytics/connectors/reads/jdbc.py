"""Reads through JDBC: values as the driver writes them as texts, by the types that its metadata tell."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from qualytics.connectors.reading import NULLED, Query
from qualytics.connectors.reads import jdbc_rows
from qualytics.connectors.reads.cursors import Column, CursorSession
from qualytics.connectors.reads.type_names import converter, may_be_special
from qualytics.connectors.shared import arrow
from qualytics.connectors.types.jdbc.errors import reported

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qualytics.connectors.contract import Target

# java.sql.Types.
_BIT, _NUMERIC, _DECIMAL, _TIME, _TIMESTAMP, _TIMESTAMP_TZ = -7, 2, 3, 92, 93, 2014
_INTEGERS = {-6: ("int8", "uint8"), 5: ("int16", "uint16"), 4: ("int32", "uint32"), -5: ("int64", "uint64")}
_OTHERS = {16: pa.bool_(), 7: pa.float32(), 6: pa.float64(), 8: pa.float64(), 91: pa.date32()}
_TEXTS = frozenset({1, 12, -1, -9, -15, -16, 2005, 2011})
_BYTES = frozenset({-2, -3, -4, 2004})
# Of the driver of PostgreSQL, for which it has no type of JDBC.
_WITH_ZONE = frozenset({"timestamptz", "timestamp with time zone"})
_TRUE = frozenset({"1", "t", "true"})
_MICROS_DIGITS = 6


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    """Begin a session on an open connection; what sessions see of each other's changes is the engine's own."""
    del snapshot
    with reported():
        handle.setReadOnly(True)
        handle.setAutoCommit(False)
        return _Session(handle, target, query, schema)


class _Session(CursorSession):
    limit = ""  # told to the driver, as engines differ in it

    def __init__(self, handle: Any, target: Target, query: Query, schema: pa.Schema | None) -> None:
        self._mark = str(handle.getMetaData().getIdentifierQuoteString()).strip()
        super().__init__(handle, target, query, schema)

    def quote(self, name: str) -> str:  # type: ignore[override]  # each driver has a mark of its own
        return f"{self._mark}{name.replace(self._mark, self._mark * 2) if self._mark else name}{self._mark}"

    def place(self) -> Sequence[str | None]:
        return [self._target.schema]

    def described(self, sql: str) -> Sequence[Any]:
        with self._result(sql) as result:
            columns = result.getMetaData()
            return [
                (
                    str(columns.getColumnLabel(number)),
                    int(columns.getColumnType(number)),
                    str(columns.getColumnTypeName(number)),
                    int(columns.getPrecision(number)),
                    int(columns.getScale(number)),
                    bool(columns.isSigned(number)),
                )
                for number in range(1, int(columns.getColumnCount()) + 1)
            ]

    def column(self, described: Any) -> Column:
        name, code, type_name, precision, scale, _ = described
        database_type = (
            f"{type_name.lower()}({precision},{scale})" if code in {_NUMERIC, _DECIMAL} else type_name.lower()
        )
        kind = _kind(described)
        if kind is None:
            note = "" if code in _TEXTS else "as text"
            return Column(arrow.field(name, pa.string(), database_type, note))
        if pa.types.is_binary(kind):
            return Column(arrow.field(name, kind, database_type))
        if may_be_special(kind) and self._query.special == "text":
            return Column(arrow.field(name, pa.string(), database_type, "as text"))
        note = NULLED if may_be_special(kind) and self._query.special == "null" else ""
        if pa.types.is_boolean(kind):
            return Column(arrow.field(name, kind, database_type), lambda text: text.lower() in _TRUE)
        return Column(arrow.field(name, kind, database_type, note), converter(kind), is_parsed=may_be_special(kind))

    def pages(self, sql: str) -> Iterator[Sequence[Sequence[Any]]]:
        for columns in self.columns(sql):
            yield list(zip(*columns, strict=True))

    def columns(self, sql: str) -> Iterator[Sequence[Sequence[Any]]]:
        with self._result(sql) as result:
            columns = result.getMetaData()
            is_bytes = [_is_bytes(columns, number) for number in range(1, int(columns.getColumnCount()) + 1)]
            yield from jdbc_rows.columns(result, is_bytes, self._query.fetch_size)

    def literal(self, kind: pa.DataType, value: Any) -> str:
        text = super().literal(kind, value)
        if pa.types.is_date32(kind) or (pa.types.is_timestamp(kind) and kind.tz is None):
            return f"{{{'d' if pa.types.is_date32(kind) else 'ts'} {text.partition(' ')[2]}}}"
        return text

    def instant(self, text: str) -> str:
        return f"timestamp with time zone '{text}+00:00'"

    @contextlib.contextmanager
    def _result(self, sql: str) -> Iterator[Any]:
        with reported(), contextlib.closing(self._handle.createStatement()) as asked:
            asked.setFetchSize(self._query.fetch_size)
            asked.setMaxRows(self._query.limit or 0)
            self._target.cancel = asked.cancel
            yield asked.executeQuery(sql)


def _kind(described: Any) -> pa.DataType | None:
    """Return the Arrow type of a column, None where it is read as text."""
    _, code, type_name, precision, scale, is_signed = described
    unit = "ns" if scale > _MICROS_DIGITS else "us"
    has_zone = code == _TIMESTAMP_TZ or type_name.lower() in _WITH_ZONE
    kind = _OTHERS.get(code)
    if code in _INTEGERS:
        kind = getattr(pa, _INTEGERS[code][not is_signed])()
    elif code in {_NUMERIC, _DECIMAL}:
        is_declared = precision > 0 and type_name.lower() != "decfloat"  # each value of which has a scale of its own
        kind = arrow.decimal_type(precision, scale) if is_declared else None
    elif code == _BIT:
        kind = pa.bool_() if precision <= 1 else None
    elif code in _BYTES:
        kind = None if type_name.lower() == "uuid" else pa.binary()
    elif code in {_TIMESTAMP, _TIMESTAMP_TZ}:
        kind = pa.timestamp(unit, "UTC" if has_zone else None)
    elif code == _TIME and type_name.lower() == "time":
        kind = pa.time64(unit)
    return kind


def _is_bytes(columns: Any, number: int) -> bool:
    return int(columns.getColumnType(number)) in _BYTES and str(columns.getColumnTypeName(number)).lower() != "uuid"
