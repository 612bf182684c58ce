"""Reads of HiveServer2, Hive's own and Spark's: decimals, dates and timestamps as texts that the server writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from qualytics.connectors.reads.cursors import Column, CursorSession
from qualytics.connectors.reads.type_names import column_of
from qualytics.connectors.shared import arrow
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qualytics.connectors.contract import Target
    from qualytics.connectors.reading import Query

# Of TCLIService.thrift, where the driver does not know them; it reads values of none of these itself.
_MORE_TYPES = {20: "INTERVAL_YEAR_MONTH_TYPE", 21: "INTERVAL_DAY_TIME_TYPE", 22: "TIMESTAMPLOCALTZ_TYPE"}
_TEXTS = frozenset({"STRING", "VARCHAR", "CHAR"})
_BYTES = _TEXTS | {"BINARY", "ARRAY", "MAP", "STRUCT", "UNION", "NULL"}
_UNREAD = frozenset({"INTERVAL", "TIMESTAMPLOCALTZ"})


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    """Begin a session on an open connection; each statement sees a state of its own."""
    del snapshot
    from impala._thrift_gen.TCLIService.ttypes import TTypeId

    for number, name in _MORE_TYPES.items():
        TTypeId._VALUES_TO_NAMES.setdefault(number, name)  # noqa: SLF001 - generated code, which has no other place
    with handle.cursor() as cursor:
        cursor.execute("set spark.sql.session.timeZone=UTC")  # Hive takes any name, and does nothing with this one
        if database := target.schema or target.database:
            cursor.execute(f"use {quoted(database)}")
    return _Session(handle, target, query, schema)


def quoted(name: str) -> str:
    """Return a name as Hive, Spark and Databricks quote it."""
    return "`" + name.replace("`", "``") + "`"


class _Session(CursorSession):
    quote = staticmethod(quoted)

    def place(self) -> Sequence[str | None]:
        return [self._target.schema or self._target.database]

    def cursor(self, sql: str) -> Any:
        cursor = self._handle.cursor(convert_types=False)
        cursor.set_arraysize(self._query.fetch_size)  # which is also how many rows it asks for
        cursor.execute(sql)
        return cursor

    def described(self, sql: str) -> Sequence[Any]:
        with self.cursor(sql) as cursor:
            return list(cursor.description)

    def column(self, described: Any) -> Column:
        name, text, _, _, precision, scale, _ = described
        if text == "DECIMAL":
            return column_of(name, f"decimal({precision},{scale})", self._query)
        if text in _BYTES:
            return self._of_bytes(name, text)
        if text in _UNREAD:
            return Column(arrow.field(name, pa.string(), text.lower(), "as text"), expression="cast({} as string)")
        column = column_of(name, text.lower(), self._query)
        if text == "TIMESTAMP" and pa.types.is_timestamp(column.field.type):
            note = "without a zone; a server of Spark that means instants writes them in UTC"
            return replace(column, field=arrow.field(name, column.field.type, text.lower(), note))
        return column

    def _of_bytes(self, name: str, text: str) -> Column:
        if text == "BINARY":
            return Column(arrow.field(name, pa.binary(), "binary"), bytes)

        def convert(value: Any) -> str:
            # The driver leaves bytes that are no text as they are.
            return value if isinstance(value, str) else arrow.text_of(bytes(value), self._query.invalid_text)

        note = "" if text in _TEXTS else "as text"
        return Column(arrow.field(name, pa.string(), text.lower(), note), convert)
