"""Reads of SQLite: sessions that see one state of the file; a column's Arrow type follows what its values are stored as."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from qualytics.connectors.contract import refuse
from qualytics.connectors.reading import RANGES_PER_SESSION, NotShared, Partition, Query, Snapshot, partitioned
from qualytics.connectors.reads import sqlite_states
from qualytics.connectors.shared import arrow
from qualytics.connectors.shared.statements import (
    counted,
    no_column,
    no_ranges,
    ranges,
    real_bounds,
    statement,
    whole_bounds,
)

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
# Names of the number that each row has, as long as no column is called so.
_ROW_NUMBERS = ("rowid", "_rowid_", "oid")
# A writer that waits for the readers of a rollback journal lets no other one begin: it reads on without it.
_JOIN_MS = 2_000
# Rows whose values are looked at before it is asked whether all others are as these.
_FIRST_ROWS = 1_000


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    """Begin a session on an open connection, in the state of the file that another one sees where that is given.

    Raises:
        NotShared: it sees another state: somebody has written meanwhile, or is about to.

    """
    handle.text_factory = bytes
    if snapshot is not None:
        _join(handle, target, snapshot)
        return _Session(handle, query, snapshot, schema)
    return _Session(handle, query, sqlite_states.begun(handle, target.uri), schema)


def _join(handle: Any, target: Target, snapshot: str) -> None:
    handle.execute(f"pragma busy_timeout = {_JOIN_MS}")
    try:
        state = sqlite_states.begun(handle, target.uri)
    except sqlite3.OperationalError as exc:
        if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        raise NotShared from exc
    if state != snapshot:
        raise NotShared


class _Session:
    """One transaction; `schema` and `snapshot` as in `reading.Session`."""

    def __init__(self, handle: Any, query: Query, state: str | None, schema: pa.Schema | None) -> None:
        self._handle, self._query = handle, query
        self.snapshot = Snapshot("sqlite transaction", state if query.parallel > 1 else None)
        self.schema = schema if schema is not None else self._described()

    def partitions(self) -> Sequence[Partition]:
        """Return ranges of the column that is named, or of the numbers of rows; all in one where there are none."""
        query = self._query
        if query.parallel < 2 or query.limit is not None or self.snapshot.id is None:
            return partitioned([])
        name = query.partition_column
        return partitioned(self._row_ranges() if name is None else self._column_ranges(name))

    def batches(self, partition: Partition) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a partition."""
        first = 1
        cursor = self._handle.execute(statement(self._query, None, partition.predicate, _quoted))
        for rows in _pages(cursor, self._query.fetch_size):
            columns = zip(self.schema, zip(*rows, strict=True), strict=True)
            arrays = [self._array(one, values, first) for one, values in columns]
            first += len(rows)
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def count(self) -> int:
        """Return how many rows there are."""
        return int(self._handle.execute(counted(self._query, None, _quoted)).fetchone()[0])

    def _described(self) -> pa.Schema:
        """Return the schema, by what the values of each column are stored as: SQLite's own types bind nothing."""
        cursor = self._handle.execute(f"select * from (\n{statement(self._query, None, quote=_quoted)}\n) limit 0")
        names = [column[0] for column in cursor.description]
        fields = []
        for number, (name, stored) in enumerate(zip(names, self._classes(names), strict=True)):
            largest = None
            if stored == _NUMBERS:
                look = f"max(case when typeof(c{number}) = 'integer' then max(c{number}, -c{number}) end)"
                (largest,) = self._looked(names, [look]).fetchone()
            fields.append(_field(name, stored, largest, self._query.invalid_text))
        return pa.schema(fields)

    def _classes(self, names: Sequence[str]) -> list[frozenset[str]]:
        """Return what the values of each column are stored as, but for NULL."""
        columns = [f"c{number}" for number in range(len(names))]
        rows = self._looked(names, [f"typeof({column})" for column in columns], f"limit {_FIRST_ROWS}").fetchall()
        found = [set(some) for some in zip(*rows, strict=True)] if rows else [set[bytes]() for _ in columns]
        # That no row has others is found sooner than which ones all rows have.
        if self._looked(names, ["1"], f"where not ({_all_of(columns, found)}) limit 1").fetchone() is not None:
            ends = self._looked(
                names, [f"{end}(nullif(typeof({column}), 'null'))" for column in columns for end in ("min", "max")]
            ).fetchone()
            found = [{ends[2 * number], ends[2 * number + 1]} - {None} for number in range(len(columns))]
            for column, classes in zip(columns, found, strict=True):
                if len(classes) > 1:
                    (every,) = self._looked(names, [f"group_concat(distinct typeof({column}))"]).fetchone()
                    classes.update(every.split(b","))
        return [frozenset(one.decode() for one in classes) - {"null"} for classes in found]

    def _looked(self, names: Sequence[str], looks: Sequence[str], which: str = "") -> sqlite3.Cursor:
        """Ask for the columns c0, c1, …, which are named apart, as two may be called alike."""
        own = ", ".join(f"c{number}" for number in range(len(names)))
        source = f"with q({own}) as (\n{statement(self._query, None, quote=_quoted)}\n)"
        return cast("sqlite3.Cursor", self._handle.execute(f"{source} select {', '.join(looks)} from q {which}"))

    def _row_ranges(self) -> list[str]:
        name = self._row_number()
        if name is None:
            return []
        table = _quoted(self._query.table or "")
        low, high = self._handle.execute(f"select min({name}), max({name}) from {table}").fetchone()
        return ranges(name, whole_bounds(low, high, self._number_of_ranges), has_nulls=False)

    def _row_number(self) -> str | None:
        """Return the name of the number of a row; None of what is no table, or has none."""
        table = self._query.table
        sql = "select 1 from pragma_table_list(?) where schema = 'main' and type = 'table' and not wr"
        try:
            if table is None or self._handle.execute(sql, (table,)).fetchone() is None:
                return None
        except sqlite3.OperationalError:  # before SQLite 3.37
            return None
        taken = {row[0].lower() for row in self._handle.execute("select name from pragma_table_xinfo(?)", (table,))}
        return next((name for name in _ROW_NUMBERS if name.encode() not in taken), None)

    def _column_ranges(self, name: str) -> list[str]:
        types = {one.name: one.type for one in self.schema}
        if name not in types:
            raise no_column(name)
        column = _quoted(name)
        source = f"from (\n{statement(self._query, None, quote=_quoted)}\n) as q"
        low, high = self._handle.execute(f"select min({column}), max({column}) {source}").fetchone()
        if pa.types.is_integer(types[name]):
            bounds: Sequence[str | int] = whole_bounds(low, high, self._number_of_ranges)
        elif pa.types.is_floating(types[name]):
            bounds = real_bounds(low, high, self._number_of_ranges)
        else:
            bounds = self._day_bounds(name, low, high)
        return ranges(column, bounds, has_nulls=True)

    def _day_bounds(self, name: str, low: Any, high: Any) -> list[str]:
        """Return days between two texts that are dates; as texts they have the order of what the column holds."""
        if low is None:
            return []
        number = self._number_of_ranges
        days = (
            f"date(julianday(?1) + (julianday(?2) - julianday(?1)) * {part} / {number})" for part in range(1, number)
        )
        found = self._handle.execute(f"select {', '.join(days)}", (_as_text(low), _as_text(high))).fetchone()
        if None in found:
            raise no_ranges(name)
        return [f"'{day.decode()}'" for day in sorted(set(found))]

    @property
    def _number_of_ranges(self) -> int:
        return self._query.parallel * RANGES_PER_SESSION

    def _array(self, one: pa.Field, values: Sequence[Any], first: int) -> pa.Array:
        if not pa.types.is_string(one.type):
            return pa.array(values, one.type)
        try:
            return pa.array(values, pa.binary()).cast(one.type)
        except (pa.ArrowInvalid, pa.ArrowTypeError):  # no text among them
            return arrow.converted(values, self._text, one, first, "error")

    def _text(self, value: Any) -> str:
        return arrow.text_of(value, self._query.invalid_text) if isinstance(value, bytes) else repr(value)


