"""Reads of PostgreSQL: COPY of one repeatable-read snapshot, which other sessions join, in ranges of blocks or of a column."""

from __future__ import annotations

import contextlib
import json
from itertools import islice
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from psycopg import errors

from qualytics.connectors.contract import refuse
from qualytics.connectors.reading import NULLED, RANGES_PER_SESSION, Partition, Query, Snapshot, partitioned
from qualytics.connectors.reads import postgresql_partitions
from qualytics.connectors.shared import arrow, copy_arrays, copy_binary
from qualytics.connectors.shared.copy_stream import CopyStream
from qualytics.connectors.shared.copy_values import decoder
from qualytics.connectors.shared.sql import as_text, identifier, literal, one_row, rows
from qualytics.connectors.shared.statements import (
    counted,
    no_column,
    no_ranges,
    ranges,
    require_columns,
    statement,
    table_name,
)
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from qualytics.connectors.contract import Target
    from qualytics.connectors.shared.columns import Column

    # Digits of decimals before and behind the point, and whether there are values that Arrow has none for.
    Look = tuple[Any, Any, bool]

_SETTINGS = {
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "3",
}
# From here on a server can look whether its client is there while it has nothing to send, as in a sort of hours.
_CLIENT_CHECKS = 140_000
# How often a session begins anew where a table is replaced while it waits for that.
_TRIES = 5
# From here on a range of ctid is read without the rest of the table.
_CTID_RANGES = 140_000
# What is said of digits of what has none.
_NOTHING = "max(null::int)"
# Columns that are looked at in one statement.
_LOOKS = 500
# The fewest blocks that are worth a range.
_MIN_BLOCKS = 64
_TIMESTAMP, _TIMESTAMPTZ, _DATE = 1114, 1184, 1082
# "char", of which one byte is sent, whatever it is.
_CHAR = 18
_NUMERIC, _BYTEA, _INTERVAL, _TIME = 1700, 17, 1186, 1083
_FLOATS, _INTEGERS = frozenset({700, 701}), frozenset({20, 21, 23, 26})
_TYPES = {
    16: pa.bool_(),
    20: pa.int64(),
    21: pa.int16(),
    23: pa.int32(),
    26: pa.uint32(),
    700: pa.float32(),
    701: pa.float64(),
    **dict.fromkeys((_CHAR, 19, 25, 1042, 1043), pa.string()),
    _DATE: pa.date32(),
    _TIME: pa.time64("us"),
    _TIMESTAMP: pa.timestamp("us"),
    _TIMESTAMPTZ: pa.timestamp("us", "UTC"),
    _BYTEA: pa.binary(),
    _INTERVAL: pa.month_day_nano_interval(),
}
# Metadata of a field, for the session that reads it: its column is sent as the text that the server has for its values.
_AS_TEXT = "as_text"
# Which values of a type Arrow cannot hold: of timestamps it has the first 2^63 microseconds, of intervals nanoseconds.
_BEYOND = "(not isfinite({0}) or {0} > '294247-01-10 04:00:54.775807')"
_SPECIAL = {
    _NUMERIC: "scale({0}) is null",
    _DATE: "not isfinite({0})",
    _TIME: "{0} = '24:00'",
    _TIMESTAMP: _BEYOND,
    _TIMESTAMPTZ: _BEYOND,
    _INTERVAL: "(not isfinite({0}) or abs(extract(hour from {0})) >= 2562047)",
}
# Of which types arrays become lists; and the arrays that count from 0, and have a text of their own.
_ELEMENTS = _TYPES.keys() - {_CHAR, _BYTEA, _INTERVAL} | {_NUMERIC}
_VECTORS = frozenset({22, 30})


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    """Begin a session on an open connection, in the snapshot of another one where that is given."""
    for _ in range(_TRIES):
        session = _begun(handle, target, query, snapshot, schema)
        if snapshot is not None or not session.is_outdated():
            return session
        handle.execute("rollback")
    raise refuse("transient", "what is read was replaced each time that its reading began", "try again")


