"""Formats of files that are read, by the end of their names: what columns and rows one has, and its batches."""

from __future__ import annotations

import decimal
import hashlib
import io
import json
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from qualytics.connectors.contract import refuse
from qualytics.connectors.reading import NOTE
from qualytics.connectors.shared import arrow
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qualytics.connectors.reads.stored_file import StoredFile

_BLOCK_BYTES = 1 << 20
_MIN_INT, _MAX_INT = -(1 << 63), (1 << 63) - 1
_INT96 = "INT96, which is read in microseconds"


class Part(Struct):
    """What a look at one file tells: its columns, how many row groups it has, and rows where it says so itself."""

    schema: pa.Schema
    groups: int = 1
    rows: int | None = None
    kinds: dict[str, set[str]] | None = None


class Format(Protocol):
    """One format of files."""

    def look(self, file: StoredFile) -> Part:
        """Look at a file."""
        ...

    def batches(
        self, file: StoredFile, schema: pa.Schema, size: int, groups: list[int] | None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a file, at most `size` at once, with as many of the columns as it has."""
        ...


class _Parquet:
    def look(self, file: StoredFile) -> Part:
        with self._opened(file) as opened:
            physical = {
                one.name for one in map(opened.schema.column, range(len(opened.schema))) if one.physical_type == "INT96"
            }
            fields = [
                arrow.field(one.name, _dense(one.type), str(one.type), _INT96 if one.name in physical else "")
                for one in opened.schema_arrow
            ]
            return Part(pa.schema(fields), opened.num_row_groups, opened.metadata.num_rows)

    def batches(
        self, file: StoredFile, schema: pa.Schema, size: int, groups: list[int] | None
    ) -> Iterator[pa.RecordBatch]:
        with self._opened(file) as opened:
            names = [name for name in schema.names if name in opened.schema_arrow.names]
            chosen = range(opened.num_row_groups) if groups is None else groups
            for group in chosen:  # one at a time: memory holds no more than its columns
                yield from opened.iter_batches(size, [group], names)

    def _opened(self, file: StoredFile) -> Any:
        from pyarrow import parquet

        return parquet.ParquetFile(pa.PythonFile(file.open(), "r"), pre_buffer=True, coerce_int96_timestamp_unit="us")


class _Arrow:
    def look(self, file: StoredFile) -> Part:
        with self._opened(file) as opened:
            fields = [arrow.field(one.name, _dense(one.type), str(one.type)) for one in opened.schema]
            return Part(pa.schema(fields))

    def batches(
        self, file: StoredFile, schema: pa.Schema, size: int, groups: list[int] | None
    ) -> Iterator[pa.RecordBatch]:
        del schema, groups
        with self._opened(file) as opened:
            stream = isinstance(opened, pa.ipc.RecordBatchStreamReader)
            whole = opened if stream else map(opened.get_batch, range(opened.num_record_batches))
            for batch in whole:
                yield from (batch.slice(start, size) for start in range(0, batch.num_rows, size))

    def _opened(self, file: StoredFile) -> Any:
        source = pa.PythonFile(file.open(), "r")
        is_file = file.range(0, min(6, file.size)) == b"ARROW1"
        return pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)


class _Csv:
    """CSV has no types: values are texts; an empty field is NULL, unless it stands in quotes. The first line has names."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter

    def look(self, file: StoredFile) -> Part:
        opened = self._opened(file, None)
        names = opened.schema.names
        opened.close()
        if len(set(names)) < len(names):
            raise refuse("config", f"{file.path} has two columns of one name")
        return Part(pa.schema([arrow.field(name, pa.string(), "text") for name in names]))

    def batches(
        self, file: StoredFile, schema: pa.Schema, size: int, groups: list[int] | None
    ) -> Iterator[pa.RecordBatch]:
        del groups
        rows = 0
        with self._opened(file, schema) as opened:
            try:
                for batch in opened:
                    yield from (batch.slice(start, size) for start in range(0, batch.num_rows, size))
                    rows += batch.num_rows
            except pa.ArrowInvalid:
                cause = f"{file.path}, after row {rows:,}: a line has other fields than the first, or bytes that are no text"
                raise refuse("config", cause) from None

    def _opened(self, file: StoredFile, schema: pa.Schema | None) -> Any:
        from pyarrow import csv

        types = None if schema is None else dict.fromkeys(schema.names, pa.string())
        try:
            return csv.open_csv(
                _stream(file),
                csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
                csv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True, ignore_empty_lines=False),
                csv.ConvertOptions(
                    column_types=types,
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                    include_columns=None,
                    auto_dict_encode=False,
                ),
            )
        except pa.ArrowInvalid:  # whose words repeat lines of the file
            raise refuse("config", f"{file.path} is no CSV") from None


