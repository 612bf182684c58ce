"""Reads of Dremio: Arrow as Flight SQL sends it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from qualytics.connectors.contract import refuse
from qualytics.connectors.reads.cursors import Column, CursorSession
from qualytics.connectors.shared import arrow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qualytics.connectors.contract import Target
    from qualytics.connectors.reading import Query


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    """Begin a session on an open connection; each statement sees a state of its own."""
    del snapshot
    return _Session(handle, target, query, schema)


class _Session(CursorSession):
    def place(self) -> Sequence[str | None]:
        return (self._target.schema or "").split(".")  # a path of source or space, and folders

    def described(self, sql: str) -> Sequence[Any]:
        # Some servers tell the columns of rows alone.
        for asked in (sql, f"select * from (\n{self._statement()}\n) q limit 1"):
            with self._stream(asked) as reader:
                if reader.schema.names:
                    return list(reader.schema)
        raise refuse("config", "the server names no columns of a result without rows")

    def column(self, described: pa.Field) -> Column:
        return Column(arrow.field(described.name, described.type, str(described.type)))

    def pages(self, sql: str) -> Iterator[Sequence[Sequence[Any]]]:
        for columns in self.columns(sql):
            yield list(zip(*(column.to_pylist() for column in columns), strict=True))

    def columns(self, sql: str) -> Iterator[Sequence[Any]]:
        size = self._query.fetch_size
        with self._stream(sql) as reader:
            for batch in reader:
                for start in range(0, batch.num_rows, size):
                    yield batch.slice(start, size).columns

    @contextlib.contextmanager
    def _stream(self, sql: str) -> Iterator[pa.RecordBatchReader]:
        import adbc_driver_manager

        with adbc_driver_manager.AdbcStatement(self._handle) as statement:
            statement.set_sql_query(sql)
            self._target.cancel = statement.cancel
            stream, _ = statement.execute_query()
            with pa.RecordBatchReader.from_stream(stream) as reader:
                yield reader
