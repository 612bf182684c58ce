"""Formats of files that are read, by the end of their names."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from qualytics.connectors.contract import refuse
from qualytics.connectors.reads.arrow_files import ArrowFiles
from qualytics.connectors.reads.json_files import JsonFiles
from qualytics.connectors.reads.parquet_files import ParquetFiles
from qualytics.connectors.reads.text_files import COMPRESSED, CsvFiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qualytics.connectors.reads.file_columns import Format
    from qualytics.connectors.reads.stored_file import StoredFile

_FORMATS: dict[str, Format] = {
    **dict.fromkeys((".parquet", ".pq"), ParquetFiles()),
    **dict.fromkeys((".arrow", ".arrows", ".feather", ".ipc"), ArrowFiles()),
    ".csv": CsvFiles(","),
    ".tsv": CsvFiles("\t"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), JsonFiles()),
}


def of(files: Sequence[StoredFile]) -> Format:
    """Return the format that files have, by the ends of their names.

    Raises:
        Refusal: one has another format, or none that is read.

    """
    formats = {file.path: _format_of(file.path) for file in files}
    first = next(iter(formats.values()))
    for path, one in formats.items():
        if one is None:
            hint = f"names end with {', '.join(_FORMATS)}; CSV and JSON Lines also with {', '.join(COMPRESSED)} behind"
            raise refuse("config", f"{path} is of no format that is read", hint)
        if one is not first:
            raise refuse("config", f"{path} is of another format than {files[0].path}", "give --path of files of one")
    return first  # type: ignore[return-value]  # none is None


def digest(files: Sequence[StoredFile]) -> str:
    """Return a digest of which files there are, and of their ETags."""
    listed = json.dumps([[file.path, file.etag, file.size] for file in files])
    return hashlib.sha256(listed.encode()).hexdigest()


def _format_of(path: str) -> Format | None:
    name = path.lower()
    compressed = next((end for end in COMPRESSED if name.endswith(end)), "")
    one = _FORMATS.get("." + name.removesuffix(compressed).rpartition(".")[2])
    return None if compressed and isinstance(one, ParquetFiles | ArrowFiles) else one
