"""Reads of files in object stores: Parquet and Arrow as they are, CSV as texts, JSON Lines by a look at all values.

Partitions are files, or row groups of them; each is read by the ETag that it was listed with. Folders that are named
as `year=2025` are a column, as Hive and Spark have it.
"""

from __future__ import annotations

import itertools
import json
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa

from qualytics.connectors.contract import refuse
from qualytics.connectors.reading import RANGES_PER_SESSION, Partition, Query, Snapshot
from qualytics.connectors.reads import file_formats
from qualytics.connectors.reads.file_columns import Part, Rows, with_folders
from qualytics.connectors.reads.stored_file import StoredFile
from qualytics.connectors.shared.object_store import clean_path, short_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qualytics.connectors.contract import Target
    from qualytics.connectors.shared.object_store import OpenStore

# How names of files begin that tools keep beside the data, as _SUCCESS and .part.crc.
_KEPT_ASIDE = ("_", ".")
# How Hive writes NULL in the name of a folder.
_NULL = "__HIVE_DEFAULT_PARTITION__"
_PATTERN = frozenset("*?[{")
# Of so many files what was read of their ends is kept.
_KEPT_FILES = 64


def begin(handle: OpenStore, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    """Begin a session on an open store; what other sessions read, their partitions say."""
    del target, snapshot
    return _Session(handle, query, schema)


class _Session:
    """The files under a path; `schema` and `snapshot` as in `reading.Session`."""

    snapshot: Snapshot | None = None

    def __init__(self, handle: OpenStore, query: Query, schema: pa.Schema | None) -> None:
        self._handle, self._query = handle, query
        self._files: list[StoredFile] = []
        self._last: StoredFile | None = None
        self._all: list[Partition] = []
        self._ahead = ThreadPoolExecutor(1)
        self._coming: dict[int, Future[Iterator[pa.RecordBatch]]] = {}
        if schema is not None:
            self.schema = schema
            return
        self._files = self._found()
        self._format = file_formats.of(self._files)
        with ThreadPoolExecutor(self._format.at_once) as threads:
            self._parts = list(threads.map(self._look, range(len(self._files))))
        self.schema = self._chosen(with_folders(self._format.unified(self._files, self._parts), self._files))
        if all(file.etag is not None for file in self._files):
            number = len(self._files)
            self.snapshot = Snapshot(f"ETag of {number} file{'s' * (number != 1)}", file_formats.digest(self._files))

    def partitions(self) -> Sequence[Partition]:
        """Return a partition for each file, or row group where files are few; of one session one for each file."""
        if self._query.limit is not None:
            return [Partition(0)]
        is_split = self._query.parallel > 1 and len(self._files) < self._query.parallel * RANGES_PER_SESSION
        each = -(-self._query.parallel * RANGES_PER_SESSION // len(self._files))
        named = []
        for file, part in zip(self._files, self._parts, strict=True):
            groups: list[list[int] | None] = [None]
            if is_split and part.groups > 1:
                groups = [list(run) for run in _divided(range(part.groups), each)]
            named += [file.described(group) for group in groups]
        self._all = [Partition(number, predicate) for number, predicate in enumerate(named)]
        return self._all

    def batches(self, partition: Partition) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a file, or of some of its row groups."""
        if partition.predicate is not None:
            coming = self._coming.pop(partition.number, None)
            rows = self._begun(partition) if coming is None else coming.result()
            following = partition.number + 1
            if self._query.parallel < 2 and following < len(self._all):  # no other session takes it
                self._coming[following] = self._ahead.submit(self._begun, self._all[following])
            yield from rows
            return
        left = self._query.limit or 0
        for batch in itertools.chain.from_iterable(self._read(file, None) for file in self._files):
            yield batch.slice(0, left)
            left -= batch.num_rows
            if left <= 0:
                return

    def count(self) -> int:
        """Return how many rows the files say that they have; those that say none are counted."""
        rows = sum(
            sum(batch.num_rows for batch in self._read(file, None)) if part.rows is None else part.rows
            for file, part in zip(self._files, self._parts, strict=True)
        )
        return rows if self._query.limit is None else min(rows, self._query.limit)

    def _look(self, place: int) -> Part:
        file = self._files[place]
        part = self._format.look(file, self._query)
        if place >= _KEPT_FILES:
            file.end = None
        return part

    def _begun(self, partition: Partition) -> Iterator[pa.RecordBatch]:
        """Return the rows of a partition, which Parquet begins to fetch now."""
        described = json.loads(partition.predicate or "")
        if self._last is None or self._last.path != described["file"]:  # its partitions come one after the other
            known = {file.path: file for file in self._files[:_KEPT_FILES]}
            self._last = known.get(described["file"]) or StoredFile.of(self._handle.store, described)
        return self._read(self._last, described.get("row_groups"))

    def _read(self, file: StoredFile, groups: list[int] | None) -> Iterator[pa.RecordBatch]:
        rows = Rows(file, self.schema, self._query.invalid_text)
        return map(rows.of, file_formats.of([file]).batches(file, self.schema, self._query.fetch_size, groups))

    def _chosen(self, schema: pa.Schema) -> pa.Schema:
        if not schema.names:
            raise refuse("config", "the files have no columns")
        if not self._query.columns:
            return schema
        if absent := [name for name in self._query.columns if name not in schema.names]:
            raise refuse("config", f"there is no column {absent[0]!r}", f"columns are {', '.join(schema.names)}")
        return pa.schema([schema.field(name) for name in self._query.columns])

    def _found(self) -> list[StoredFile]:
        """Return the files under the path, which may be one itself, in the order of their names."""
        from obstore.exceptions import NotFoundError

        path = self._path()
        store = self._handle.store
        with short_errors():
            found = [] if not path else [one for one in [_head(store, path, NotFoundError)] if one is not None]
            if not found:
                found = list(itertools.chain.from_iterable(store.list(path or None)))
        files = [
            StoredFile(store, one["path"], one["e_tag"], one["size"], _keys(below))
            for one in found
            if one["size"] and not _is_aside(below := one["path"][len(path) :])
        ]
        if not files:
            hint = "check --path"
            if _PATTERN & set(path):
                hint = "patterns are not read: name a file, or a folder of files of one format"
            raise refuse("unknown_db", f"there is no file under {path or '/'}", hint)
        return sorted(files, key=lambda file: file.path)

    def _path(self) -> str:
        try:
            return "/".join(filter(None, (self._handle.path, clean_path(self._query.path or ""))))
        except ValueError:
            raise refuse("config", "the path has an empty, . or .. part", "check --path") from None


def _divided(whole: Sequence[int], number: int) -> Iterator[Sequence[int]]:
    """Yield so many parts of a sequence, or one for each of its items, alike in length."""
    number = min(number, len(whole))
    places = [len(whole) * one // number for one in range(number + 1)]
    yield from (whole[start:end] for start, end in itertools.pairwise(places))


def _is_aside(below: str) -> bool:
    """Say whether a path leads to a file that tools keep for themselves; a folder that is a column is none."""
    *folders, name = below.split("/")
    return name.startswith(_KEPT_ASIDE) or any(one.startswith(_KEPT_ASIDE) and "=" not in one for one in folders)


def _keys(below: str) -> dict[str, str | None]:
    """Return columns and values that the folders of a path name, whose special characters are escaped as in URLs."""
    pairs = (folder.partition("=") for folder in below.split("/")[:-1] if "=" in folder)
    return {unquote(name): None if value == _NULL else unquote(value) for name, _, value in pairs}


def _head(store: Any, path: str, absent: type[Exception]) -> Any:
    try:
        return store.head(path)
    except (absent, FileNotFoundError):
        return None
