"""Reads of SQLite: one session in one transaction; a column's Arrow type follows what its values are stored as."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from qualytics.connectors.contract import refuse
from qualytics.connectors.reading import Partition, Query, Snapshot, partitioned
from qualytics.connectors.shared import arrow
from qualytics.connectors.shared.statements import counted, statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qualytics.connectors.contract import Target

_TYPES = {
    frozenset[str](): pa.string(),  # NULL alone
    frozenset({"integer"}): pa.int64(),
    frozenset({"real"}): pa.float64(),
    frozenset({"text"}): pa.string(),
    frozenset({"blob"}): pa.binary(),
}
# What one column of both can hold exactly: integers that are a double, too.
_NUMBERS, _MAX_EXACT = frozenset({"integer", "real"}), 1 << 53


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    """Begin a session on an open connection; other sessions cannot join it."""
    del target, snapshot
    handle.text_factory = bytes
    handle.execute("begin")
    handle.execute("select count(*) from sqlite_schema").fetchone()  # from here on all of it is one state
    return _Session(handle, query, schema)


class _Session:
    """One transaction; `schema` and `snapshot` as in `reading.Session`."""

    def __init__(self, handle: Any, query: Query, schema: pa.Schema | None) -> None:
        self._handle, self._query = handle, query
        self.snapshot = Snapshot("sqlite transaction")
        self.schema = schema if schema is not None else self._described()

    def partitions(self) -> Sequence[Partition]:
        """Return all rows as one partition: no other connection is sure to see the same state."""
        return partitioned([])

    def batches(self, partition: Partition) -> Iterator[pa.RecordBatch]:
        """Yield the rows."""
        del partition  # there is one
        first = 1
        cursor = self._handle.execute(statement(self._query, None))
        for rows in _pages(cursor, self._query.fetch_size):
            arrays = [self._array(one, [row[number] for row in rows], first) for number, one in enumerate(self.schema)]
            first += len(rows)
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def count(self) -> int:
        """Return how many rows there are."""
        return int(self._handle.execute(counted(self._query, None)).fetchone()[0])

    def _described(self) -> pa.Schema:
        """Return the schema, by what the values of each column are stored as: SQLite's own types bind nothing."""
        cursor = self._handle.execute(f"select * from (\n{statement(self._query, None)}\n) limit 0")
        names = [column[0] for column in cursor.description]
        # Within a common table expression columns have names of our own, so that two may be called alike.
        own = ", ".join(f"c{number}" for number in range(len(names)))
        looks = ", ".join(
            f"group_concat(distinct typeof(c{number})), "
            f"max(case when typeof(c{number}) = 'integer' then max(c{number}, -c{number}) end)"
            for number in range(len(names))
        )
        row = self._handle.execute(
            f"with q({own}) as (\n{statement(self._query, None)}\n) select {looks} from q"
        ).fetchone()
        return pa.schema(
            [
                _field(name, row[2 * number], row[2 * number + 1], self._query.invalid_text)
                for number, name in enumerate(names)
            ]
        )

    def _array(self, one: pa.Field, values: list[Any], first: int) -> pa.Array:
        if not pa.types.is_string(one.type):
            return pa.array(values, one.type)
        return arrow.converted(values, self._text, one, first, "error")

    def _text(self, value: Any) -> str:
        return arrow.text_of(value, self._query.invalid_text) if isinstance(value, bytes) else repr(value)


def _field(name: str, classes: bytes | None, largest: int | None, invalid_text: str) -> pa.Field:
    stored = frozenset((classes or b"").decode().split(",")) - {"null", ""}
    database_type = ", ".join(sorted(stored)) or "null"
    if stored == _NUMBERS and (largest is None or abs(largest) <= _MAX_EXACT):
        return arrow.field(name, pa.float64(), database_type, "integers and reals: all are exact as doubles")
    if stored not in _TYPES:
        if "blob" in stored and invalid_text != "hex":
            hint = "--invalid-text hex reads them as hexadecimal digits"
            raise refuse("config", f"column {name!r} holds bytes beside {', '.join(sorted(stored - {'blob'}))}", hint)
        return arrow.field(name, pa.string(), database_type, "as text: its values are of several types")
    return arrow.field(name, _TYPES[stored], database_type)


def _pages(cursor: Any, size: int) -> Iterator[list[tuple[Any, ...]]]:
    while rows := cursor.fetchmany(size):
        yield rows
