"""Reads of BigQuery: pages of its REST interface, values as they stand there; a table at one moment of its history."""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from qualytics.connectors.reading import Query, Snapshot
from qualytics.connectors.reads import type_names
from qualytics.connectors.reads.cursors import Column, CursorSession
from qualytics.connectors.shared import arrow
from qualytics.connectors.shared.statements import table_name
from qualytics.settings import CANCEL_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from qualytics.connectors.contract import Target

# By the name of the type, as the REST interface and as SQL has it.
_TYPES = {
    **dict.fromkeys(("INTEGER", "INT64"), pa.int64()),
    **dict.fromkeys(("FLOAT", "FLOAT64"), pa.float64()),
    **dict.fromkeys(("BOOLEAN", "BOOL"), pa.bool_()),
    "NUMERIC": pa.decimal128(38, 9),
    "BIGNUMERIC": pa.decimal256(76, 38),
    "STRING": pa.string(),
    "BYTES": pa.binary(),
    "DATE": pa.date32(),
    "TIME": pa.time64("us"),
    "DATETIME": pa.timestamp("us"),
    "TIMESTAMP": pa.timestamp("us", "UTC"),
}
# What JSON has a form of its own for; NaN and infinity stay texts.
_OF_JSON: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("INTEGER", "INT64"), int),
    **dict.fromkeys(("BOOLEAN", "BOOL"), lambda text: text == "true"),
    **dict.fromkeys(("FLOAT", "FLOAT64"), lambda text: float(text) if math.isfinite(float(text)) else text),
}
_NESTED = frozenset({"RECORD", "STRUCT"})


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    """Begin a session, of a table at the moment of `snapshot`."""
    return _Session(handle, target, query, schema, snapshot)


class _Session(CursorSession):
    def __init__(
        self, handle: Any, target: Target, query: Query, schema: pa.Schema | None, snapshot: str | None
    ) -> None:
        self._handle, self._target, self._query = handle, target, query
        self._moment = snapshot
        if snapshot is None and query.table is not None and self._has_history():
            self._moment = str(self.one_row("select unix_micros(current_timestamp())")[0])
        if self._moment is not None:
            moment = dt.datetime.fromtimestamp(int(self._moment) // 1_000_000, dt.UTC)
            self.snapshot = Snapshot(f"bigquery time travel to {moment:%Y-%m-%dT%H:%M:%SZ}", self._moment)
        super().__init__(handle, target, query, schema)

    @staticmethod
    def quote(name: str) -> str:
        return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"

    def source(self) -> str | None:
        if self._moment is None:
            return None
        table = table_name(self._query, self.place(), self.quote)
        return f"{table} for system_time as of timestamp_micros({int(self._moment)})"

    def described(self, sql: str) -> Sequence[Any]:
        return list(self._result(sql).schema)

    def pages(self, sql: str) -> Iterator[Sequence[Sequence[Any]]]:
        for page in self._result(sql).pages:
            rows = [[cell["v"] for cell in row["f"]] for row in page.raw_page.get("rows", ())]
            if rows:
                yield rows

    def column(self, described: Any) -> Column:
        name, text = described.name, described.field_type
        kind = _TYPES.get(text)
        if described.mode == "REPEATED":
            return _array(name, text, kind) if kind is not None else _nested(described)
        if text in _NESTED:
            return _nested(described)
        if kind is None:
            return Column(arrow.field(name, pa.string(), text.lower(), "" if text == "STRING" else "as text"))
        is_parsed = pa.types.is_decimal(kind) or pa.types.is_date32(kind) or (text == "DATETIME")
        return Column(arrow.field(name, kind, text.lower()), _converter(kind), is_parsed=is_parsed)

    def literal(self, kind: pa.DataType, value: Any) -> str:
        if pa.types.is_decimal(kind):
            return f"{'bignumeric' if kind.precision > 38 else 'numeric'} '{value:f}'"
        text = super().literal(kind, value)
        is_local = pa.types.is_timestamp(kind) and kind.tz is None
        return text.replace("timestamp", "datetime", 1) if is_local else text

    def _result(self, sql: str) -> Any:
        jobs = list[Any]()

        def cancel() -> bool:
            for job in jobs:
                job.cancel(retry=None, timeout=CANCEL_S)
            return bool(jobs)

        with self.ended_by(cancel):
            jobs.append(self._handle.query(sql, retry=None, job_retry=None, timeout=None))
            return jobs[0].result(page_size=self._query.fetch_size, retry=None, job_retry=None)

    def _has_history(self) -> bool:
        from google.cloud.bigquery import DatasetReference

        project = self._target.database or self._handle.project
        dataset = DatasetReference(project, self._target.schema or "")
        table = self._handle.get_table(dataset.table(self._query.table or ""), retry=None, timeout=None)
        return str(table.table_type) == "TABLE"


def _converter(kind: pa.DataType) -> Callable[[Any], Any]:
    if pa.types.is_timestamp(kind) and kind.tz:
        return _micros
    return base64.b64decode if pa.types.is_binary(kind) else type_names.converter(kind)


def _micros(text: str) -> int:
    """Return the microseconds of an instant, which come as a number, or as seconds with a fraction."""
    return int(text) if text.lstrip("-").isdigit() else int(arrow.as_decimal(text) * 1_000_000)


def _array(name: str, text: str, kind: pa.DataType) -> Column:
    convert = _converter(kind)
    return Column(
        arrow.field(name, pa.list_(kind), f"array<{text.lower()}>"),
        lambda values: [convert(one["v"]) for one in values],
    )


def _nested(described: Any) -> Column:
    """Return a column whose values become JSON, by the names of their fields."""
    text = described.field_type.lower()
    database_type = f"array<{text}>" if described.mode == "REPEATED" else text

    def convert(value: Any) -> str:
        return json.dumps(_plain(described, value), ensure_ascii=False, separators=(",", ":"))

    return Column(arrow.field(described.name, pa.string(), database_type, "as text: JSON"), convert)


def _plain(described: Any, value: Any, *, is_one: bool = False) -> Any:
    if value is None:
        return None
    if described.mode == "REPEATED" and not is_one:
        return [_plain(described, one["v"], is_one=True) for one in value]
    if described.field_type in _NESTED:
        return {one.name: _plain(one, cell["v"]) for one, cell in zip(described.fields, value["f"], strict=True)}
    of_json = _OF_JSON.get(described.field_type)
    return value if of_json is None else of_json(value)