def _begun(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    handle.execute("begin transaction isolation level repeatable read, read only")
    if snapshot is not None:
        handle.execute(f"set transaction snapshot {literal(snapshot)}")
    for name, value in _SETTINGS.items():
        handle.execute(f"set local {name} = {literal(value)}")
    if handle.info.server_version >= _CLIENT_CHECKS:  # where its system can tell that, too
        with contextlib.suppress(errors.InvalidParameterValue, errors.UndefinedObject), handle.transaction():
            handle.execute("set local client_connection_check_interval = '5s'")
    if query.limit is not None:  # or the rows that are looked at are others than those that are read
        handle.execute("set local synchronize_seqscans = off; set local max_parallel_workers_per_gather = 0")
    session = _Session(handle, target, query, snapshot)
    # It locks the tables until the end of a session, before that takes a partition: no snapshot keeps their rows from
    # TRUNCATE, nor their places from VACUUM FULL. The first session ends when all partitions are taken.
    if query.columns and schema is None:
        require_columns(query, [name for name, _, _ in session.described(replace(query, columns=()))])
    described = session.described(query)
    session.schema = schema if schema is not None else session.made_schema(described)
    return session


class _Session:
    """One transaction; `schema` and `snapshot` as in `reading.Session`."""

    schema: pa.Schema

    def __init__(self, handle: Any, target: Target, query: Query, snapshot: str | None) -> None:
        self._handle, self._target, self._query = handle, target, query
        if snapshot is None and query.parallel > 1:
            snapshot = one_row(handle, "select pg_export_snapshot()")[0]
        self.snapshot = Snapshot("postgresql transaction, repeatable read", snapshot)

    def described(self, query: Query) -> list[tuple[str, int, int]]:
        """Return name, type and modifier of each column of a query."""
        # The extended protocol, which `binary` asks for, takes one statement alone, so that no second one hides in a query.
        with self._handle.cursor() as cursor:
            sql = f"select * from (\n{statement(query, self._target.schema)}\n) as q limit 0"
            cursor.execute(sql.encode(), binary=True)
            result = cursor.pgresult
            return [(_name(result.fname(n)), result.ftype(n), result.fmod(n)) for n in range(result.nfields)]

    def is_outdated(self) -> bool:
        """Say whether a table was emptied, rewritten or replaced after the snapshot, while this session waited for it.

        Its rows are then those of a later time, which the snapshot does not see.
        """
        sql = (
            "select exists (select from pg_catalog.pg_locks l left join pg_catalog.pg_class c on c.oid = l.relation "
            "where l.locktype = 'relation' and l.pid = pg_backend_pid() and (c.oid is null "
            "or c.relfilenode <> 0 and c.relfilenode <> pg_relation_filenode(c.oid)))"
        )
        return bool(self._row(sql)[0]) or postgresql_partitions.have_changed(self._handle)

    def made_schema(self, columns: list[tuple[str, int, int]]) -> pa.Schema:
        """Return the schema of what is read; a decimal without declared digits is looked at."""
        if not columns:
            raise refuse("config", "what is read has no columns", "name a table with columns, or another query")
        names = self._type_names([(oid, modifier) for _, oid, modifier in columns])
        elements = self._elements({oid for _, oid, _ in columns})
        looked_at = self._looked_at(columns, elements)
        return pa.schema(
            [
                self._field(name, oid, modifier, type_name, elements.get(oid), looked_at.get(number))
                for number, ((name, oid, modifier), type_name) in enumerate(zip(columns, names, strict=True))
            ]
        )

    def partitions(self) -> Sequence[Partition]:
        """Return ranges of the column that is named, or of blocks; all in one when neither can be."""
        query = self._query
        predicates: list[str] = []
        if query.parallel > 1 and query.limit is None:
            predicates = self._column_ranges() if query.partition_column is not None else self._block_ranges()
        return partitioned(predicates if predicates and self._is_divided_by(predicates[0]) else [])

    def batches(self, partition: Partition) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a partition as COPY gives them."""
        layout = copy_binary.Layout(self.schema)
        makers = [self._maker(one) for one in self.schema]
        sql = self._sent(statement(self._query, self._target.schema, partition.predicate))
        stream = CopyStream(self._handle.pgconn, sql, len(self.schema), copy_binary.MARGIN)
        row = 1
        for some in stream.rows(self._query.fetch_size, arrow.BATCH_BYTES):
            columns = layout.columns(some, row)
            arrays = [make(column) for make, column in zip(makers, columns, strict=True)]
            row += len(some.begins)
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)
        postgresql_partitions.require_same(self._handle)

    def count(self) -> int:
        """Return how many rows there are."""
        number = int(self._row(counted(self._query, self._target.schema))[0])
        postgresql_partitions.require_same(self._handle)
        return number

    def _row(self, sql: str) -> tuple[Any, ...]:
        # As bytes: to a server in SQL_ASCII psycopg would write no other letters than those of ASCII.
        return one_row(self._handle, sql.encode())

    def _type_names(self, types: list[tuple[int, int]]) -> list[str]:
        sql = "select " + ", ".join(f"format_type({oid}, {modifier})" for oid, modifier in types)
        return list(self._row(sql))

    def _elements(self, oids: set[int]) -> dict[int, int]:
        """Return the types of the elements of those that are arrays and become lists."""
        sql = "select oid, typelem from pg_catalog.pg_type where typcategory = 'A' and oid = any(%s)"
        found = rows(self._handle, sql, (list(oids - _TYPES.keys() - _VECTORS),))
        return {oid: element for oid, element in found if element in _ELEMENTS}

    def _looked_at(self, columns: list[tuple[str, int, int]], elements: Mapping[int, int]) -> dict[int, Look]:
        """Return, by column, the digits before and behind the point, and whether there are special values."""
        looks: dict[int, Sequence[str]] = {}
        for number, (_, oid, modifier) in enumerate(columns):
            kind, value = elements.get(oid, oid), "e" if oid in elements else f"c{number}"
            if kind == _NUMERIC and (modifier < 0 or self._query.special == "text"):
                looks[number] = _digits(value)
            elif kind in _SPECIAL and self._query.special == "text":
                looks[number] = (_NOTHING, _NOTHING, f"bool_or({_SPECIAL[kind].format(value)})")
            if oid in elements and number in looks:
                ends = zip(("max", "max", "bool_or"), looks[number], strict=True)
                looks[number] = [f"{end}((select {one} from unnest(c{number}) as e))" for end, one in ends]
        result: dict[int, Look] = {}
        names = ", ".join(f"c{number}" for number in range(len(columns)))
        source = f"(\n{statement(self._query, self._target.schema)}\n) as q({names})"
        numbers = iter(looks)
        while some := list(islice(numbers, _LOOKS)):  # a result has at most 1,664 columns
            row = one_row(
                self._handle, f"select {', '.join(', '.join(looks[number]) for number in some)} from {source}"
            )
            result |= {number: (*row[at * 3 : at * 3 + 2], bool(row[at * 3 + 2])) for at, number in enumerate(some)}
        return result

    def _field(
        self, name: str, oid: int, modifier: int, type_name: str, element: int | None, looked_at: Look | None
    ) -> pa.Field:
        is_special = looked_at is not None and looked_at[2] and self._query.special == "text"
        if is_special:
            return arrow.field(name, pa.string(), type_name, "as text: some values are special", {_AS_TEXT: ""})
        kind = oid if element is None else element
        note = NULLED if self._query.special == "null" and kind in _SPECIAL else ""
        if kind == _NUMERIC:
            one = _decimal_field(name, modifier, type_name, looked_at, note)
        elif kind in _TYPES:
            one = arrow.field(name, _TYPES[kind], type_name, note, {_AS_TEXT: ""} if kind == _CHAR else {})
        else:
            return arrow.field(name, pa.string(), type_name, "as text", {_AS_TEXT: ""})
        return one if element is None or _is_sent_as_text(one) else one.with_type(pa.list_(one.type))

    def _is_divided_by(self, predicate: str) -> bool:
        """Say whether sessions see the same rows, and by this: of foreign tables each sees a state of its own.

        Tables of other makes, as compressed ones, may have no ctid.
        """
        self._handle.execute("savepoint divided")
        try:
            sql = f"explain (format json, costs off) {statement(self._query, self._target.schema, predicate)}"
            return '"Node Type": "Foreign Scan"' not in json.dumps(self._row(sql)[0])
        except (errors.FeatureNotSupported, errors.InternalError_):
            self._handle.execute("rollback to savepoint divided")
            return False

    def _block_ranges(self) -> list[str]:
        if self._query.table is None or self._handle.info.server_version < _CTID_RANGES:
            return []
        sql = (
            "select max(pg_relation_size(t.relid) / current_setting('block_size')::bigint) from pg_catalog.pg_class c, "
            "lateral (select c.oid as relid where c.relkind in ('r', 'm') union all "
            "select p.relid from pg_partition_tree(c.oid) p where c.relkind = 'p' and p.isleaf) t "
            f"where c.oid = {literal(table_name(self._query, self._target.schema))}::regclass"
        )
        blocks = self._row(sql)[0] or 0
        number = min(self._query.parallel * RANGES_PER_SESSION, blocks // _MIN_BLOCKS)
        bounds = [f"'({blocks * part // number},0)'" for part in range(1, number)]
        return ranges("ctid", bounds, has_nulls=False)

    def _column_ranges(self) -> list[str]:
        name = self._query.partition_column or ""
        number = self._query.parallel * RANGES_PER_SESSION
        every = replace(self._query, columns=())  # it need not be one of those that are read
        source = f"from (\n{statement(every, self._target.schema)}\n) as q"
        column = identifier(name)
        types = {known: oid for known, oid, _ in self.described(every)}
        if (oid := types.get(name)) is None:
            raise no_column(name, types)
        if oid not in _INTEGERS | _FLOATS | {_NUMERIC, _DATE, _TIMESTAMP, _TIMESTAMPTZ}:
            raise no_ranges(name)
        dated = oid in {_DATE, _TIMESTAMP, _TIMESTAMPTZ}
        finite = f"isfinite({column})" if dated else f"{column}::text not in ('NaN', 'Infinity', '-Infinity')"
        low, high = (f"{end}({column}) filter (where {finite})" for end in ("min", "max"))
        parts = ", ".join(_between(oid, part, number) for part in range(1, number))
        row = self._row(f"select {parts} from (select {low} as low, {high} as high {source}) as ends")
        type_name = self._type_names([(oid, -1)])[0]
        bounds = [f"{literal(text)}::{type_name}" for text in dict.fromkeys(row) if text is not None]
        return ranges(column, bounds, has_nulls=True)

    def _maker(self, one: pa.Field) -> Callable[[Column], pa.Array]:
        """Return what makes the array of a column of a block."""
        query, kind = self._query, one.type
        if pa.types.is_list(kind):
            make = self._maker(kind.value_field)
            return lambda column: copy_arrays.lists(column, make)
        if (decode := decoder(kind)) is not None:
            return lambda column: decode(column, query.special)
        if not pa.types.is_string(kind):
            raise ValueError(f"there is no way from COPY to {kind}")
        return lambda column: column.texts(query.invalid_text)

    def _sent(self, sql: str) -> str:
        """Return the statement whose values are sent: those without a layout of ours are made texts by the server."""
        if not any(map(_is_sent_as_text, self.schema)):
            return sql
        names = [f"c{number}" for number in range(len(self.schema))]
        # Of a cast to text some types make another text than of their output, which concat takes; it makes '' of NULL.
        chosen = ", ".join(
            f"case when pg_catalog.num_nulls({name}) = 0 then pg_catalog.concat({name}) end"
            if _is_sent_as_text(one)
            else name
            for name, one in zip(names, self.schema, strict=True)
        )
        return f"select {chosen} from (\n{sql}\n) as q({', '.join(names)})"


def _name(name: bytes) -> str:
    # Of a server in SQL_ASCII psycopg would read no other letters than those of ASCII.
    try:
        return name.decode()
    except UnicodeDecodeError:
        return as_text(name)


def _digits(value: str) -> Sequence[str]:
    """Return what is looked at of decimals: digits before and behind the point, and whether there are special ones."""
    before = f"max(length(trunc(abs({value}))::text)) filter (where scale({value}) is not null)"
    return before, f"max(scale({value}))", f"bool_or({value} is not null and {_SPECIAL[_NUMERIC].format(value)})"


def _decimal_field(name: str, modifier: int, type_name: str, looked_at: Look | None, note: str) -> pa.Field:
    if modifier >= 0:
        precision, scale = (modifier - 4) >> 16 & 0xFFFF, ((modifier - 4 & 0x7FF) ^ 1024) - 1024
    else:
        before, behind, _ = looked_at or (None, None, False)
        precision, scale = (before or 1) + (behind or 0), behind or 0
        note = note or "no declared digits: as many as its values have"
    kind = arrow.decimal_type(precision, scale)
    if kind is None:
        note = f"as text: {precision} digits are more than Arrow's 76"
        return arrow.field(name, pa.string(), type_name, note, {_AS_TEXT: ""})
    return arrow.field(name, kind, type_name, note)


def _between(oid: int, part: int, number: int) -> str:
    if oid in _INTEGERS:
        return f"trunc(low::bigint + (high::bigint::numeric - low::bigint) * {part} / {number})::text"
    if oid == _DATE:
        return f"(low + ((high - low)::bigint * {part} / {number})::int)::text"
    if oid in {_TIMESTAMP, _TIMESTAMPTZ}:
        return f"(low + (high - low) * ({part}::float8 / {number}))::text"
    return f"(low::numeric + (high::numeric - low::numeric) * {part} / {number})::text"


def _is_sent_as_text(one: pa.Field) -> bool:
    return _AS_TEXT.encode() in (one.metadata or {})
