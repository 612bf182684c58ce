"""Reads of PostgreSQL: COPY of one repeatable-read snapshot, which other sessions join, in ranges of blocks or of a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from psycopg import pq
from psycopg.adapt import Transformer

from qualytics.connectors.contract import refuse
from qualytics.connectors.reading import NULLED, RANGES_PER_SESSION, Partition, Query, Snapshot, partitioned
from qualytics.connectors.shared import arrow, copy_binary
from qualytics.connectors.shared.copy_stream import CopyStream
from qualytics.connectors.shared.copy_values import decoder
from qualytics.connectors.shared.sql import identifier, literal, one_row
from qualytics.connectors.shared.statements import counted, ranges, statement, table_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from qualytics.connectors.contract import Target
    from qualytics.connectors.shared.columns import Column

_SETTINGS = {
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "3",
}
# From here on a range of ctid is read without the rest of the table.
_CTID_RANGES = 140_000
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
# Metadata of a field, for the session that reads it: its column is sent as the text that the server has for its values;
# and the array type that the texts of a column are of.
_AS_TEXT, _OID = "as_text", "oid"
_SPECIAL = frozenset({_NUMERIC, _DATE, _TIME, _TIMESTAMP, _TIMESTAMPTZ})


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    """Begin a session on an open connection, in the snapshot of another one where that is given."""
    handle.execute("begin transaction isolation level repeatable read, read only")
    if snapshot is not None:
        handle.execute(f"set transaction snapshot {literal(snapshot)}")
    for name, value in _SETTINGS.items():
        handle.execute(f"set local {name} = {literal(value)}")
    session = _Session(handle, target, query, snapshot)
    session.schema = schema if schema is not None else session.described()
    return session


class _Session:
    """One transaction; `schema` and `snapshot` as in `reading.Session`."""

    schema: pa.Schema

    def __init__(self, handle: Any, target: Target, query: Query, snapshot: str | None) -> None:
        self._handle, self._target, self._query = handle, target, query
        if snapshot is None and query.parallel > 1:
            snapshot = one_row(handle, "select pg_export_snapshot()")[0]
        self.snapshot = Snapshot("postgresql transaction, repeatable read", snapshot)

    def described(self) -> pa.Schema:
        """Return the schema of what is read; a decimal without declared digits is looked at."""
        # The extended protocol takes one statement alone, so that no second one hides in a query.
        with self._handle.cursor() as cursor:
            cursor.execute(
                f"select * from (\n{statement(self._query, self._target.schema)}\n) as q limit 0", prepare=True
            )
            result = cursor.pgresult
            columns = [(column.name, column.type_code, result.fmod(n)) for n, column in enumerate(cursor.description)]
        if not columns:
            raise refuse("config", "what is read has no columns", "name a table with columns, or another query")
        names = self._type_names([(oid, modifier) for _, oid, modifier in columns])
        looked_at = self._looked_at([oid for _, oid, _ in columns], [modifier for _, _, modifier in columns])
        return pa.schema(
            [
                self._field(name, oid, modifier, type_name, looked_at.get(number))
                for number, ((name, oid, modifier), type_name) in enumerate(zip(columns, names, strict=True))
            ]
        )

    def partitions(self) -> Sequence[Partition]:
        """Return ranges of the column that is named, or of blocks; all in one when neither can be."""
        query = self._query
        predicates: list[str] = []
        if query.parallel > 1 and query.limit is None:
            predicates = self._column_ranges() if query.partition_column is not None else self._block_ranges()
        return partitioned(predicates)

    def batches(self, partition: Partition) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a partition as COPY gives them."""
        layout = copy_binary.Layout(self.schema)
        makers = [self._maker(one) for one in self.schema]
        sql = self._sent(statement(self._query, self._target.schema, partition.predicate))
        stream = CopyStream(self._handle.pgconn, sql, len(self.schema), copy_binary.MARGIN)
        row = 1
        for rows in stream.rows(self._query.fetch_size, arrow.BATCH_BYTES):
            columns = layout.columns(rows, row)
            arrays = [make(column) for make, column in zip(makers, columns, strict=True)]
            row += len(rows.begins)
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def count(self) -> int:
        """Return how many rows there are."""
        return int(one_row(self._handle, counted(self._query, self._target.schema))[0])

    def _type_names(self, types: list[tuple[int, int]]) -> list[str]:
        sql = "select " + ", ".join(f"format_type({oid}, {modifier})" for oid, modifier in types)
        return list(one_row(self._handle, sql))

    def _looked_at(self, oids: list[int], modifiers: list[int]) -> dict[int, tuple[Any, Any, bool]]:
        """Return, by column, the digits before and behind the point, and whether there are special values."""
        looks = {
            number: f"max(length(trunc(abs(c{number}))::text)) filter (where scale(c{number}) is not null), "
            f"max(scale(c{number})), bool_or(c{number} is not null and scale(c{number}) is null)"
            for number, (oid, modifier) in enumerate(zip(oids, modifiers, strict=True))
            if oid == _NUMERIC and (modifier < 0 or self._query.special == "text")
        }
        if self._query.special == "text":
            for number, oid in enumerate(oids):
                if oid in {_DATE, _TIMESTAMP, _TIMESTAMPTZ}:
                    looks[number] = f"null, null, bool_or(not isfinite(c{number}))"
                elif oid == _TIME:
                    looks[number] = f"null, null, bool_or(c{number} = '24:00')"
        if not looks:
            return {}
        names = ", ".join(f"c{number}" for number in range(len(oids)))
        row = one_row(
            self._handle,
            f"select {', '.join(looks.values())} from (\n{statement(self._query, self._target.schema)}\n) as q({names})",
        )
        return {number: (*row[at * 3 : at * 3 + 2], bool(row[at * 3 + 2])) for at, number in enumerate(looks)}

    def _field(
        self, name: str, oid: int, modifier: int, type_name: str, looked_at: tuple[Any, Any, bool] | None
    ) -> pa.Field:
        is_special = looked_at is not None and looked_at[2] and self._query.special == "text"
        if is_special:
            return arrow.field(name, pa.string(), type_name, "as text: some values are special", {_AS_TEXT: ""})
        if oid == _NUMERIC:
            return _decimal_field(name, modifier, type_name, looked_at, self._special_note)
        if oid in _TYPES:
            sent = {_AS_TEXT: ""} if oid == _CHAR else {}
            return arrow.field(name, _TYPES[oid], type_name, self._special_note if oid in _SPECIAL else "", sent)
        row = one_row(self._handle, "select typelem, typcategory from pg_catalog.pg_type where oid = %s", (oid,))
        element = _TYPES.get(row[0]) if row and row[1] == "A" else None
        if element is not None and row[0] not in {_BYTEA, _INTERVAL}:
            return arrow.field(name, pa.list_(element), type_name, metadata={_AS_TEXT: "", _OID: str(oid)})
        return arrow.field(name, pa.string(), type_name, "as text", {_AS_TEXT: ""})

    @property
    def _special_note(self) -> str:
        return NULLED if self._query.special == "null" else ""

    def _block_ranges(self) -> list[str]:
        if self._query.table is None or self._handle.info.server_version < _CTID_RANGES:
            return []
        sql = (
            "select max(pg_relation_size(t.relid) / current_setting('block_size')::bigint) from pg_catalog.pg_class c, "
            "lateral (select c.oid as relid where c.relkind in ('r', 'm') union all "
            "select p.relid from pg_partition_tree(c.oid) p where c.relkind = 'p' and p.isleaf) t "
            f"where c.oid = {literal(table_name(self._query, self._target.schema))}::regclass"
        )
        blocks = one_row(self._handle, sql)[0] or 0
        number = min(self._query.parallel * RANGES_PER_SESSION, blocks // _MIN_BLOCKS)
        bounds = [f"'({blocks * part // number},0)'" for part in range(1, number)]
        return ranges("ctid", bounds, has_nulls=False)

    def _column_ranges(self) -> list[str]:
        name = self._query.partition_column or ""
        number = self._query.parallel * RANGES_PER_SESSION
        source = f"from (\n{statement(self._query, self._target.schema)}\n) as q"
        column = identifier(name)
        with self._handle.cursor() as cursor:
            cursor.execute(f"select {column} {source} limit 0", prepare=True)
            oid = cursor.description[0].type_code
        if oid not in _INTEGERS | _FLOATS | {_NUMERIC, _DATE, _TIMESTAMP, _TIMESTAMPTZ}:
            hint = "--partition-column takes a column of numbers, dates or timestamps"
            raise refuse("config", f"column {name!r} makes no ranges", hint)
        dated = oid in {_DATE, _TIMESTAMP, _TIMESTAMPTZ}
        finite = f"isfinite({column})" if dated else f"{column}::text not in ('NaN', 'Infinity', '-Infinity')"
        low, high = (f"{end}({column}) filter (where {finite})" for end in ("min", "max"))
        parts = ", ".join(_between(oid, part, number) for part in range(1, number))
        row = one_row(self._handle, f"select {parts} from (select {low} as low, {high} as high {source}) as ends")
        type_name = self._type_names([(oid, -1)])[0]
        bounds = [f"{literal(text)}::{type_name}" for text in dict.fromkeys(row) if text is not None]
        return ranges(column, bounds, has_nulls=True)

    def _maker(self, one: pa.Field) -> Callable[[Column], pa.Array]:
        """Return what makes the array of a column of a block."""
        query, kind = self._query, one.type
        if (decode := decoder(kind)) is not None:
            return lambda column: decode(column, query.special)
        if pa.types.is_list(kind):
            load = Transformer(self._handle).get_loader(int(one.metadata[_OID.encode()]), pq.Format.TEXT).load
            return lambda column: column.converted(lambda value: _flat(load(value)))
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


def _decimal_field(
    name: str, modifier: int, type_name: str, looked_at: tuple[Any, Any, bool] | None, note: str
) -> pa.Field:
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
        return f"trunc(low::numeric + (high::numeric - low::numeric) * {part} / {number})::text"
    if oid == _DATE:
        return f"(low + ((high - low)::bigint * {part} / {number})::int)::text"
    if oid in {_TIMESTAMP, _TIMESTAMPTZ}:
        return f"(low + (high - low) * ({part}::float8 / {number}))::text"
    return f"(low::numeric + (high::numeric - low::numeric) * {part} / {number})::text"


def _is_sent_as_text(one: pa.Field) -> bool:
    return _AS_TEXT.encode() in (one.metadata or {})


def _flat(values: list[Any]) -> list[Any]:
    if any(isinstance(value, list) for value in values):
        hint = "read it as text: --sql 'select …::text …'"
        raise arrow.Unfit("an array of more than one dimension", hint, is_special=False)
    return values
