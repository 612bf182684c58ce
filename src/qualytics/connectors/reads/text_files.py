"""CSV, which has no types: values are texts, an empty field is NULL unless it stands in quotes; compressed files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from qualytics.connectors.contract import refuse
from qualytics.connectors.reads.file_columns import MANY_AT_ONCE, Part, require_distinct, unified
from qualytics.connectors.shared import arrow
from qualytics.module_path import let_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qualytics.connectors.reading import Query
    from qualytics.connectors.reads.stored_file import StoredFile

COMPRESSED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}
# Bytes that are parsed at once: no row is longer. Names are looked for in fewer.
_BLOCK_BYTES, _NAMES_BYTES = 8 << 20, 64 << 10
_STRADDLING = "straddl"  # of Arrow's words on a row that is longer than a block


def stream(file: StoredFile) -> Any:
    """Return the bytes of a file, which may be compressed by the end of its name, as a stream of Arrow."""
    compression = next((kind for end, kind in COMPRESSED.items() if file.path.lower().endswith(end)), None)
    source = pa.PythonFile(file.open(), "r")
    return source if compression is None else pa.CompressedInputStream(source, compression)


class CsvFiles:
    """Files of CSV; the first line has names; see `file_columns.Format`."""

    at_once = MANY_AT_ONCE

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter

    def look(self, file: StoredFile, query: Query) -> Part:
        """Read the line with names."""
        del query
        names = self._names(file, _NAMES_BYTES)
        require_distinct(file, names)
        return Part(pa.schema([arrow.field(name, pa.string(), "text") for name in names]))

    def unified(self, files: Sequence[StoredFile], parts: Sequence[Part]) -> pa.Schema:
        """Return the columns of all files."""
        return unified(files, parts)

    def batches(
        self, file: StoredFile, schema: pa.Schema, size: int, groups: list[int] | None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a file."""
        del groups
        rows = 0
        try:
            with self._rows(file, schema) as opened:
                for batch in opened:
                    yield from (batch.slice(start, size) for start in range(0, batch.num_rows, size))
                    rows += batch.num_rows
        except (pa.ArrowException, OSError) as exc:
            raise _fault(file, rows, exc) from None

    def _names(self, file: StoredFile, number: int) -> list[str]:
        try:
            with self._opened(file, number) as opened:
                names: list[str] = opened.schema.names
                return names
        except (pa.ArrowException, OSError, UnicodeDecodeError) as exc:
            if number < _BLOCK_BYTES and isinstance(exc, pa.ArrowInvalid):
                return self._names(file, _BLOCK_BYTES)  # the first rows may be longer
            raise _fault(file, 0, exc) from None

    def _rows(self, file: StoredFile, schema: pa.Schema) -> Any:
        opened = self._opened(file, _BLOCK_BYTES, schema.names)
        # Where there is one column an empty line is NULL; elsewhere it is no row.
        return opened if len(opened.schema) > 1 else self._opened(file, _BLOCK_BYTES, schema.names, skip_empty=False)

    def _opened(self, file: StoredFile, number: int, names: Sequence[str] = (), *, skip_empty: bool = True) -> Any:
        from pyarrow import csv

        let_in("numpy")  # which files of other formats are read without
        from qualytics.connectors.reads.csv_quotes import Checked

        return csv.open_csv(
            pa.PythonFile(Checked(stream(file), file.path, self._delimiter), "r"),
            csv.ReadOptions(use_threads=False, block_size=number),
            csv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True, ignore_empty_lines=skip_empty),
            csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                check_utf8=False,  # each text is looked at, with its row
            ),
        )


def _fault(file: StoredFile, rows: int, exc: Exception) -> Exception:
    """Return the error of a file; Arrow's words, which are left out, repeat lines of it."""
    if isinstance(exc, MemoryError):
        return exc
    cause = "a line has other fields than the first, or the file is not whole"
    if any(_STRADDLING in str(word) for word in exc.args):
        cause = f"a row is longer than {_BLOCK_BYTES >> 20} MiB"
    return refuse(
        "config", f"{file.path}, after row {rows:,}: {cause}", "CSV is read as UTF-8; its first line has names"
    )
