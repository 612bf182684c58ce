"""Arrow: files and streams of its IPC format, columns as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from qualytics.connectors.reads.file_columns import MANY_AT_ONCE, Part, fields_of, refused_as, require_distinct, unified

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from qualytics.connectors.reading import Query
    from qualytics.connectors.reads.stored_file import StoredFile

_MAGIC = b"ARROW1"


class ArrowFiles:
    """Files of Arrow; see `file_columns.Format`."""

    at_once = MANY_AT_ONCE

    def look(self, file: StoredFile, query: Query) -> Part:
        """Read what a file says of its columns."""
        del query
        with _errors(file), _opened(file) as opened:
            require_distinct(file, opened.schema.names)
            return Part(pa.schema(fields_of(opened.schema)))

    def unified(self, files: Sequence[StoredFile], parts: Sequence[Part]) -> pa.Schema:
        """Return the columns of all files."""
        return unified(files, parts)

    def batches(
        self, file: StoredFile, schema: pa.Schema, size: int, groups: list[int] | None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a file."""
        del schema, groups
        with _errors(file), _opened(file) as opened:
            is_stream = isinstance(opened, pa.ipc.RecordBatchStreamReader)
            whole = opened if is_stream else map(opened.get_batch, range(opened.num_record_batches))
            for batch in whole:
                yield from (batch.slice(start, size) for start in range(0, batch.num_rows, size))


def _opened(file: StoredFile) -> Any:
    source = pa.PythonFile(file.open(), "r")
    is_file = file.range(0, min(len(_MAGIC), file.size)) == _MAGIC
    return pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)


def _errors(file: StoredFile) -> AbstractContextManager[None]:
    return refused_as(f"{file.path} is no Arrow that can be read, or not whole")