class _JsonLines:
    """Objects, one a line; the type of a column follows all of its values."""

    def look(self, file: StoredFile) -> Part:
        kinds: dict[str, set[str]] = {}
        rows = 0
        for row, values in self._rows(file):
            rows = row
            for name, value in values.items():
                kinds.setdefault(name, set()).add(_kind(value))
        return Part(pa.schema([]), 1, rows, kinds)

    def batches(
        self, file: StoredFile, schema: pa.Schema, size: int, groups: list[int] | None
    ) -> Iterator[pa.RecordBatch]:
        del groups
        rows: list[dict[str, Any]] = []
        for _, values in self._rows(file):
            rows.append(values)
            if len(rows) == size:
                yield _of_rows(rows, schema)
                rows = []
        if rows:
            yield _of_rows(rows, schema)

    def _rows(self, file: StoredFile) -> Iterator[tuple[int, dict[str, Any]]]:
        with io.BufferedReader(_Raw(_stream(file))) as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    values = json.loads(line, parse_float=_Number)
                except ValueError:
                    raise refuse("config", f"{file.path}, line {number:,} is no JSON") from None
                if not isinstance(values, dict):
                    raise refuse("config", f"{file.path}, line {number:,} is no object of JSON")
                yield number, values


class _Number(str):
    """A number of JSON with a point or an exponent, as it is written."""

    __slots__ = ()


class _Raw(io.RawIOBase):
    """A stream of Arrow as one of Python."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


_FORMATS: dict[str, Format] = {
    **dict.fromkeys((".parquet", ".pq"), _Parquet()),
    **dict.fromkeys((".arrow", ".arrows", ".feather", ".ipc"), _Arrow()),
    ".csv": _Csv(","),
    ".tsv": _Csv("\t"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), _JsonLines()),
}
_COMPRESSED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}


def of(files: Sequence[StoredFile]) -> Format:
    """Return the format that files have, by the ends of their names.

    Raises:
        Refusal: one has another format, or none that is read.

    """
    formats = {file.path: _format_of(file.path) for file in files}
    first = next(iter(formats.values()))
    for path, one in formats.items():
        if one is None:
            hint = f"names end with {', '.join(_FORMATS)}; CSV and JSON Lines also with {', '.join(_COMPRESSED)} behind"
            raise refuse("config", f"{path} is of no format that is read", hint)
        if one is not first:
            raise refuse("config", f"{path} is of another format than {files[0].path}", "give --path of files of one")
    return first  # type: ignore[return-value]  # none is None


def unified(files: Sequence[StoredFile], parts: Sequence[Part]) -> pa.Schema:
    """Return the columns of all files; those that a file has not are NULL in its rows.

    Raises:
        Refusal: a column has not one type in all of them.

    """
    if parts[0].kinds is not None:
        return _json_schema(parts)
    schema = parts[0].schema
    for file, part in zip(files, parts, strict=True):
        try:
            schema = pa.unify_schemas([schema, part.schema])
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            names = [one.name for one in part.schema if one.name in schema.names]
            name = next(name for name in names if schema.field(name).type != part.schema.field(name).type)
            cause = f"column {name!r} of {file.path} is of another type than in {files[0].path}"
            raise refuse("config", cause, "give --path of files that are alike") from None
    return schema


def digest(files: Sequence[StoredFile]) -> str:
    """Return a digest of which files there are, and of their ETags."""
    listed = json.dumps([[file.path, file.etag, file.size] for file in files])
    return hashlib.sha256(listed.encode()).hexdigest()


def _format_of(path: str) -> Format | None:
    name = path.lower()
    compressed = next((end for end in _COMPRESSED if name.endswith(end)), "")
    one = _FORMATS.get("." + name.removesuffix(compressed).rpartition(".")[2])
    return None if compressed and isinstance(one, _Parquet | _Arrow) else one


def _stream(file: StoredFile) -> Any:
    compression = next((kind for end, kind in _COMPRESSED.items() if file.path.lower().endswith(end)), None)
    source = pa.PythonFile(file.open(), "r")
    return source if compression is None else pa.CompressedInputStream(source, compression)


def _dense(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _kind(value: Any) -> str:
    """Return what kind of value a column holds: numbers that a double, or 64 bits, do not hold are texts."""
    if isinstance(value, _Number):
        exact = decimal.Decimal(value)
        return "float" if decimal.Decimal(repr(float(value))) == exact else "long number"
    if isinstance(value, bool) or value is None:
        return "null" if value is None else "bool"
    if isinstance(value, int):
        return "int" if _MIN_INT <= value <= _MAX_INT else "long number"
    return "text" if isinstance(value, str) else "nested"


_KINDS = {
    frozenset[str](): pa.string(),
    frozenset({"bool"}): pa.bool_(),
    frozenset({"int"}): pa.int64(),
    frozenset({"float"}): pa.float64(),
    frozenset({"text"}): pa.string(),
}


def _json_schema(parts: Sequence[Part]) -> pa.Schema:
    kinds: dict[str, set[str]] = {}
    for part in parts:
        for name, found in (part.kinds or {}).items():
            kinds.setdefault(name, set()).update(found)
    return pa.schema([_json_field(name, frozenset(found) - {"null"}) for name, found in kinds.items()])


def _json_field(name: str, kinds: frozenset[str]) -> pa.Field:
    database_type = ", ".join(sorted(kinds)) or "null"
    if kinds in _KINDS:
        return arrow.field(name, _KINDS[kinds], database_type)
    return arrow.field(name, pa.string(), database_type, "as text: JSON")


def _of_rows(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    arrays = [pa.array([_value(row.get(one.name), one) for row in rows], one.type) for one in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _value(value: Any, one: pa.Field) -> Any:
    if value is None:
        return None
    if isinstance(value, _Number):
        return str(value) if pa.types.is_string(one.type) else float(value)
    is_json = (one.metadata or {}).get(NOTE.encode(), b"") != b""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if is_json else value
