"""Reads of DuckDB: its own Arrow batches; whoever reads a file keeps writers away, so that all sessions see one state."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from qualytics.connectors.reading import NULLED, RANGES_PER_SESSION, Partition, Query, Snapshot, partitioned, ranges_of
from qualytics.connectors.reads import duckdb_special
from qualytics.connectors.shared import arrow
from qualytics.connectors.shared.sql import identifier, literal, one_row
from qualytics.connectors.shared.statements import counted, no_column, no_ranges, ranges, statement, table_name
from qualytics.connectors.types.duckdb import lock
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qualytics.connectors.contract import Target

# What Arrow has no type for, or DuckDB hands over as another value, is read as the text that DuckDB casts it to.
_AS_TEXT = ("HUGEINT", "UHUGEINT", "UUID", "BIT", "TIME WITH TIME ZONE", "TIMETZ", "BIGNUM", "VARINT", "ENUM", "UNION", "GEOMETRY", "VARIANT", "TIME_NS")  # fmt: skip
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "DECIMAL", "FLOAT", "DOUBLE")  # fmt: skip
# What it keeps of a file in memory, which is else as good as all of the machine's: a read of long rows needs so much, a
# query perhaps; what it has read of a table stays until there is no more room.
_MEMORY, _TABLE_MEMORY = "1GB", "48MB"
# Rows for each range, at least: those of one group in DuckDB's files.
_GROUP_ROWS = 122_880


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    """Begin a session on an open connection to a file that nobody can write to meanwhile."""
    del snapshot
    is_limited = query.where is None and _is_table(handle, target, query) and _limit_memory(handle)
    if not is_limited:
        handle.execute(f"set memory_limit = '{_MEMORY}'")
    lock(handle)
    handle.execute("begin transaction")
    return _Session(handle, target, query, schema, is_limited=is_limited)


def _is_table(handle: Any, target: Target, query: Query) -> bool:
    """Say whether a table is read, and no view or query."""
    sql = "select 1 from duckdb_tables() where schema_name = ? and table_name = ? and not internal"
    return query.table is not None and bool(one_row(handle, sql, (target.schema or "main", query.table)))


def _limit_memory(handle: Any) -> bool:
    """Keep little of a table in memory, and say so; a version of DuckDB whose lock leaves nothing open keeps more."""
    import duckdb

    try:
        handle.execute("set allowed_configs = ['memory_limit']")
    except duckdb.Error:
        return False
    handle.execute(f"set memory_limit = '{_TABLE_MEMORY}'")
    return True


def _ahead(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield batches, of which the next one is made meanwhile, in another thread."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch


class _Session:
    """One transaction; `schema` and `snapshot` as in `reading.Session`."""

    def __init__(
        self, handle: Any, target: Target, query: Query, schema: pa.Schema | None, *, is_limited: bool
    ) -> None:
        self._handle, self._target, self._query, self._is_limited = handle, target, query, is_limited
        self._schema = target.schema or "main"
        self.snapshot = Snapshot("duckdb file, locked against writers", "file")
        self._columns = self._described(query)
        self.schema = schema if schema is not None else self._typed()

    def partitions(self) -> Sequence[Partition]:
        """Return ranges of the column that is named, or of row numbers of a table; all in one of anything else."""
        query = self._query
        if query.partition_column is not None:
            return ranges_of(query, self._column_ranges)
        if query.parallel < 2 or query.limit is not None or not _is_table(self._handle, self._target, query):
            return partitioned([])
        rows = one_row(self._handle, f"select max(rowid) + 1 from {table_name(query, self._schema)}")[0] or 0
        number = min(query.parallel * RANGES_PER_SESSION, rows // _GROUP_ROWS)
        bounds = [rows * part // number for part in range(1, number)]
        return partitioned(ranges("rowid", [str(bound) for bound in bounds], has_nulls=False))

    def batches(self, partition: Partition) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a partition."""
        names = ", ".join(f"c{number}" for number in range(len(self._columns)))
        chosen = ", ".join(
            f"c{number}::varchar" if pa.types.is_string(one.type) and type_name != "VARCHAR" else f"c{number}"
            for number, (one, (_, type_name)) in enumerate(zip(self.schema, self._columns, strict=True))
        )
        sql = f"select {chosen} from (\n{statement(self._query, self._schema, partition.predicate)}\n) as q({names})"
        specials = [duckdb_special.may_have(one.type) for one in self.schema]
        first = 1
        for batch in self._selected(sql):
            arrays = batch.columns
            for number, (array, one) in enumerate(zip(arrays, self.schema, strict=True)):
                if array.type != one.type:
                    arrays[number] = array.cast(one.type)
                if specials[number]:
                    arrays[number] = duckdb_special.without(arrays[number], one, self._query.special, first)
            first += batch.num_rows
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _selected(self, sql: str) -> Iterator[pa.RecordBatch]:
        """Yield what a statement gives; where a table takes more memory than it has, it goes on with more."""
        import duckdb

        rows = 0
        while True:
            try:
                # Unlike `execute` it does not hold the whole result.
                reader = self._handle.sql(f"{sql} offset {rows}" if rows else sql).to_arrow_reader(
                    self._query.fetch_size
                )
                for batch in _ahead(reader):
                    yield batch
                    rows += batch.num_rows
            except (duckdb.OutOfMemoryException, OSError):  # the latter is any fault behind the first batch
                if not self._is_limited:
                    raise
                self._allow_more()
            else:
                return

    def _allow_more(self) -> None:
        """Keep more in memory; rows of a table that nobody can write to come in the same order again."""
        self._is_limited = False
        self._handle.execute("rollback")
        self._handle.execute(f"set memory_limit = '{_MEMORY}'")
        self._handle.execute("begin transaction")

    def count(self) -> int:
        """Return how many rows there are."""
        return int(one_row(self._handle, counted(self._query, self._schema))[0])

    def _column_ranges(self, name: str) -> list[str]:
        every = replace(self._query, columns=())  # it need not be one of those that are read
        types = dict(self._described(every) if self._query.columns else self._columns)
        type_name = types.get(name)
        if type_name is None:
            raise no_column(name, types)
        column = identifier(name)
        if not type_name.startswith(duckdb_special.DATED):
            if not type_name.startswith(_NUMBERS):
                raise no_ranges(name)
            # As doubles: what is estimated near the last number of a type need not be one of it.
            column = f"{column}::double"
        number = self._query.parallel * RANGES_PER_SESSION
        places = ", ".join(str(part / number) for part in range(1, number))
        source = f"from (\n{statement(every, self._schema)}\n) as q"
        rows = self._handle.execute(
            f"select bound::varchar from (select distinct try_cast(place as {type_name}) as bound from "
            f"(select unnest(approx_quantile({column}, [{places}])) as place {source})) where bound is not null order by bound"
        ).fetchall()
        return ranges(identifier(name), [f"{literal(row[0])}::{type_name}" for row in rows], has_nulls=True)

    def _described(self, query: Query) -> list[tuple[str, str]]:
        rows = self._handle.execute(f"describe select * from (\n{statement(query, self._schema)}\n) as q").fetchall()
        return [(row[0], row[1]) for row in rows]

    def _typed(self) -> pa.Schema:
        relation = self._handle.sql(f"select * from (\n{statement(self._query, self._schema)}\n) as q limit 0")
        types, schema = relation.types, relation.to_arrow_reader(1).schema
        special = self._special(types) if self._query.special == "text" else frozenset()
        fields = []
        for number, ((name, type_name), type_, one) in enumerate(zip(self._columns, types, schema, strict=True)):
            if number in special:
                fields.append(arrow.field(name, pa.string(), type_name, "as text: some values are special"))
            elif any(str(part).startswith(_AS_TEXT) for part in (type_, *duckdb_special.leaves(type_))):
                fields.append(arrow.field(name, pa.string(), type_name, "as text"))
            else:
                nulls = self._query.special == "null" and duckdb_special.may_have(one.type)
                is_nulled = nulls and not pa.types.is_nested(one.type)
                fields.append(arrow.field(name, one.type, type_name, NULLED if is_nulled else ""))
        return pa.schema(fields)

    def _special(self, types: Sequence[Any]) -> frozenset[int]:
        """Return the columns that hold values that Arrow has none for."""
        every = {number: duckdb_special.look(f"c{number}", type_) for number, type_ in enumerate(types)}
        looks = {number: condition for number, condition in every.items() if condition is not None}
        if not looks:
            return frozenset()
        names = ", ".join(f"c{number}" for number in range(len(types)))
        chosen = ", ".join(f"bool_or({condition})" for condition in looks.values())
        row = one_row(self._handle, f"select {chosen} from (\n{statement(self._query, self._schema)}\n) as q({names})")
        return frozenset(number for number, is_there in zip(looks, row, strict=True) if is_there)
