"""Reads of Databricks: Arrow as the warehouse sends it, of one version of a table where that has versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from qualytics.connectors.reading import Query, Snapshot
from qualytics.connectors.reads.cursors import Column, CursorSession
from qualytics.connectors.reads.hive import quoted
from qualytics.connectors.reads.type_names import type_of
from qualytics.connectors.shared import arrow
from qualytics.connectors.shared.statements import table_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qualytics.connectors.contract import Target

_NESTED = ("array", "map", "struct")
_MOMENTS = {"timestamp": pa.timestamp("us", "UTC"), "timestamp_ntz": pa.timestamp("us")}


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    """Begin a session on an open connection, of the version `snapshot` of a table where it has such."""
    with handle.cursor() as cursor:
        cursor.execute("set time zone 'UTC'")
    return _Session(handle, target, query, schema, snapshot)


class _Session(CursorSession):
    quote = staticmethod(quoted)

    def __init__(
        self, handle: Any, target: Target, query: Query, schema: pa.Schema | None, snapshot: str | None
    ) -> None:
        self._handle, self._target, self._query = handle, target, query
        self._version = snapshot
        if snapshot is None and query.table is not None:
            self._version = self._last_version()
        if self._version is not None:
            self.snapshot = Snapshot("version of a delta table", self._version)
        super().__init__(handle, target, query, schema)

    def source(self) -> str | None:
        table = table_name(self._query, self.place(), self.quote)
        return None if self._version is None else f"{table} version as of {int(self._version)}"

    def described(self, sql: str) -> Sequence[Any]:
        # The driver's description calls timestamps with and without a zone alike.
        with self.cursor(f"describe query {sql}") as cursor:
            return [(row[0], row[1]) for row in cursor.fetchall()]

    def column(self, described: Any) -> Column:
        name, text = described
        if text.startswith(_NESTED):
            return Column(arrow.field(name, pa.string(), text, "as text: JSON"), expression="to_json({})")
        kind = _MOMENTS.get(text) or type_of(text, 6)
        if kind is None:
            return Column(arrow.field(name, pa.string(), text, "as text"), expression="cast({} as string)")
        return Column(arrow.field(name, kind, text))

    def cursor(self, sql: str) -> Any:
        cursor = self.new_cursor()
        with self.ended_by(lambda: False if cursor.active_command_id is None else cursor.cancel()):
            return cursor.execute(sql)

    def columns(self, sql: str) -> Iterator[Sequence[Any]]:
        with self.cursor(sql) as cursor:
            while (table := cursor.fetchmany_arrow(self._query.fetch_size)).num_rows:
                # Servers without Arrow send columns, of which the driver makes lists.
                yield table.columns if isinstance(table, pa.Table) else table.column_table

    def instant(self, text: str) -> str:
        return f"timestamp '{text}Z'"

    def _last_version(self) -> str | None:
        """Return the number of the last version of a table, None where it has none, as a view."""
        from databricks.sql.exc import ServerOperationError

        table = table_name(self._query, self.place(), self.quote)
        try:
            return str(self.one_row(f"describe history {table} limit 1")[0])
        except ServerOperationError:
            return None  # whatever else is wrong with the table, its description tells
