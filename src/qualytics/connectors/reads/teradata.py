"""Reads of Teradata: values as the driver gives them, which holds all of them exactly; one transaction a session."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from qualytics.connectors.reads.cursors import Column, CursorSession
from qualytics.connectors.shared import arrow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qualytics.connectors.contract import Target
    from qualytics.connectors.reading import Query

_TYPES = {
    "BYTEINT": pa.int8(),
    "SMALLINT": pa.int16(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "FLOAT": pa.float64(),
    "DATE": pa.date32(),
    **dict.fromkeys(("BYTE", "VARBYTE", "BLOB"), pa.binary()),
}
_NAME = re.compile(r"([A-Z ]+?)\s*(?:\(([^)]*)\))?( WITH TIME ZONE)?(?:\s+CHARACTER SET \w+)?")
_TEXTS = ("CHAR", "VARCHAR", "CLOB", "LONG VARCHAR")
_OFFSET_NOTE = "in UTC: the offset of each value is not kept"


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    """Begin a session on an open connection; each statement sees a state of its own."""
    del snapshot
    target.cancel = handle.cancel
    return _Session(handle, target, query, schema)


class _Session(CursorSession):
    top, limit = "top {} ", ""

    def place(self) -> Sequence[str | None]:
        return [self._target.schema or self._target.database]

    def described(self, sql: str) -> Sequence[Any]:
        names = [one[0] for one in super().described(sql)]
        # TYPE is known of no row, too; the driver's description has less than its name.
        looks = ", ".join(f"type(q.{self.quote(name)})" for name in names)
        types = self.one_row(f"select {looks} from (select 1 as o) one left join (\n{sql}\n) q on 1 = 1")
        return [(name, str(text).strip().upper()) for name, text in zip(names, types, strict=True)]

    def column(self, described: Any) -> Column:
        name, text = described
        match = _NAME.fullmatch(text)
        base, arguments, zone = (match[1], match[2] or "", match[3]) if match else (text, "", None)
        if base in {"DECIMAL", "NUMERIC"}:
            precision, _, scale = arguments.partition(",")
            kind = arrow.decimal_type(int(precision), int(scale or 0))
            return Column(arrow.field(name, kind or pa.string(), text.lower()))
        if base in {"TIMESTAMP", "TIME"} and zone is None:
            kind = pa.timestamp("us") if base == "TIMESTAMP" else pa.time64("us")
            return Column(arrow.field(name, kind, text.lower()))
        if base == "TIMESTAMP":
            return Column(arrow.field(name, pa.timestamp("us", "UTC"), text.lower(), _OFFSET_NOTE), _in_utc)
        if base in _TYPES:
            return Column(arrow.field(name, _TYPES[base], text.lower()))
        if base in _TEXTS:
            return Column(arrow.field(name, pa.string(), text.lower()))
        return Column(arrow.field(name, pa.string(), text.lower(), "as text"), expression="cast({} as varchar(32000))")

    def instant(self, text: str) -> str:
        return f"timestamp '{text}+00:00'"


def _in_utc(value: dt.datetime) -> dt.datetime:
    return value.astimezone(dt.UTC)
