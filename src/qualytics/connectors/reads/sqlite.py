"""Reads of SQLite: sessions that see one state of the file; a column's Arrow type follows what its values are stored as."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from qualytics.connectors.contract import refuse
from qualytics.connectors.reading import (
    DATABASE_TYPE,
    RANGES_PER_SESSION,
    NotShared,
    Partition,
    Query,
    Snapshot,
    partitioned,
)
from qualytics.connectors.reads import sqlite_states
from qualytics.connectors.reads.sqlite_database import Database
from qualytics.connectors.shared import arrow
from qualytics.connectors.shared.sql import literal
from qualytics.connectors.shared.statements import (
    counted,
    no_column,
    no_ranges,
    ranges,
    real_bounds,
    statement,
    whole_bounds,
)
from qualytics.structs import replace

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
_JOIN_S = 2.0
# The database type of a column that has NULL alone.
_NULL = b"null"
# A column of several types is read as one of each.
_PARTS = {"integer": pa.int64(), "real": pa.float64(), "text": pa.string(), "blob": pa.binary()}
# A value of each type.
_FIRST = {pa.int64(): "0", pa.float64(): "0.0", pa.string(): "''", pa.binary(): "x''"}
# Rows whose values are looked at before it is asked whether all others are as these.
_FIRST_ROWS = 1_000


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> Session:
    """Begin a session on the file of an open connection, in the state that another one sees where that is given.

    Raises:
        NotShared: it sees another state: somebody has written meanwhile, or is about to.

    """
    handle.close()
    return begun(Database(target.uri, target.timeout_s), query, snapshot, schema)


def begun(database: Database, query: Query, snapshot: str | None = None, schema: pa.Schema | None = None) -> Session:
    """Begin a session as `begin` does, on an open file."""
    state = sqlite_states.begun(database) if snapshot is None else _joined(database, snapshot)
    return Session(database, query, state, schema)


def _joined(database: Database, snapshot: str) -> str:
    database.wait(_JOIN_S)
    try:
        state = sqlite_states.begun(database)
    except sqlite3.OperationalError as exc:
        if exc.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        raise NotShared from exc
    if state != snapshot:
        raise NotShared
    return snapshot


class Session:
    """One transaction; `schema` and `snapshot` as in `reading.Session`."""

    def __init__(self, database: Database, query: Query, state: str | None, schema: pa.Schema | None) -> None:
        self._database, self._query = database, query
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
        for batch in self._typed(statement(self._query, None, partition.predicate, _quoted)):
            rest = iter(batch.columns)
            arrays = [self._array(one, rest, first) for one in self.schema]
            first += batch.num_rows
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _typed(self, sql: str) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a statement with a column of one type, or those of `_PARTS`, for each of the schema."""
        names = [f"c{number}" for number in range(len(self.schema))]
        parts = [part for name, one in zip(names, self.schema, strict=True) for part in _parts(name, one)]
        types = [one for _, one in parts]
        if any(map(_is_mixed, self.schema)):
            sql = f"with q({', '.join(names)}) as (\n{sql}\n) select {', '.join(part for part, _ in parts)} from q"
        size = self._query.fetch_size
        found = self._database.batches(sql, size)
        batch = next(found, None)
        if batch is None:
            return
        if batch.schema.types == types:
            yield batch
            yield from found
            return
        # The first rows of a column are all NULL, or integers of one that has reals, too: a row before them tells the types.
        found.close()
        values = ", ".join(_FIRST[one] for one in types)
        for number, batch in enumerate(
            self._database.batches(f"select {values} union all select * from (\n{sql}\n)", size)
        ):
            rows = batch if number else batch.slice(1)
            if rows.num_rows:
                yield rows

    def count(self) -> int:
        """Return how many rows there are."""
        return int(self._row(counted(self._query, None, _quoted))[0])

    def _described(self) -> pa.Schema:
        """Return the schema, by what the values of each column are stored as: SQLite's own types bind nothing."""
        names = self._names(self._query)
        fields = []
        for number, (name, stored) in enumerate(zip(names, self._classes(names), strict=True)):
            largest = None
            if stored == _NUMBERS:
                look = f"max(case when typeof(c{number}) = 'integer' then max(c{number}, -c{number}) end)"
                ((largest,),) = self._looked(names, [look])
            fields.append(_field(name, stored, largest, self._query.invalid_text))
        return pa.schema(fields)

    def _names(self, query: Query) -> list[str]:
        return self._database.names(f"select * from (\n{statement(query, None, quote=_quoted)}\n) limit 0")

    def _classes(self, names: Sequence[str]) -> list[frozenset[str]]:
        """Return what the values of each column are stored as, but for NULL."""
        columns = [f"c{number}" for number in range(len(names))]
        rows = self._looked(names, [f"typeof({column})" for column in columns], f"limit {_FIRST_ROWS}")
        found = [set(some) for some in zip(*rows, strict=True)] if rows else [set[str]() for _ in columns]
        # That no row has others is found sooner than which ones all rows have.
        if self._looked(names, ["1"], f"where not ({_all_of(columns, found)}) limit 1"):
            (ends,) = self._looked(
                names, [f"{end}(nullif(typeof({column}), 'null'))" for column in columns for end in ("min", "max")]
            )
            found = [{ends[2 * number], ends[2 * number + 1]} - {None} for number in range(len(columns))]
            for column, classes in zip(columns, found, strict=True):
                if len(classes) > 1:
                    ((every,),) = self._looked(names, [f"group_concat(distinct typeof({column}))"])
                    classes.update(every.split(","))
        return [frozenset(classes) - {"null"} for classes in found]

    def _looked(self, names: Sequence[str], looks: Sequence[str], which: str = "") -> list[tuple[Any, ...]]:
        """Ask for the columns c0, c1, …, which are named apart, as two may be called alike."""
        own = ", ".join(f"c{number}" for number in range(len(names)))
        source = f"with q({own}) as (\n{statement(self._query, None, quote=_quoted)}\n)"
        return self._database.rows(f"{source} select {', '.join(looks)} from q {which}")

    def _row_ranges(self) -> list[str]:
        name = self._row_number()
        if name is None:
            return []
        table = _quoted(self._query.table or "")
        low, high = self._row(f"select min({name}), max({name}) from {table}")
        return ranges(name, whole_bounds(low, high, self._number_of_ranges), has_nulls=False)

    def _row_number(self) -> str | None:
        """Return the name of the number of a row; None of what is no table, or has none."""
        if self._query.table is None:
            return None
        table = literal(self._query.table)
        is_table = "schema = 'main' and type = 'table' and not wr"
        if self._database.row(f"select 1 from pragma_table_list({table}) where {is_table}") is None:
            return None
        taken = {name for (name,) in self._database.rows(f"select lower(name) from pragma_table_xinfo({table})")}
        return next((name for name in _ROW_NUMBERS if name not in taken), None)

    def _column_ranges(self, name: str) -> list[str]:
        kind = next((one.type for one in self.schema if one.name == name), None)
        query = self._query
        if kind is None and query.columns:  # it need not be one of those that are read
            if name not in (known := self._names(replace(query, columns=()))):
                raise no_column(name, known)
            query = replace(query, columns=(name,))
            (kind,) = Session(self._database, query, None, None).schema.types
        if kind is None:
            raise no_column(name, self.schema.names)
        column, number = _quoted(name), self._number_of_ranges
        source = f"from (\n{statement(query, None, quote=_quoted)}\n) as q"
        ends = f"select min({column}) as low, max({column}) as high {source}"
        if pa.types.is_integer(kind):
            low, high = self._row(ends)
            bounds: Sequence[str | int] = whole_bounds(low, high, number)
        elif pa.types.is_floating(kind):
            low, high = self._row(ends)
            bounds = real_bounds(low, high, number)
        else:
            bounds = self._day_bounds(name, ends, number)
        return ranges(column, bounds, has_nulls=True)

    def _day_bounds(self, name: str, ends: str, number: int) -> list[str]:
        """Return days between two texts that are dates; as texts they have the order of what the column holds."""
        days = (f"date(julianday(low) + (julianday(high) - julianday(low)) * {n} / {number})" for n in range(1, number))
        is_empty, *found = self._row(f"select low is null, {', '.join(days)} from ({ends})")
        if is_empty:
            return []
        if None in found:
            raise no_ranges(name)
        return [f"'{day}'" for day in sorted(set(found))]

    def _row(self, sql: str) -> tuple[Any, ...]:
        """Return the row of a statement that always has one."""
        (row,) = self._database.rows(sql)
        return row

    @property
    def _number_of_ranges(self) -> int:
        return self._query.parallel * RANGES_PER_SESSION

    def _array(self, one: pa.Field, parts: Iterator[pa.Array], first: int) -> pa.Array:
        """Return the array of a column, of the next ones of a batch."""
        if _is_mixed(one):
            *columns, blobs = (_as_bytes(next(parts)).to_pylist() for _ in _PARTS)
            # Bytes that happen to be a text would be taken for one.
            columns.append([None if value is None else f"\\x{value.hex()}" for value in blobs])
            values = [next((value for value in some if value is not None), None) for some in zip(*columns, strict=True)]
            return arrow.converted(values, self._text, one, first, "error")
        array = next(parts)
        if array.type != one.type:  # NULL alone
            return array.cast(one.type)
        if pa.types.is_string(one.type):
            try:
                array.validate(full=True)
            except pa.ArrowInvalid:
                return arrow.converted(_as_bytes(array).to_pylist(), self._text, one, first, "error")
        return array

    def _text(self, value: Any) -> str:
        if isinstance(value, bytes):
            return arrow.text_of(value, self._query.invalid_text)
        return value if isinstance(value, str) else repr(value)


