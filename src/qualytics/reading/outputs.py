"""What a read is written as: Parquet, Arrow, CSV or JSON Lines."""

from __future__ import annotations

import contextlib
import io
import json
from abc import ABC, abstractmethod
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa

from qualytics.connectors.reading import no_rows
from qualytics.errors import QualyticsError, UsageError
from qualytics.reading.files import STREAM

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RECEIPT = b"qualytics.receipt"
# Of a group of rows in Parquet: smaller ones compress worse and read slower.
_GROUP_ROWS, _GROUP_BYTES = 131_072, 64 << 20


class Output(ABC):
    """Writes batches to a file-like object; `end` gets the receipt, which Parquet and Arrow keep as metadata."""

    def __init__(self, sink: IO[bytes], schema: pa.Schema) -> None:
        self.sink, self.schema = sink, schema

    @abstractmethod
    def write(self, batch: pa.RecordBatch) -> None:
        """Write one batch."""

    def end(self, receipt: Mapping[str, Any]) -> None:  # noqa: B027 - CSV and JSON Lines have nothing there
        """Write what stands behind the last batch."""

    def abandon(self) -> None:  # noqa: B027 - CSV and JSON Lines have no end to leave out
        """Leave what was written without an end, so that nobody takes it for the whole."""


class _Gate(io.RawIOBase):
    """A sink that can be shut: pyarrow writes the footer of a Parquet file that nobody has closed, too."""

    def __init__(self, sink: IO[bytes]) -> None:
        super().__init__()
        self._sink, self.is_shut = sink, False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return len(data) if self.is_shut else self._sink.write(data)


class _Parquet(Output):
    def __init__(self, sink: IO[bytes], schema: pa.Schema) -> None:
        from pyarrow import parquet

        super().__init__(sink, _storable(schema))
        self._gate = _Gate(sink)
        self._writer = parquet.ParquetWriter(self._gate, self.schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def write(self, batch: pa.RecordBatch) -> None:
        if batch.schema != self.schema:
            from qualytics.reading.texts import as_texts

            columns = [
                column if column.type == one.type else pa.array(as_texts(column), pa.string())
                for column, one in zip(batch.columns, self.schema, strict=True)
            ]
            batch = pa.RecordBatch.from_arrays(columns, schema=self.schema)
        self._waiting.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= _GROUP_ROWS or self._bytes >= _GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting, self.schema), row_group_size=self._rows)
        self._waiting, self._rows, self._bytes = [], 0, 0

    def end(self, receipt: Mapping[str, Any]) -> None:
        self._flush()
        self._writer.add_key_value_metadata({RECEIPT: json.dumps(receipt).encode()})
        self._writer.close()

    def abandon(self) -> None:
        self._gate.is_shut = True
        with contextlib.suppress(pa.ArrowException, OSError):  # of a disk that has failed before
            self._writer.close()


def _storable(schema: pa.Schema) -> pa.Schema:
    """Return a schema with texts in place of intervals and durations, which Parquet has not."""
    return pa.schema([one.with_type(pa.string()) if _has(_is_interval, one.type) else one for one in schema])


def _is_interval(kind: pa.DataType) -> bool:
    return bool(pa.types.is_interval(kind) or pa.types.is_duration(kind))


def _has(check: Callable[[pa.DataType], bool], kind: pa.DataType) -> bool:
    """Say whether a check is true of a type, or of one within it."""
    if check(kind):
        return True
    return pa.types.is_nested(kind) and any(_has(check, kind.field(number).type) for number in range(kind.num_fields))


class _Arrow(Output):
    """A file, as Feather is one: its last batch has no rows, and the receipt as metadata."""

    new: Callable[..., Any] = pa.ipc.new_file

    def __init__(self, sink: IO[bytes], schema: pa.Schema) -> None:
        super().__init__(sink, schema)
        self._writer = type(self).new(sink, schema)

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)

    def end(self, receipt: Mapping[str, Any]) -> None:
        self._writer.write_batch(no_rows(self.schema), {RECEIPT: json.dumps(receipt).encode()})
        self._writer.close()


class _ArrowStream(_Arrow):
    """The same as a stream."""

    new = pa.ipc.new_stream

    def abandon(self) -> None:
        with contextlib.suppress(QualyticsError, OSError):  # nobody may be there to read it
            self.sink.write(_BROKEN_OFF)


# The beginning of a message that does not come: readers take a stream without its end for whole.
_BROKEN_OFF = b"\xff\xff\xff\xff" + (1 << 10).to_bytes(4, "little")


class _Csv(Output):
    """Every text stands in quotes and NULL is nothing, so that the empty text is told from it."""

    def __init__(self, sink: IO[bytes], schema: pa.Schema) -> None:
        super().__init__(sink, schema)
        sink.write((",".join(_quoted(name) for name in schema.names) + "\n").encode())

    def write(self, batch: pa.RecordBatch) -> None:
        from qualytics.reading.texts import as_texts  # it brings more of pyarrow, which Parquet and Arrow do not need

        columns = [as_texts(column) for column in batch.columns]
        quoted = [_is_quoted(one.type) for one in self.schema]
        lines = [
            ",".join(
                "" if text is None else _quoted(text) if is_quoted else text
                for text, is_quoted in zip(row, quoted, strict=True)
            )
            for row in zip(*columns, strict=True)
        ]
        self.sink.write("".join(f"{line}\n" for line in lines).encode())


class _JsonLines(Output):
    """An object a row; what JSON has no exact form for, as decimals and NaN, is a text."""

    def write(self, batch: pa.RecordBatch) -> None:
        from qualytics.reading.texts import as_json_values

        columns = [as_json_values(column) for column in batch.columns]
        names = self.schema.names
        lines = [
            json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) for row in zip(*columns, strict=True)
        ]
        self.sink.write("".join(f"{line}\n" for line in lines).encode())


_OUTPUTS: dict[str, type[Output]] = {
    "parquet": _Parquet,
    "arrow": _Arrow,
    STREAM: _ArrowStream,
    "csv": _Csv,
    "jsonl": _JsonLines,
}


def open_output(sink: IO[bytes], form: str, schema: pa.Schema) -> Output:
    """Return what writes a format.

    Raises:
        UsageError: a format that names its columns cannot hold two of one name, nor Parquet a union.

    """
    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if twice and form in {"jsonl", "parquet"}:
        raise UsageError(f"there are two columns {twice[0]!r}, which {form} cannot hold", "name them apart, with `as`")
    if form == "parquet" and any(_has(pa.types.is_union, one.type) for one in schema):
        raise UsageError("Parquet has no unions", "--format arrow writes them as they are")
    return _OUTPUTS[form](sink, schema)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _is_quoted(kind: pa.DataType) -> bool:
    return not any(check(kind) for check in _PLAIN)


_PLAIN: tuple[Callable[[pa.DataType], bool], ...] = (
    *(pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean),
    *(pa.types.is_date, pa.types.is_timestamp, pa.types.is_time),
)
