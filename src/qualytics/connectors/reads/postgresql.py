"""Reads of PostgreSQL: COPY of one repeatable-read snapshot, which other sessions join, in ranges of blocks or of a column."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from psycopg import errors, pq
from psycopg.adapt import Transformer
from pyarrow import csv

from qualytics.connectors.contract import refuse
from qualytics.connectors.reading import NULLED, RANGES_PER_SESSION, Partition, Query, Snapshot, partitioned
from qualytics.connectors.shared import arrow
from qualytics.connectors.shared.sql import identifier, literal, one_row
from qualytics.connectors.shared.statements import counted, ranges, statement, table_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from qualytics.connectors.contract import Target

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
    **dict.fromkeys((18, 19, 25, 1042, 1043), pa.string()),
    _DATE: pa.date32(),
    _TIME: pa.time64("us"),
    _TIMESTAMP: pa.timestamp("us"),
    _TIMESTAMPTZ: pa.timestamp("us", "UTC"),
    _BYTEA: pa.binary(),
    _INTERVAL: pa.month_day_nano_interval(),
}
# What a column's array type is, for the session that reads it: metadata of its field.
_OID = "oid"
_SPECIAL = frozenset({_NUMERIC, _DATE, _TIME, _TIMESTAMP, _TIMESTAMPTZ})
# What the parser of CSV makes by itself; of all else it makes text, from which we go on.
_PARSED = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_string, pa.types.is_date32, pa.types.is_time64, pa.types.is_timestamp, pa.types.is_decimal128)  # fmt: skip
_INTERVAL_PARTS = re.compile(
    r"P(?:(-?\d+)Y)?(?:(-?\d+)M)?(?:(-?\d+)D)?(?:T(?:(-?\d+)H)?(?:(-?\d+)M)?(?:(-?\d+)(?:\.(\d{1,6}))?S)?)?"
)


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    """Begin a session on an open connection, in the snapshot of another one where that is given."""
    handle.pgconn.nonblocking = 0
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
        table = _Table(self.schema, self._query, self._handle)
        for block, rows in self._copied(statement(self._query, self._target.schema, partition.predicate)):
            yield table.batch(block, rows)

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
            return arrow.field(name, pa.string(), type_name, "as text: some values are special")
        if oid == _NUMERIC:
            return _decimal_field(name, modifier, type_name, looked_at, self._special_note)
        if oid in _TYPES:
            return arrow.field(name, _TYPES[oid], type_name, self._special_note if oid in _SPECIAL else "")
        row = one_row(self._handle, "select typelem, typcategory from pg_catalog.pg_type where oid = %s", (oid,))
        element = _TYPES.get(row[0]) if row and row[1] == "A" else None
        if element is not None and row[0] not in {_BYTEA, _INTERVAL}:
            return arrow.field(name, pa.list_(element), type_name, metadata={_OID: str(oid)})
        return arrow.field(name, pa.string(), type_name, "as text")

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

    def _copied(self, sql: str) -> Iterator[tuple[bytearray, int]]:
        """Yield the result of a query as CSV, with the number of rows: as many as are fetched at once, or 16 MiB."""
        pgconn = self._handle.pgconn
        pgconn.send_query(f"copy (\n{sql}\n) to stdout (format csv)".encode())
        self._require(pgconn.get_result(), pq.ExecStatus.COPY_OUT)
        block, rows = bytearray(), 0
        fetch_size, get = self._query.fetch_size, pgconn.get_copy_data
        while True:
            length, data = get(0)
            if length < 0:
                break
            block += data
            rows += 1
            if rows >= fetch_size or len(block) >= arrow.BATCH_BYTES:
                yield block, rows
                block, rows = bytearray(), 0
        self._require(pgconn.get_result(), pq.ExecStatus.COMMAND_OK)
        if pgconn.get_result() is not None:
            raise errors.ProtocolViolation("the server answered a read twice")
        if rows:
            yield block, rows

    def _require(self, result: Any, status: Any) -> None:
        if result is None or result.status != status:
            raise errors.error_from_result(result) if result is not None else errors.ProtocolViolation("no answer")


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
        return arrow.field(name, pa.string(), type_name, f"as text: {precision} digits are more than Arrow's 76")
    return arrow.field(name, kind, type_name, note)


def _between(oid: int, part: int, number: int) -> str:
    if oid in _INTEGERS:
        return f"trunc(low::numeric + (high::numeric - low::numeric) * {part} / {number})::text"
    if oid == _DATE:
        return f"(low + ((high - low)::bigint * {part} / {number})::int)::text"
    if oid in {_TIMESTAMP, _TIMESTAMPTZ}:
        return f"(low + (high - low) * ({part}::float8 / {number}))::text"
    return f"(low::numeric + (high::numeric - low::numeric) * {part} / {number})::text"


class _Table:
    """Makes batches of blocks of CSV: by pyarrow's parser where it can, by hand where a value of the block is special."""

    def __init__(self, schema: pa.Schema, query: Query, handle: Any) -> None:
        self._schema, self._query = schema, query
        self._rows = 0
        self._names = [f"c{number}" for number in range(len(schema))]
        parsed = [any(check(one.type) for check in _PARSED) for one in schema]
        self._by_hand = [number for number, is_parsed in enumerate(parsed) if not is_parsed]
        types = {
            name: one.type if is_parsed else pa.string()
            for name, one, is_parsed in zip(self._names, schema, parsed, strict=True)
        }
        self._fast = _options(types)
        self._slow = _options(dict.fromkeys(self._names, pa.binary()))
        self._converters = [self._converter(one, handle) for one in schema]

    def batch(self, block: bytearray, rows: int) -> pa.RecordBatch:
        """Return the rows of a block."""
        try:
            table = self._read(block, self._fast)
            arrays = [_one_chunk(column) for column in table.columns]
            by_hand = self._by_hand
        except pa.ArrowInvalid:
            table = self._read(block, self._slow)
            arrays = [_one_chunk(column) for column in table.columns]
            by_hand = list(range(len(arrays)))
        for number in by_hand:
            arrays[number] = self._by_hand_array(number, arrays[number])
        if any(len(array) != rows for array in arrays):
            raise ValueError("rows of COPY are not rows of CSV")
        self._rows += rows
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _read(self, block: bytearray, convert: csv.ConvertOptions) -> pa.Table:
        read = csv.ReadOptions(use_threads=False, block_size=max(len(block) + 1, 1 << 10), column_names=self._names)
        parse = csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
        return csv.read_csv(pa.BufferReader(block), read, parse, convert)

    def _by_hand_array(self, number: int, array: pa.Array) -> pa.Array:
        one, first_row = self._schema.field(number), self._rows + 1
        return arrow.converted(array.to_pylist(), self._converters[number], one, first_row, self._query.special)

    def _converter(self, one: pa.Field, handle: Any) -> Callable[[Any], Any]:
        """Return what makes of the text, or its bytes, that the server wrote a value that Arrow takes."""
        kind = one.type
        if pa.types.is_list(kind):
            load = Transformer(handle).get_loader(int(one.metadata[_OID.encode()]), pq.Format.TEXT).load
            return lambda value: _flat(load(_bytes(value)))
        if pa.types.is_string(kind):
            return lambda value: arrow.text_of(_bytes(value), self._query.invalid_text)
        make = next((make for check, make in _CONVERTERS if check(kind)), None)
        if make is None:
            raise ValueError(f"there is no way from text to {kind}")
        return lambda value: make(_bytes(value).decode())


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _flat(values: list[Any]) -> list[Any]:
    if any(isinstance(value, list) for value in values):
        hint = "read it as text: --sql 'select …::text …'"
        raise arrow.Unfit("an array of more than one dimension", hint, is_special=False)
    return values


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _options(types: dict[str, pa.DataType]) -> csv.ConvertOptions:
    return csv.ConvertOptions(
        column_types=types,
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        true_values=["t"],
        false_values=["f"],
    )


def _interval(text: str) -> tuple[int, int, int]:
    match = _INTERVAL_PARTS.fullmatch(text)
    if match is None:
        raise arrow.Unfit("an infinite interval")
    years, months, days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[:6])
    fraction = int((match[7] or "").ljust(9, "0"))
    if (match[6] or "").startswith("-"):
        fraction = -fraction
    return years * 12 + months, days, ((hours * 60 + minutes) * 60 + seconds) * 1_000_000_000 + fraction


_CONVERTERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[str], Any]], ...] = (
    (pa.types.is_boolean, lambda text: text == "t"),
    (pa.types.is_integer, int),
    (pa.types.is_floating, float),
    (pa.types.is_decimal, arrow.as_decimal),
    (pa.types.is_date32, arrow.days),
    (pa.types.is_timestamp, arrow.microseconds),
    (pa.types.is_time64, arrow.time_of_day),
    (pa.types.is_binary, lambda text: bytes.fromhex(text.removeprefix("\\x"))),
    (pa.types.is_interval, _interval),
)