def _field(name: str, stored: frozenset[str], largest: int | None, invalid_text: str) -> pa.Field:
    database_type = ", ".join(sorted(stored)) or "null"
    if stored == _NUMBERS and (largest is None or abs(largest) <= _MAX_EXACT):
        return arrow.field(name, pa.float64(), database_type, "integers and reals: all are exact as doubles")
    if stored not in _TYPES:
        if "blob" in stored and invalid_text != "hex":
            hint = "--invalid-text hex reads them as hexadecimal digits"
            raise refuse("config", f"column {name!r} holds bytes beside {', '.join(sorted(stored - {'blob'}))}", hint)
        return arrow.field(name, pa.string(), database_type, "as text: its values are of several types")
    return arrow.field(name, _TYPES[stored], database_type)


def _all_of(columns: Sequence[str], classes: Sequence[set[bytes]]) -> str:
    """Return the condition that each column is NULL or stored as one of its classes."""
    conditions = []
    for column, some in zip(columns, classes, strict=True):
        ways = [f"typeof({column}) = '{one.decode()}'" for one in sorted(some - {b"null"})]
        conditions.append(f"({' or '.join([*ways, f'{column} is null'])})")
    return _both(conditions)


def _both(conditions: Sequence[str]) -> str:
    # One after the other they would be deeper than SQLite takes (sqlite.org/limits.html: 1,000).
    middle = len(conditions) // 2
    if not middle:
        return conditions[0]
    return f"({_both(conditions[:middle])} and {_both(conditions[middle:])})"


def _as_text(value: Any) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def _pages(cursor: Any, size: int) -> Iterator[list[tuple[Any, ...]]]:
    while rows := cursor.fetchmany(size):
        yield rows


def _quoted(name: str) -> str:
    # What stands in double quotes and is no column would be a text (sqlite.org/quirks.html, "Double-quoted Strings").
    return "`" + name.replace("`", "``") + "`"
