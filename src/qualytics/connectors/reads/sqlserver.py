"""Reads of SQL Server, Synapse and Fabric: moments as texts, for the driver cuts off their seventh digit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from qualytics.connectors.reading import NULLED, Query, Snapshot
from qualytics.connectors.reads.cursors import Column, CursorSession
from qualytics.connectors.reads.type_names import converter
from qualytics.connectors.shared import arrow
from qualytics.connectors.shared.sql import literal, one_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qualytics.connectors.contract import Target

_NAME = re.compile(r"(\w+)(?:\((\w+)(?:,(\d+))?\))?")
_TYPES = {
    "bit": pa.bool_(),
    "tinyint": pa.uint8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "float": pa.float64(),
    "money": pa.decimal128(19, 4),
    "smallmoney": pa.decimal128(10, 4),
    **dict.fromkeys(("binary", "varbinary", "image", "timestamp", "rowversion"), pa.binary()),
}
_TEXTS = frozenset({"char", "varchar", "nchar", "nvarchar", "text", "ntext", "xml", "sysname", "json"})
# How a moment is asked for: style 121 of CONVERT is that of ODBC, with all digits (learn.microsoft.com, "CAST and CONVERT").
_MOMENTS = {
    "date": "convert(varchar(10), {}, 23)",
    "time": "convert(varchar(16), {}, 121)",
    **dict.fromkeys(("datetime", "smalldatetime", "datetime2"), "convert(varchar(27), {}, 121)"),
    # The first 27 characters: without the offset, which is zero.
    "datetimeoffset": "convert(varchar(27), cast(switchoffset({}, '+00:00') as datetime2(7)), 121)",
}
_FINE = frozenset({"time", "datetime2", "datetimeoffset"})
_OFFSET_NOTE = "in UTC: the offset of each value is not kept"
_OTHERS = {"uniqueidentifier": "convert(varchar(36), {})", "sql_variant": "convert(nvarchar(4000), {})"}


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    """Begin a session on an open connection, in a transaction that is never committed; others cannot join it."""
    del snapshot
    handle.autocommit = False
    return _Session(handle, target, query, schema)


class _Session(CursorSession):
    top, limit = "top ({}) ", ""

    def __init__(self, handle: Any, target: Target, query: Query, schema: pa.Schema | None) -> None:
        self._fine: set[str] = set()
        if query.parallel == 1 and self._may_snapshot(handle, target):
            handle.cursor().execute("set transaction isolation level snapshot").close()
            self.snapshot = Snapshot("snapshot isolation of sql server")
        super().__init__(handle, target, query, schema)

    @staticmethod
    def quote(name: str) -> str:
        return f"[{name.replace(']', ']]')}]"

    def cursor(self, sql: str) -> Any:
        cursor = self.new_cursor()
        self._target.cancel = lambda: _cancelled(cursor)
        cursor.execute(sql)
        return cursor

    def described(self, sql: str) -> Sequence[Any]:
        # A query within another one may have neither an order nor `with`.
        asked = str(self._query.sql) if self.is_query_alone() else sql
        described = f"sys.dm_exec_describe_first_result_set(N{literal(asked)}, null, 0)"
        columns = f"select name, system_type_name from {described} where is_hidden = 0 order by column_ordinal"
        return [tuple(row) for rows in self.pages(columns) for row in rows]

    def look(self, described: Sequence[Any], schema: pa.Schema | None) -> None:
        """Find the columns whose values are finer than microseconds: seven digits are the default, and seldom used."""
        if schema is not None:
            self._fine = {one.name for one in schema if getattr(one.type, "unit", "") == "ns"}
            return
        names = [name for name, text in described if _base(text) in _FINE]
        looks = ", ".join(f"max(datepart(nanosecond, {self.quote(name)}) % 1000)" for name in names)
        numbers = self.one_row(f"select {looks} from (\n{self._statement()}\n) q") if names else ()
        self._fine = {name for name, number in zip(names, numbers, strict=True) if number}

    def column(self, described: Any) -> Column:
        name, text = described
        base = _base(text)
        if base in _MOMENTS:
            return self._moment(name, text, base)
        kind = _decimal(text) if base in {"decimal", "numeric"} else _TYPES.get(base)
        if kind is not None:
            return Column(arrow.field(name, kind, text), bytes if pa.types.is_binary(kind) else None)
        if base in _TEXTS:
            return Column(arrow.field(name, pa.string(), text))
        return Column(arrow.field(name, pa.string(), text, "as text"), expression=_OTHERS.get(base, "{}.ToString()"))

    def literal(self, kind: pa.DataType, value: Any) -> str:
        text = super().literal(kind, value)
        if pa.types.is_date32(kind):
            return f"cast({text.partition(' ')[2]} as date)"
        if pa.types.is_timestamp(kind) and kind.tz is None:
            return f"cast({text.partition(' ')[2]} as datetime2)"
        return text

    def instant(self, text: str) -> str:
        return f"cast('{text} +00:00' as datetimeoffset)"

    def _moment(self, name: str, text: str, base: str) -> Column:
        expression = _MOMENTS[base]
        if self._query.special == "text":
            return Column(arrow.field(name, pa.string(), text, "as text"), expression=expression)
        unit = "ns" if name in self._fine else "us"
        kind = {"date": pa.date32(), "time": pa.time64(unit)}.get(base)
        if kind is None:
            kind = pa.timestamp(unit, "UTC" if base == "datetimeoffset" else None)
        note = _OFFSET_NOTE if base == "datetimeoffset" else ""
        note = NULLED if self._query.special == "null" else note
        return Column(arrow.field(name, kind, text, note), converter(kind), expression, is_parsed=True)

    @staticmethod
    def _may_snapshot(handle: Any, target: Target) -> bool:
        if target.type != "sqlserver":
            return False
        sql = "select snapshot_isolation_state from sys.databases where database_id = db_id()"
        return bool(one_row(handle, sql) == (1,))


def _cancelled(cursor: Any) -> None:
    cursor.hstmt._cancel()  # noqa: SLF001 - SQLCancel of ODBC, which another thread may call


def _base(text: str) -> str:
    match = _NAME.match(text)
    return match[1] if match else text


def _decimal(text: str) -> pa.DataType | None:
    match = _NAME.fullmatch(text)
    return arrow.decimal_type(int(match[2]), int(match[3])) if match and match[3] else None
