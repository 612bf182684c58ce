"""Reads of Db2: moments as texts, for the driver cuts off what is finer than microseconds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from qualytics.connectors.contract import refuse
from qualytics.connectors.reading import NULLED, Query
from qualytics.connectors.reads.cursors import Column, CursorSession
from qualytics.connectors.reads.type_names import converter
from qualytics.connectors.shared import arrow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qualytics.connectors.contract import Target

# By the name that the driver has for a type.
_TYPES = {
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    **dict.fromkeys(("real", "float", "double"), pa.float64()),  # the driver calls doubles real, too
    "date": pa.date32(),
    "boolean": pa.bool_(),
    **dict.fromkeys(("blob", "binary", "varbinary"), pa.binary()),
}
_TEXTS = frozenset({"string", "clob", "xml", "graphic", "dbclob"})
# As Db2 writes a timestamp, 2020-01-01-00.00.00.000000, and as others do.
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\d)[- ](\d\d)[.:](\d\d)[.:](\d\d)((?:\.\d+)?)")
_MICROS_DIGITS, _NANOS_DIGITS = 6, 9


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    """Begin a session on an open connection, in a transaction that is never committed."""
    del snapshot
    handle.set_autocommit(False)
    return _Session(handle, target, query, schema)


class _Session(CursorSession):
    limit = " fetch first {} rows only"

    def place(self) -> Sequence[str | None]:
        return [self._target.schema]

    def described(self, sql: str) -> Sequence[Any]:
        import ibm_db

        cursor = self.cursor(sql)
        try:
            result = cursor.stmt_handler
            return [
                (
                    str(ibm_db.field_name(result, number)),
                    str(ibm_db.field_type(result, number)),
                    int(ibm_db.field_precision(result, number)),
                    int(ibm_db.field_scale(result, number)),
                )
                for number in range(ibm_db.num_fields(result))
            ]
        finally:
            cursor.close()

    def column(self, described: Any) -> Column:
        name, text, precision, scale = described
        if text == "decimal":
            kind = arrow.decimal_type(precision, scale)
            return Column(arrow.field(name, kind, f"decimal({precision},{scale})"), converter(kind), is_parsed=False)
        if text == "timestamp":
            return self._timestamp(name, scale)
        if text in _TYPES:
            kind = _TYPES[text]
            return Column(arrow.field(name, kind, text), bytes if pa.types.is_binary(kind) else None)
        if text in _TEXTS:
            return Column(arrow.field(name, pa.string(), text))
        return Column(arrow.field(name, pa.string(), text, "as text"), expression="cast({} as varchar(64))")

    def instant(self, text: str) -> str:
        raise refuse("config", f"Db2 has no timestamps with a zone: {text}")

    def _timestamp(self, name: str, digits: int) -> Column:
        expression, text = "cast({} as varchar(32))", f"timestamp({digits})"
        if self._query.special == "text" or digits > _NANOS_DIGITS:
            return Column(arrow.field(name, pa.string(), text, "as text"), expression=expression)
        kind = pa.timestamp("ns" if digits > _MICROS_DIGITS else "us")
        note = NULLED if self._query.special == "null" else ""
        convert = converter(kind)
        return Column(arrow.field(name, kind, text, note), lambda value: convert(_spelled(value)), expression)


def _spelled(text: str) -> str:
    return _TIMESTAMP.sub(r"\1 \2:\3:\4\5", text)
