"""Parquet: row groups that are fetched whole and ahead, large ones column by column as they are decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from qualytics.connectors.contract import refuse
from qualytics.connectors.reads.file_columns import (
    MANY_AT_ONCE,
    Part,
    fields_of,
    kinds_of,
    refused_as,
    require_distinct,
    unified,
)
from qualytics.connectors.reads.stored_file import BLOCK_BYTES
from qualytics.connectors.shared import arrow
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from qualytics.connectors.reading import Query
    from qualytics.connectors.reads.stored_file import Reader, StoredFile

# Of columns of row groups that are fetched together, while those before are decoded. Of a larger row group so much is
# held, in two blocks of each column.
_GROUP_BYTES = 8 << 20
# Of a column of a large row group: the least that is asked for at once, and what is decoded of it at once.
_LEAST_BYTES, _WINDOW_BYTES = 16 << 10, 256 << 10
# The end of a file is kept from the look at it on unless it is larger.
_KEPT_BYTES = 128 << 10
# What a look holds at once, of several files.
_LOOK_ROWS, _LOOK_BYTES = 65_536, 1 << 20
# Spark keeps microseconds, and says in a file that it has written it.
_SPARK = b"org.apache.spark.version"


class ParquetFiles:
    """Files of Parquet, columns as they are; see `file_columns.Format`."""

    at_once = MANY_AT_ONCE

    def look(self, file: StoredFile, query: Query) -> Part:
        """Read the end of a file; INT96 has no type of its own, so that all its values are looked at."""
        one = _File(file)
        schema = one.schema
        require_distinct(file, schema.names)
        if one.metadata.serialized_size <= _KEPT_BYTES:
            file.end = one.metadata
        kinds = {name: set[str]() for name in one.int96 if not query.columns or name in query.columns}
        if kinds and _SPARK not in (one.metadata.metadata or {}):
            _look_at(one, kinds, query.limit)
        return Part(pa.schema(fields_of(schema)), one.metadata.num_row_groups, one.metadata.num_rows, kinds)

    def unified(self, files: Sequence[StoredFile], parts: Sequence[Part]) -> pa.Schema:
        """Return the columns; timestamps of INT96 as what holds all of their values."""
        schema = unified(files, parts)
        for name, kinds in kinds_of(parts).items():
            from qualytics.connectors.reads import int96

            place = schema.get_field_index(name)
            if pa.types.is_timestamp(schema.field(place).type):
                schema = schema.set(place, int96.field(schema.field(place), kinds))
        return schema

    def batches(
        self, file: StoredFile, schema: pa.Schema, size: int, groups: list[int] | None
    ) -> Iterator[pa.RecordBatch]:
        """Return the rows of a file, or of some of its row groups, the first of which are fetched from now on."""
        one = _File(file)
        file.end = one.metadata  # its row groups may be several partitions
        # Rows that have none of the columns are counted by another.
        names = [name for name in schema.names if name in one.schema.names] or one.schema.names[:1]
        return self._exact(
            one.read(names, range(one.metadata.num_row_groups) if groups is None else groups, size), schema
        )

    def _exact(
        self, rows: Iterator[tuple[pa.RecordBatch, pa.RecordBatch | None]], schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        first = 1
        for batch, nanos in rows:
            first += batch.num_rows
            if nanos is None:
                yield batch
                continue
            from qualytics.connectors.reads import int96

            arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
            for name in set(nanos.schema.names) & set(schema.names):
                arrays[name] = int96.exact(arrays[name], nanos.column(name), schema.field(name), first - batch.num_rows)
            yield pa.RecordBatch.from_pydict(arrays)


class _File:
    """One file that is open."""

    def __init__(self, file: StoredFile) -> None:
        self._file = file
        self._all = _Columns(file, "us", file.end)
        self.metadata, self.schema, self.int96 = self._all.metadata, self._all.schema, self._all.int96

    def read(
        self, names: list[str], groups: Sequence[int], size: int, most: int = _GROUP_BYTES
    ) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch | None]]:
        """Return batches of row groups, beside each its columns of INT96 in nanoseconds; `most` bytes are held of a group."""

        def rows(group: int) -> int:
            return min(size, self._all.rows(names, group))

        batches = self._all.batches(names, groups, rows, most)
        exact = [name for name in names if name in self.int96]
        if not exact:
            return ((batch, None) for batch in batches)
        return _paired(batches, _Columns(self._file, "ns", self.metadata).batches(exact, groups, rows, most))


def _paired(
    micros: Iterator[pa.RecordBatch], nanos: Iterator[pa.RecordBatch]
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch]]:
    for batch, same in zip(micros, nanos, strict=True):
        if batch.num_rows != same.num_rows:
            raise refuse("internal", "rows of INT96 do not come by the same numbers", "please report this")
        yield batch, same


class _Columns:
    """Columns of a file, with INT96 in one unit; row groups come one after the other, and the next one meanwhile."""

    def __init__(self, file: StoredFile, unit: str, metadata: Any = None) -> None:
        self._file, self._unit, self.metadata = file, unit, metadata
        self._source: Reader = file.open()
        self._readers: dict[int, Any] = {}
        opened = self._reader(0)
        self.metadata, self.schema = opened.metadata, opened.schema_arrow
        leaves = [opened.schema.column(number) for number in range(len(opened.schema))]
        self._columns = [one.path.partition(".")[0] for one in leaves]
        self.int96 = {name for name, one in zip(self._columns, leaves, strict=True) if one.physical_type == "INT96"}

    def batches(
        self, names: list[str], groups: Sequence[int], rows: Callable[[int], int], most: int
    ) -> Iterator[pa.RecordBatch]:
        """Return batches of row groups, of each as many rows at once as `rows` says; the first are fetched from now on."""
        plans = (self._begun(names, run, most) for run in self._runs(names, groups, most))
        return self._decoded(names, next(plans, None), plans, rows)

    def _decoded(
        self, names: list[str], ahead: _Plan | None, plans: Iterator[_Plan], rows: Callable[[int], int]
    ) -> Iterator[pa.RecordBatch]:
        while (plan := ahead) is not None:
            ahead = next(plans, None)
            for group in plan.groups:
                with self._errors():
                    yield from self._reader(plan.window).iter_batches(rows(group), [group], names)
            self._source.drop(plan.parts)

    def rows(self, names: list[str], group: int) -> int:
        """Return how many rows of a group make a batch that is no larger than others."""
        number: int = self.metadata.row_group(group).num_rows
        size: int = sum(one.total_uncompressed_size for one in self._chunks(names, group))
        return max(arrow.BATCH_BYTES * number // max(size, 1), 1)

    def _chunks(self, names: list[str], group: int) -> list[Any]:
        row_group, wanted = self.metadata.row_group(group), set(names)
        return [row_group.column(place) for place, name in enumerate(self._columns) if name in wanted]

    def _runs(self, names: list[str], groups: Sequence[int], most: int) -> Iterator[list[int]]:
        """Yield row groups that are fetched together, as their columns are no more than `most` bytes, or one alone."""
        run: list[int] = []
        held = 0
        for group in groups:
            size = sum(one.total_compressed_size for one in self._chunks(names, group))
            if run and held + size > most:
                yield run
                run, held = [], 0
            run.append(group)
            held += size
        if run:
            yield run

    def _begun(self, names: list[str], run: list[int], most: int) -> _Plan:
        chunks = [one for group in run for one in self._chunks(names, group)]
        parts = [_part(one) for one in chunks]
        if sum(one.total_compressed_size for one in chunks) <= most:
            return _Plan(run, self._source.fetch(parts), 0)
        size = min(max(most // len(chunks) // 2, _LEAST_BYTES), BLOCK_BYTES)
        return _Plan(run, self._source.fetch(parts, size), _WINDOW_BYTES)

    def _reader(self, window: int) -> Any:
        from pyarrow import parquet

        if window not in self._readers:
            with self._errors():
                self._readers[window] = parquet.ParquetFile(
                    pa.PythonFile(self._source, "r"),
                    metadata=self.metadata,
                    buffer_size=window,
                    pre_buffer=False,
                    coerce_int96_timestamp_unit=self._unit,
                    page_checksum_verification=True,
                    arrow_extensions_enabled=True,
                )
        return self._readers[window]

    def _errors(self) -> AbstractContextManager[None]:
        return refused_as(f"{self._file.path} is no Parquet that can be read, or not whole")


class _Plan(Struct):
    """How row groups are read: the parts of the file that they are in, and how many bytes of each at once (0: all)."""

    groups: list[int]
    parts: list[tuple[int, int]]
    window: int


def _part(column: Any) -> tuple[int, int]:
    start = column.data_page_offset
    if column.has_dictionary_page and column.dictionary_page_offset:
        start = min(start, column.dictionary_page_offset)
    return start, start + column.total_compressed_size


def _look_at(one: _File, kinds: dict[str, set[str]], limit: int | None) -> None:
    """Add what the first values of columns of INT96 are, or all of them."""
    from qualytics.connectors.reads import int96

    names, rows = sorted(kinds), 0
    for micros, nanos in one.read(names, range(one.metadata.num_row_groups), _LOOK_ROWS, _LOOK_BYTES):
        for name in names:
            array = micros.column(name)
            if pa.types.is_timestamp(array.type) and nanos is not None:
                kinds[name].update(int96.kinds_of(array, nanos.column(name)))
        rows += micros.num_rows
        if limit is not None and rows >= limit:
            return