def _as_bytes(array: pa.Array) -> pa.Array:
    """Return texts as their bytes, which may be no text; others as they are."""
    return array.view(pa.binary()) if pa.types.is_string(array.type) else array


def _is_mixed(one: pa.Field) -> bool:
    """Say whether the values of a column are of several types, and come as text."""
    return bool(pa.types.is_string(one.type)) and one.metadata[DATABASE_TYPE.encode()] not in (b"text", _NULL)


def _parts(name: str, one: pa.Field) -> list[tuple[str, pa.DataType]]:
    """Return what is asked for a column, and the type of each."""
    if _is_mixed(one):
        return [(f"case when typeof({name}) = '{stored}' then {name} end", kind) for stored, kind in _PARTS.items()]
    # The driver has no type for NULL alone.
    return [(name, pa.int64() if one.metadata[DATABASE_TYPE.encode()] == _NULL else one.type)]


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


def _all_of(columns: Sequence[str], classes: Sequence[set[str]]) -> str:
    """Return the condition that each column is NULL or stored as one of its classes."""
    conditions = []
    for column, some in zip(columns, classes, strict=True):
        ways = [f"typeof({column}) = '{one}'" for one in sorted(some - {"null"})]
        conditions.append(f"({' or '.join([*ways, f'{column} is null'])})")
    return _both(conditions)


def _both(conditions: Sequence[str]) -> str:
    # One after the other they would be deeper than SQLite takes (sqlite.org/limits.html: 1,000).
    middle = len(conditions) // 2
    if not middle:
        return conditions[0]
    return f"({_both(conditions[:middle])} and {_both(conditions[middle:])})"


def _quoted(name: str) -> str:
    # What stands in double quotes and is no column would be a text (sqlite.org/quirks.html, "Double-quoted Strings").
    return "`" + name.replace("`", "``") + "`"
