"""Reads of Athena: values as its API gives them, in pages of at most a thousand rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from qualytics.connectors.reads.cursors import Column, CursorSession
from qualytics.connectors.reads.type_names import SIMPLE, column_of
from qualytics.connectors.shared import arrow
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qualytics.connectors.contract import Target
    from qualytics.connectors.reading import Query

_MAX_PAGE = 1_000


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    """Begin a session on an open connection; each statement sees a state of its own."""
    del snapshot
    return _Session(handle, target, query, schema)


class _Session(CursorSession):
    def place(self) -> Sequence[str | None]:
        return [self._target.schema or "default"]  # the catalog is the connection's own

    def cursor(self, sql: str) -> Any:
        from pyathena.converter import DefaultTypeConverter

        class Unconverted(DefaultTypeConverter):
            def convert(self, type_: str, value: str | None, type_hint: str | None = None) -> str | None:  # noqa: ARG002 - as the driver calls it
                return value

        size = min(self._query.fetch_size, _MAX_PAGE)
        cursor = self._handle.cursor(converter=Unconverted(), arraysize=size)
        with self.ended_by(lambda: False if cursor.query_id is None else cursor.cancel()):
            return cursor.execute(sql)

    def column(self, described: Any) -> Column:
        name, text, _, _, precision, scale, _ = described
        if text == "decimal":
            return column_of(name, f"decimal({precision},{scale})", self._query)
        if text in {"array", "map", "row", "struct"}:
            return Column(arrow.field(name, pa.string(), text, "as text"))
        column = column_of(name, text, self._query)
        if SIMPLE.get(text) == pa.binary():
            return replace(column, convert=bytes.fromhex)  # as "00 ff"
        if text == "timestamp with time zone":
            return replace(column, expression="cast({} at time zone 'UTC' as varchar)")
        return column
