"""The reader of every type whose driver has DB-API cursors: rows are fetched by pages, and become Arrow column by column.

A type's module says how its engine names types and quotes names. What its driver would round, or cannot hold, the
engine writes as text.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import compute

from qualytics import connectors
from qualytics.connectors.contract import refuse
from qualytics.connectors.reading import (
    RANGES_PER_SESSION,
    Partition,
    Query,
    Snapshot,
    first_rows,
    ranges_of,
    repeated,
)
from qualytics.connectors.shared import arrow
from qualytics.connectors.shared.one_statement import syntax_of
from qualytics.connectors.shared.sql import identifier
from qualytics.connectors.shared.statements import is_query_alone, no_column, no_ranges, ranges, statement
from qualytics.structs import Struct, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from qualytics.connectors.contract import Target

# Digits of a bound between two decimals, at most.
_DIGITS = decimal.Context(prec=100)
# Days since 1970-01-01 of the first and the last day that all engines have a literal for.
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
_DAY_US = 86_400_000_000
# Length of a timestamp with six digits behind the second.
_MICROS_END = 26


class Column(Struct):
    """How a column comes over.

    `expression` is what is asked for in its place, of which `{}` is its quoted name. `convert` makes of a driver's value
    one that Arrow takes; without it values go as they are. `is_parsed`: they are texts, most of which Arrow reads itself.
    """

    field: pa.Field
    convert: Callable[[Any], Any] | None = None
    expression: str = "{}"
    is_parsed: bool = False


class CursorSession:
    """A session over one connection; `schema` and `snapshot` as in `reading.Session`.

    A type's module derives its own: `column` at least, and what else differs.
    """

    snapshot: Snapshot | None = None
    # How the first rows alone are asked for: in front of the columns, or behind all.
    top, limit = "", " limit {}"

    def __init__(self, handle: Any, target: Target, query: Query, schema: pa.Schema | None) -> None:
        self._handle, self._target, self._query = handle, target, query
        described = self.described(self._statement("1 = 0"))
        self.look(described, schema)
        self._columns = [self.column(one) for one in described]
        if twice := repeated(one.field.name for one in self._columns):
            hint = "give each a name of its own, as in select a.id as a_id"
            raise refuse("config", f"two columns are called {twice!r}", hint)
        self.schema = schema if schema is not None else pa.schema([one.field for one in self._columns])

    def partitions(self) -> Sequence[Partition]:
        """Return ranges of the column that is named; all rows in one without it."""
        return ranges_of(self._query, self._column_ranges)

    def batches(self, partition: Partition) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a partition."""
        return first_rows(self._batches(partition), self._query.limit)

    def _batches(self, partition: Partition) -> Iterator[pa.RecordBatch]:
        first = 1
        for columns in self.columns(self.selected(partition.predicate)):
            batch = self._batch(columns, first)
            yield batch
            first += batch.num_rows

    def count(self) -> int:
        """Return how many rows there are."""
        rows = int(self.one_row(f"select count(*) from (\n{self.selected(None)}\n) q")[0])
        return rows if self._query.limit is None else min(rows, self._query.limit)

    def selected(self, predicate: str | None) -> str:
        """Return the statement of all columns of the rows for which a predicate is true.

        A query is read as it stands where that says the same: many an engine drops the order of one within another.
        """
        if predicate is None and self.is_query_alone() and all(one.expression == "{}" for one in self._columns):
            return str(self._query.sql)
        columns = ", ".join(self._asked(one) for one in self._columns)
        query, top, limit = self._query, "", ""
        if query.limit is not None:
            top, limit = self.top.format(query.limit), self.limit.format(query.limit)
        return f"select {top}{columns} from (\n{self._statement(predicate)}\n) q{limit}"

    def is_query_alone(self) -> bool:
        """Say whether a query may be run as it stands."""
        reads = connectors.get(self._target.type).reads or ""
        return is_query_alone(self._query, syntax_of(reads, self._target.uri))

    # What a type's module may have in its own way.

    @staticmethod
    def quote(name: str) -> str:
        """Return a name as the engine quotes it."""
        return identifier(name)

    def place(self) -> Sequence[str | None]:
        """Return the names before that of a table."""
        return (self._target.database, self._target.schema)

    def look(self, described: Sequence[Any], schema: pa.Schema | None) -> None:
        """Look at what columns hold, where their types alone do not say how they come over.

        `schema` is what another session of the same read has found.
        """

    def column(self, described: Any) -> Column:
        """Return how the column comes over that a cursor describes."""
        raise NotImplementedError

    def new_cursor(self) -> Any:
        """Return a cursor that has run nothing, and fetches as many rows at once as are asked for."""
        cursor = self._handle.cursor()
        cursor.arraysize = self._query.fetch_size
        return cursor

    def cursor(self, sql: str) -> Any:
        """Return a cursor over the result of a statement."""
        cursor = self.new_cursor()
        cursor.execute(sql)
        return cursor

    @contextlib.contextmanager
    def ended_by(self, cancel: Callable[[], object]) -> Iterator[None]:
        """Run a statement in the block, which `cancel` ends should the read be ended before, as `Target` says of it."""
        self._target.cancel = cancel
        try:
            yield
        finally:
            self._target.cancel = None

    def described(self, sql: str) -> Sequence[Any]:
        """Return the description of the columns of a statement."""
        with contextlib.closing(self.cursor(sql)) as cursor:
            cursor.fetchone()  # some drivers know the columns only with the first page
            return list(cursor.description or ())

    def pages(self, sql: str) -> Iterator[Sequence[Sequence[Any]]]:
        """Yield the rows of a statement, as many at once as are to be fetched."""
        with contextlib.closing(self.cursor(sql)) as cursor:
            while rows := cursor.fetchmany(self._query.fetch_size):
                yield rows

    def columns(self, sql: str) -> Iterator[Sequence[Sequence[Any]]]:
        """Yield the rows of a statement column by column, as many at once as are to be fetched."""
        for rows in self.pages(sql):
            yield list(zip(*rows, strict=True))

    def literal(self, kind: pa.DataType, value: Any) -> str:
        """Return a bound as the engine writes it: of dates in days, of timestamps in microseconds since 1970."""
        if pa.types.is_date32(kind):
            return f"date '{_date(value)}'"
        if pa.types.is_timestamp(kind):
            return self.instant(_timestamp(value)) if kind.tz else f"timestamp '{_timestamp(value)}'"
        return f"{value:f}" if isinstance(value, decimal.Decimal) else repr(value)

    def instant(self, text: str) -> str:
        """Return a timestamp in UTC as the engine writes it."""
        return f"timestamp '{text} UTC'"

    def one_row(self, sql: str) -> Sequence[Any]:
        """Return the only row of a statement."""
        rows = next(iter(self.pages(sql)), None)
        if not rows:
            raise refuse("internal", "the engine answered a count with no row")
        return rows[0]

    def source(self) -> str | None:
        """Return what is read, where that is more than the name of a table or a query."""
        return None

    def _statement(self, predicate: str | None = None) -> str:
        return statement(replace(self._query, limit=None), self.place(), predicate, self.quote, self.source())

    def _asked(self, column: Column) -> str:
        name = self.quote(column.field.name)
        return name if column.expression == "{}" else f"{column.expression.format(name)} as {name}"

    def _batch(self, values: Sequence[Sequence[Any]], first: int) -> pa.RecordBatch:
        arrays = [
            array_of(column, one, of_column, first, self._query.special)
            for column, one, of_column in zip(self._columns, self.schema, values, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _column_ranges(self, name: str) -> list[str]:
        query, self._query = self._query, replace(self._query, columns=())  # it need not be one of those that are read
        try:
            return self._ranges_of(self._column_of(name, is_read=not query.columns))
        finally:
            self._query = query

    def _column_of(self, name: str, *, is_read: bool) -> Column:
        known = {one.field.name: one for one in self._columns}
        found = next((one for key, one in known.items() if key.lower() == name.lower()), None)
        if found is not None:
            return found
        if is_read:
            raise no_column(name, known)
        every = {getattr(one, "name", None) or one[0]: one for one in self.described(self._statement("1 = 0"))}
        described = next((one for key, one in every.items() if key.lower() == name.lower()), None)
        if described is None:
            raise no_column(name, every)
        self.look([described], None)
        return self.column(described)

    def _ranges_of(self, column: Column) -> list[str]:
        kind, quoted = column.field.type, self.quote(column.field.name)
        if not any(check(kind) for check, _ in _BETWEEN):
            raise no_ranges(column.field.name)
        is_float = pa.types.is_floating(kind)
        ends = ", ".join(column.expression.format(f"{end}({quoted})") for end in ("min", "max"))
        finite = f" where {quoted} - {quoted} = 0" if is_float else ""  # neither NaN nor infinite
        row = self.one_row(f"select {ends} from (\n{self._statement()}\n) q{finite}")
        if row[0] is None:
            return []
        low, high = _plain(array_of(column, column.field, row, 1, "error"))
        bounds = bounds_between(kind, low, high, self._query.parallel * RANGES_PER_SESSION)
        literals = list(dict.fromkeys(self.literal(kind, bound) for bound in bounds))
        return ranges(quoted, literals, has_nulls=True, has_nan=is_float)


def array_of(column: Column, one: pa.Field, values: Any, first: int, special: str) -> pa.Array:
    """Return the array of a column, of what a driver gave for some rows, of which the first is number `first`.

    `values` are a sequence, or an array of Arrow.

    Raises:
        Refusal: a value does not fit the type of its column.

    """
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    is_arrow = isinstance(values, pa.Array)
    if column.convert is None and is_arrow and values.type == one.type:
        return values
    if column.convert is None:
        try:
            return values.cast(one.type) if is_arrow else pa.array(values, one.type)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            return arrow.converted(_listed(values), lambda value: value, one, first, special)
    if column.is_parsed:
        try:
            return _parsed(values if is_arrow else pa.array(values, pa.string()), one.type)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            pass  # a special value, or what Arrow spells otherwise: value by value
    return arrow.converted(_listed(values), column.convert, one, first, special)


def bounds_between(kind: pa.DataType, low: Any, high: Any, number: int) -> list[Any]:
    """Return the bounds of so many ranges between two values of a column, each once, in rising order.

    Of dates and timestamps the values are numbers.
    """
    between = next(between for check, between in _BETWEEN if check(kind))
    # Floats that are neighbours are rounded past each other.
    return sorted({between(low, high, part, number) for part in range(1, number)})


def _listed(values: Any) -> Sequence[Any]:
    """Return values of a driver one by one."""
    return list(values.to_pylist()) if isinstance(values, pa.Array) else list(values)


def _parsed(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(kind) and kind.unit == "us":
        texts = _cut(texts)
    if pa.types.is_timestamp(kind) and kind.tz:
        return texts.cast(pa.timestamp(kind.unit)).cast(kind)
    return texts.cast(kind)


def _cut(texts: pa.Array) -> pa.Array:
    """Return timestamps without their digits behind the sixth, where these are zero."""
    more = compute.utf8_slice_codeunits(texts, _MICROS_END, _MICROS_END + 4)
    is_zero = compute.all(compute.is_in(more, pa.array(["0", "00", "000"]), skip_nulls=False), skip_nulls=True)
    return compute.utf8_slice_codeunits(texts, 0, _MICROS_END) if is_zero.as_py() else texts


def _plain(ends: pa.Array) -> list[Any]:
    """Return both ends of a column as numbers: of dates in days, of timestamps in microseconds."""
    if pa.types.is_date32(ends.type):
        ends = ends.cast(pa.int32())
    elif pa.types.is_timestamp(ends.type):
        ends = ends.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
    return list(ends.to_pylist())


def _whole(low: int, high: int, part: int, number: int) -> int:
    return low + (high - low) * part // number


def _between_decimals(low: decimal.Decimal, high: decimal.Decimal, part: int, number: int) -> decimal.Decimal:
    exponent = low.as_tuple().exponent
    bound = _DIGITS.divide(
        _DIGITS.multiply(_DIGITS.subtract(high, low), decimal.Decimal(part)), decimal.Decimal(number)
    )
    return _DIGITS.quantize(_DIGITS.add(low, bound), decimal.Decimal((0, (1,), int(exponent))))


def _between_floats(low: float, high: float, part: int, number: int) -> float:
    return low * (1 - part / number) + high * (part / number)


_BETWEEN: tuple[tuple[Callable[[pa.DataType], bool], Callable[..., Any]], ...] = (
    (pa.types.is_integer, _whole),
    (pa.types.is_date32, _whole),
    (pa.types.is_timestamp, _whole),
    (pa.types.is_decimal, _between_decimals),
    (pa.types.is_floating, _between_floats),
)


def _date(days: int) -> str:
    days = min(max(days, _FIRST_DAY), _LAST_DAY)
    return (dt.date(1970, 1, 1) + dt.timedelta(days)).isoformat()


def _timestamp(micros: int) -> str:
    days, rest = divmod(micros, _DAY_US)
    seconds = rest // 1_000_000
    return f"{_date(days)} {seconds // 3_600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
