"""What a look at a file tells of its columns, and how their values become those of a read."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from qualytics.connectors.contract import refuse
from qualytics.connectors.reading import NOTE, repeated
from qualytics.connectors.shared import arrow
from qualytics.structs import Struct, field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from qualytics.connectors.reading import Query
    from qualytics.connectors.reads.stored_file import StoredFile

# The note of a column that stands in no file, but in the names of its folders.
_FROM_FOLDER = "from the names of folders"
_UUID, _JSON = "arrow.uuid", "arrow.json"


# Files whose ends or first lines are read together.
MANY_AT_ONCE = 16


class Part(Struct):
    """What a look at one file tells: its columns, how many row groups it has, and rows where it says so itself.

    `kinds` are what the values of a column are, by its name, where its type follows from the values of all files.
    """

    schema: pa.Schema
    groups: int = 1
    rows: int | None = None
    kinds: Mapping[str, set[str]] = field(default_factory=dict)


class Format(Protocol):
    """One format of files; `at_once` is how many may be looked at together, by what a look holds."""

    at_once: int

    def look(self, file: StoredFile, query: Query) -> Part:
        """Look at a file."""
        ...

    def unified(self, files: Sequence[StoredFile], parts: Sequence[Part]) -> pa.Schema:
        """Return the columns of all files; those that a file has not are NULL in its rows.

        Raises:
            Refusal: a column has not one type in all of them.

        """
        ...

    def batches(
        self, file: StoredFile, schema: pa.Schema, size: int, groups: list[int] | None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a file, at most `size` at once, with as many of the columns as it has."""
        ...


def unified(files: Sequence[StoredFile], parts: Sequence[Part]) -> pa.Schema:
    """Return the columns of all files that have types themselves; raises as `Format.unified`."""
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


def kinds_of(parts: Sequence[Part]) -> dict[str, set[str]]:
    """Return what the values of columns are in all files."""
    kinds: dict[str, set[str]] = {}
    for part in parts:
        for name, found in part.kinds.items():
            kinds.setdefault(name, set()).update(found)
    return kinds


def require_distinct(file: StoredFile, names: Sequence[str]) -> None:
    """Raise a Refusal when two columns have one name: which of them is meant, nobody could say."""
    if (twice := repeated(names)) is not None:
        raise refuse("config", f"{file.path} has two columns {twice!r}")


@contextlib.contextmanager
def refused_as(cause: str) -> Iterator[None]:
    """Raise a Refusal where Arrow cannot read what a store has; its own words, which repeat values, are left out."""
    try:
        yield
    except MemoryError:
        raise
    except (pa.ArrowException, OSError):
        raise refuse("config", cause) from None


def with_folders(schema: pa.Schema, files: Sequence[StoredFile]) -> pa.Schema:
    """Return columns with those that the names of folders give, as texts; what stands in a file itself goes first."""
    names = dict.fromkeys(name for file in files for name in file.keys)
    more = [arrow.field(name, pa.string(), "text", _FROM_FOLDER) for name in names if name not in schema.names]
    return pa.schema([*schema, *more])


def is_from_folder(one: pa.Field) -> bool:
    """Say whether a column of a read is one that the names of folders give."""
    return bool((one.metadata or {}).get(NOTE.encode()) == _FROM_FOLDER.encode())


def fields_of(schema: pa.Schema) -> list[pa.Field]:
    """Return the columns of a file as a read has them: of no encoding, zoned timestamps in UTC, UUID as text."""
    return [arrow.field(one.name, *_plain(one.type)) for one in schema]


def _plain(kind: pa.DataType) -> tuple[pa.DataType, str, str]:
    """Return the type that values of a type are read as, the type as the file has it, and a note."""
    read, note = kind, ""
    while (inner := _inside(read)) is not None:
        if isinstance(read, pa.BaseExtensionType):
            note = "as text" if read.extension_name in {_UUID, _JSON} else f"as stored, without {read.extension_name}"
            inner = pa.string() if read.extension_name == _UUID else inner
        read = inner
    return _decoded(read), str(kind), note


def _decoded(kind: pa.DataType) -> pa.DataType:
    """Return a type whose timestamps are in UTC, and within which no value is encoded as one of a dictionary."""
    if pa.types.is_dictionary(kind):
        return _decoded(kind.value_type)
    if pa.types.is_timestamp(kind):
        return kind if kind.tz is None else pa.timestamp(kind.unit, "UTC")
    return _decoded_within(kind) if pa.types.is_nested(kind) else kind


