"""JSON Lines: objects, one a line; the type of a column follows all of its values."""

from __future__ import annotations

import decimal
import io
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from qualytics.connectors.contract import refuse
from qualytics.connectors.reading import NOTE, repeated
from qualytics.connectors.reads.file_columns import Part, is_from_folder, kinds_of
from qualytics.connectors.reads.text_files import stream
from qualytics.connectors.shared import arrow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qualytics.connectors.reading import Query
    from qualytics.connectors.reads.stored_file import StoredFile

_MIN_INT, _MAX_INT = -(1 << 63), (1 << 63) - 1
# Digits of a whole number of 64 bits, with its sign.
_INT_LENGTH = 20
# Whole numbers up to here are doubles, too.
_DOUBLE_INT = 1 << 53
_LINE_BYTES = 32 << 20


class JsonFiles:
    """Files of JSON Lines, of which a look reads all; see `file_columns.Format`."""

    at_once = 2

    def look(self, file: StoredFile, query: Query) -> Part:
        """Look at all values of a file, or of as many rows as are read."""
        kinds: dict[str, set[str]] = {}
        rows = 0
        for values, _ in _rows(file):
            rows += 1
            for name, value in values.items():
                kinds.setdefault(name, set()).add(_kind(value))
            if rows == query.limit:
                break
        return Part(pa.schema([]), 1, rows, kinds)

    def unified(self, files: Sequence[StoredFile], parts: Sequence[Part]) -> pa.Schema:
        """Return the columns of all files."""
        del files
        return pa.schema([_field(name, frozenset(kinds) - {"null"}) for name, kinds in kinds_of(parts).items()])

    def batches(
        self, file: StoredFile, schema: pa.Schema, size: int, groups: list[int] | None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a file."""
        del groups
        own = pa.schema([one for one in schema if not is_from_folder(one)])
        rows: list[dict[str, Any]] = []
        first, held = 1, 0
        for values, number in _rows(file):
            rows.append(values)
            held += number
            if len(rows) == size or held >= arrow.BATCH_BYTES:
                yield _batch(rows, own, first)
                first += len(rows)
                rows, held = [], 0
        if rows:
            yield _batch(rows, own, first)


class _Number(str):
    """A number of JSON as it is written: one with a point or an exponent, or a whole one of many digits."""

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


def _rows(file: StoredFile) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield objects, and the bytes of each."""
    number = 0
    with io.BufferedReader(_Raw(stream(file)), 1 << 20) as lines:
        while line := _line(lines, file, number):
            number += 1
            if not line.strip():
                continue
            try:
                values = json.loads(line, parse_float=_Number, parse_int=_whole, object_pairs_hook=_distinct)
            except _Twice as exc:
                raise refuse("config", f"{file.path}, line {number:,} has a key twice: {exc.args[0]!r}") from None
            except (ValueError, RecursionError):
                raise refuse("config", f"{file.path}, line {number:,} is no JSON") from None
            if not isinstance(values, dict):
                raise refuse("config", f"{file.path}, line {number:,} is no object of JSON")
            yield values, len(line)


def _line(lines: io.BufferedReader[Any], file: StoredFile, number: int) -> bytes:
    try:
        line = lines.readline(_LINE_BYTES + 1)
    except MemoryError:
        raise
    except (pa.ArrowException, OSError):
        raise refuse("config", f"{file.path}, after line {number:,}: the file is not whole") from None
    if len(line) > _LINE_BYTES:
        raise refuse("config", f"{file.path}, line {number + 1:,} is longer than {_LINE_BYTES >> 20} MiB")
    return line


class _Twice(ValueError):
    """An object has a key twice: which of its values is meant, nobody could say."""


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise _Twice(repeated(name for name, _ in pairs))
    return values


def _whole(text: str) -> int | _Number:
    return int(text) if len(text) <= _INT_LENGTH else _Number(text)


def _kind(value: Any) -> str:
    """Return what kind of value a column holds: numbers that a double, or 64 bits, do not hold are texts."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else "bool"
    if isinstance(value, int):
        return _kind_of_whole(value)
    if isinstance(value, float):  # NaN and infinity, which some write
        return "float"
    if isinstance(value, _Number):
        return "float" if _is_double(value) else "long number"
    return "text" if isinstance(value, str) else "nested"


def _kind_of_whole(value: int) -> str:
    if not _MIN_INT <= value <= _MAX_INT:
        return "long number"
    return "int" if abs(value) <= _DOUBLE_INT else "long int"


def _is_double(text: _Number) -> bool:
    if text.lstrip("-").isdecimal():
        return False
    try:
        return decimal.Decimal(repr(float(text))) == decimal.Decimal(text)
    except ArithmeticError:  # an exponent that no decimal has
        return False


_KINDS = {
    frozenset[str](): pa.string(),
    frozenset({"bool"}): pa.bool_(),
    frozenset({"int"}): pa.int64(),
    frozenset({"long int"}): pa.int64(),
    frozenset({"int", "long int"}): pa.int64(),
    frozenset({"float"}): pa.float64(),
    frozenset({"int", "float"}): pa.float64(),
    frozenset({"text"}): pa.string(),
}


def _field(name: str, kinds: frozenset[str]) -> pa.Field:
    database_type = ", ".join(sorted(kinds)) or "null"
    if kinds in _KINDS:
        return arrow.field(name, _KINDS[kinds], database_type)
    return arrow.field(name, pa.string(), database_type, "as text: JSON")


def _batch(rows: list[dict[str, Any]], schema: pa.Schema, first: int) -> pa.RecordBatch:
    arrays = [_array([row.get(one.name) for row in rows], one, first) for one in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: list[Any], one: pa.Field, first: int) -> pa.Array:
    if (one.metadata or {}).get(NOTE.encode()):
        values = [None if value is None else _written(value) for value in values]
    elif pa.types.is_floating(one.type):
        values = [None if value is None else float(value) for value in values]
    try:
        return pa.array(values, one.type)
    except UnicodeEncodeError:
        row = first + next(number for number, value in enumerate(values) if _is_half(value))
        unfit = arrow.Unfit("half of a pair of surrogates, which is no text", "mend the file")
        raise arrow.unfit(one.name, row, unfit) from None


def _is_half(value: str | None) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in value or "")


def _written(value: Any) -> str:
    """Return a value as JSON, its numbers as they were written."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_written(name)}:{_written(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
