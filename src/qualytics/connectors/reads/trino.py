"""Reads of Trino: values as the server writes them into its JSON, pages as it sends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.reads.cursors import Column, CursorSession
from qualytics.connectors.reads.type_names import TypeName, column_of
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from qualytics.connectors.contract import Target
    from qualytics.connectors.reading import Query


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> TrinoSession:
    """Begin a session on an open connection; each statement sees a state of its own."""
    del snapshot
    return TrinoSession(handle, target, query, schema)


class TrinoSession(CursorSession):
    """A session of one connection."""

    def place(self) -> Sequence[str | None]:
        """Return catalog and schema, which are kept in lower case."""
        return [name and name.lower() for name in super().place()]

    def cursor(self, sql: str) -> Any:
        """Return a cursor whose values are as the server wrote them."""
        cursor = self._handle.cursor(legacy_primitive_types=True)  # else timestamps are rounded to what Python holds
        cursor.arraysize = self._query.fetch_size
        self._target.cancel = lambda: _cancelled(cursor)
        cursor.execute(sql)
        return cursor

    def column(self, described: Any) -> Column:
        """Return how a column comes over."""
        name, text = described[:2]
        column = column_of(name, text, self._query)
        if TypeName(text).base == "timestamp" and TypeName(text).zone == "with time zone":
            # A zone by its name tells no time of the hour that comes twice in autumn.
            return replace(column, expression="cast({} at time zone 'UTC' as varchar)")
        return column


def _cancelled(cursor: Any) -> object:
    query = cursor._query  # noqa: SLF001 - the cursor takes a statement that has no address yet as one that has ended
    if query is None or (query._next_uri is None and not query.finished):  # noqa: SLF001
        return False
    return cursor.cancel()
