"""Reads of Snowflake: dates and timestamps as texts, which the driver would round; tables at one moment of their history."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from qualytics.connectors.contract import refuse
from qualytics.connectors.reading import NULLED, Query, Snapshot
from qualytics.connectors.reads import type_names
from qualytics.connectors.reads.cursors import Column, CursorSession
from qualytics.connectors.shared import arrow
from qualytics.connectors.shared.sql import literal, one_row
from qualytics.connectors.shared.statements import table_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from qualytics.connectors.contract import Target

_DATE, _TIME, _TIMESTAMP = "YYYY-MM-DD", "HH24:MI:SS.FF9", "YYYY-MM-DD HH24:MI:SS.FF9"
_IN_UTC = f"to_varchar(convert_timezone('UTC', {{}}), '{_TIMESTAMP}')"
# By the name of the type: how a value is asked for.
_EXPRESSIONS = {
    "DATE": f"to_varchar({{}}, '{_DATE}')",
    "TIME": f"to_varchar({{}}, '{_TIME}')",
    "TIMESTAMP_NTZ": f"to_varchar({{}}, '{_TIMESTAMP}')",
    "TIMESTAMP_LTZ": _IN_UTC,
    "TIMESTAMP_TZ": _IN_UTC,
}
_MAX_INT64_DIGITS, _MICROS_DIGITS = 18, 6


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    """Begin a session on an open connection, of a table at the moment of `snapshot` where it has such."""
    return _Session(handle, target, query, schema, snapshot)


class _Session(CursorSession):
    def __init__(
        self, handle: Any, target: Target, query: Query, schema: pa.Schema | None, snapshot: str | None
    ) -> None:
        self._moment = snapshot
        self._handle, self._target, self._query = handle, target, query
        if snapshot is None and query.table is not None:
            self._moment = self._moment_of_table()
        if self._moment is not None:
            self.snapshot = Snapshot("snowflake time travel", self._moment)
        super().__init__(handle, target, query, schema)

    def look(self, described: Sequence[Any], schema: pa.Schema | None) -> None:
        """Find the columns whose values are finer than microseconds: most that might be are not, and are of any year."""
        if schema is not None:
            self._fine = {one.name for one in schema if getattr(one.type, "unit", "") == "ns"}
            return
        names = [one.name for one in described if _type_name(one).startswith("TIME") and one.scale > _MICROS_DIGITS]
        looks = ", ".join(f"count_if(date_part(nanosecond, {self.quote(name)}) % 1000 <> 0)" for name in names)
        numbers = self.one_row(f"select {looks} from (\n{self._statement()}\n) q") if names else ()
        self._fine = {name for name, number in zip(names, numbers, strict=True) if number}

    def column(self, described: Any) -> Column:
        return _column(described, self._query, is_fine=described.name in self._fine)

    def cursor(self, sql: str) -> Any:
        cursor = self.new_cursor()

        def cancel() -> bool:
            # As the driver itself does on Ctrl-C, which it hears in the main thread alone.
            number = cursor._request_id  # noqa: SLF001
            return number is not None and bool(self._handle._cancel_query(sql, number)["success"])  # noqa: SLF001

        with self.ended_by(cancel):
            return cursor.execute(sql)

    def columns(self, sql: str) -> Iterator[Sequence[Any]]:
        """Yield the rows as the service sent them, in Arrow; as JSON where it has not."""
        from snowflake.connector.errors import NotSupportedError

        self._handle.arrow_number_to_decimal_setter = True  # else numbers become doubles
        size = self._query.fetch_size
        with contextlib.closing(self.cursor(sql)) as cursor:
            try:
                tables = cursor.fetch_arrow_batches()
            except NotSupportedError:
                yield from (list(zip(*rows, strict=True)) for rows in iter(lambda: cursor.fetchmany(size), []))
                return
            rows = 0
            for table in tables:
                rows += table.num_rows
                for start in range(0, table.num_rows, size):
                    yield table.slice(start, size).columns
            # The driver checks it of rows, and not of tables.
            if cursor.rowcount is not None and rows != cursor.rowcount:
                raise refuse("network", f"{rows:,} rows have come of {cursor.rowcount:,}", "read it again")

    def source(self) -> str | None:
        if self._moment is None:
            return None
        return f"{self._table()} at(timestamp => {literal(self._moment)}::timestamp_tz)"

    def instant(self, text: str) -> str:
        return f"{literal(text + ' +0000')}::timestamp_tz"

    def _table(self) -> str:
        return table_name(self._query, self.place())

    def _moment_of_table(self) -> str | None:
        """Return this moment in the clock of the engine, None where the table has no history, as a view."""
        from snowflake.connector.errors import ProgrammingError

        now = "to_varchar(convert_timezone('UTC', current_timestamp()), 'YYYY-MM-DD HH24:MI:SS.FF9 +0000')"
        moment = str(one_row(self._handle, f"select {now}")[0])
        try:
            one_row(
                self._handle,
                f"select 1 from {self._table()} at(timestamp => {literal(moment)}::timestamp_tz) limit 0",
            )
        except ProgrammingError:
            return None  # whatever else is wrong with the table, its description tells
        return moment


def _type_name(described: Any) -> str:
    from snowflake.connector.constants import FIELD_ID_TO_NAME

    return str(FIELD_ID_TO_NAME[described.type_code])


def _column(described: Any, query: Query, *, is_fine: bool) -> Column:
    name, type_name = described.name, _type_name(described)
    if type_name == "FIXED":
        return _fixed(name, described.precision, described.scale)
    digits = described.scale or 0
    kind = _kind(type_name, "ns" if is_fine else "us")
    database_type = f"{type_name.lower()}({digits})" if type_name.startswith("TIME") else type_name.lower()
    expression = _EXPRESSIONS.get(type_name, "{}")
    if kind is None:
        note = "" if type_name == "TEXT" else "as text"
        expression = "{}" if type_name in {"TEXT", "VARIANT", "OBJECT", "ARRAY"} else "to_varchar({})"
        return Column(arrow.field(name, pa.string(), database_type, note), expression=expression)
    if not pa.types.is_temporal(kind):
        convert: Callable[[Any], Any] | None = bytes if pa.types.is_binary(kind) else None
        return Column(arrow.field(name, kind, database_type), convert)
    if query.special == "text":
        return Column(arrow.field(name, pa.string(), database_type, "as text"), expression=expression)
    note = "in UTC: the offset of each value is not kept" if type_name == "TIMESTAMP_TZ" else ""
    note = NULLED if query.special == "null" else note
    return Column(arrow.field(name, kind, database_type, note), type_names.converter(kind), expression, is_parsed=True)


def _fixed(name: str, precision: int, scale: int) -> Column:
    if scale == 0 and precision <= _MAX_INT64_DIGITS:
        return Column(arrow.field(name, pa.int64(), f"number({precision},0)"))
    kind = arrow.decimal_type(precision, scale)
    return Column(arrow.field(name, kind or pa.string(), f"number({precision},{scale})"))


def _kind(type_name: str, unit: str) -> pa.DataType | None:
    if type_name.startswith("TIMESTAMP"):
        return pa.timestamp(unit, None if type_name == "TIMESTAMP_NTZ" else "UTC")
    kinds = {"REAL": pa.float64(), "BOOLEAN": pa.bool_(), "BINARY": pa.binary(), "DATE": pa.date32()}
    return pa.time64(unit) if type_name == "TIME" else kinds.get(type_name)