def _decoded_within(kind: pa.DataType) -> pa.DataType:
    fields = [kind.field(number) for number in range(kind.num_fields)]
    decoded = [one.with_type(_decoded(one.type)) for one in fields]
    if pa.types.is_struct(kind):
        return pa.struct(decoded)
    if pa.types.is_map(kind):
        (pairs,) = decoded
        return pa.map_(*pairs.type, keys_sorted=kind.keys_sorted)
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(decoded[0], kind.list_size)
    if pa.types.is_large_list(kind):
        return pa.large_list(decoded[0])
    return pa.list_(decoded[0]) if pa.types.is_list(kind) else kind


def _inside(kind: pa.DataType) -> pa.DataType | None:
    """Return the type whose values stand in an encoding, or an extension, of it."""
    if isinstance(kind, pa.BaseExtensionType):
        return kind.storage_type
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return kind.value_type
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        return pa.string() if pa.types.is_string_view(kind) else pa.binary()
    if pa.types.is_list_view(kind):
        return pa.list_(kind.value_field)
    return pa.large_list(kind.value_field) if pa.types.is_large_list_view(kind) else None


class Rows:
    """Makes batches of a read out of those of a file, in order, and says in which row a value does not fit."""

    def __init__(self, file: StoredFile, schema: pa.Schema, invalid_text: str) -> None:
        self._file, self._schema, self._invalid_text = file, schema, invalid_text
        self._first = 1

    def of(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch with all columns: NULL where the file has none.

        Raises:
            Refusal: a value does not fit, or is no text.

        """
        arrays = [self._array(batch, one) for one in self._schema]
        self._first += batch.num_rows
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _array(self, batch: pa.RecordBatch, one: pa.Field) -> pa.Array:
        if is_from_folder(one):
            return pa.repeat(pa.scalar(self._file.keys.get(one.name), one.type), batch.num_rows)
        place = batch.schema.get_field_index(one.name)
        if place < 0:
            return pa.nulls(batch.num_rows, one.type)  # a column that other files have
        array = batch.column(place)
        try:
            array.validate(full=True)  # texts, too, which no reader of files looks at
        except pa.ArrowInvalid:
            array = self._texts(array, one)
        try:
            return _converted(array, one.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # whose words repeat the value
            raise self._unfit(array, one) from None

    def _texts(self, array: pa.Array, one: pa.Field) -> pa.Array:
        """Return texts of which some are none."""
        plain = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
        if not (pa.types.is_string(plain.type) or pa.types.is_large_string(plain.type)):
            where = f"{self._file.path}, column {one.name!r}, from row {self._first:,}"
            raise refuse("config", f"{where}: bytes that are no text, or no {one.type}")
        binary = pa.binary() if pa.types.is_string(plain.type) else pa.large_binary()
        values = plain.cast(binary).to_pylist()
        return arrow.converted(
            values, lambda value: arrow.text_of(value, self._invalid_text), one, self._first, "error"
        )

    def _unfit(self, array: pa.Array, one: pa.Field) -> Exception:
        row = next(number for number in range(len(array)) if _does_not_fit(array.slice(number, 1), one.type))
        where = f"{self._file.path}, column {one.name!r}, row {self._first + row:,}"
        return refuse("config", f"{where}: a value does not fit {one.type}")


def _does_not_fit(array: pa.Array, kind: pa.DataType) -> bool:
    try:
        _converted(array, kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return True
    return False


def _converted(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if isinstance(array, pa.ExtensionArray):
        is_uuid = array.type.extension_name == _UUID and pa.types.is_string(kind)
        return _uuids(array.storage) if is_uuid else _converted(array.storage, kind)
    if pa.types.is_run_end_encoded(array.type):
        from pyarrow import compute  # its import is a fifth of the start of a read

        return _converted(compute.run_end_decode(array), kind)
    if pa.types.is_list_view(array.type) or pa.types.is_large_list_view(array.type):
        return _lists(array, kind)
    return array if array.type == kind else array.cast(kind)


def _lists(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return views of lists as lists; the cast of Arrow makes arrays that are not valid."""
    from pyarrow import compute

    lengths = compute.fill_null(compute.list_value_length(array), 0).cast(pa.int64())
    ends = compute.cumulative_sum(lengths)
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), ends])
    return pa.LargeListArray.from_arrays(offsets, array.flatten(), mask=array.is_null()).cast(kind)


def _uuids(array: pa.Array) -> pa.Array:
    return pa.array([None if value is None else _uuid(value.hex()) for value in array.to_pylist()], pa.string())


def _uuid(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
