"""Database files: a path instead of a host, opened for reading only, and known by their first bytes."""

from __future__ import annotations

import codecs
import functools
import os
import re
import stat
from typing import TYPE_CHECKING

from qualytics.connectors.contract import Connector, refuse

if TYPE_CHECKING:
    from qualytics.connectors.contract import Refusal

SQLITE, DUCKDB = "a SQLite database", "a DuckDB database"
TOO_SHORT, EMPTY = "too short for a database", "an empty file"
_HEAD_BYTES = 4_096
_MIN_SIZE = 100  # the header of SQLite, the smallest of a database
_MODES = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
# Offset and bytes: "Database File Format" of SQLite; "Storage Versions and Format" of DuckDB; each format's own
# specification, as file(1) knows them.
_MAGIC = (
    (0, b"SQLite format 3\0", SQLITE),
    (8, b"DUCK", DUCKDB),
    (0, b"** This file contains an SQLite 2", "a database of SQLite 2"),
    (0, b"\x37\x7f\x06\x82", "the write-ahead log of a SQLite database"),
    (0, b"\x37\x7f\x06\x83", "the write-ahead log of a SQLite database"),
    (0, b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", "the rollback journal of a SQLite database"),
    (4, b"Standard Jet DB", "a Microsoft Access database"),
    (4, b"Standard ACE DB", "a Microsoft Access database"),
    (0, b"PAR1", "a Parquet file"),
    (0, b"PARE", "an encrypted Parquet file"),
    (0, b"ARROW1", "an Arrow file"),
    (0, b"ORC", "an ORC file"),
    (0, b"Obj\x01", "an Avro file"),
    (0, b"PGDMP", "a dump of PostgreSQL"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of Microsoft Office"),
    (0, b"PK\x03\x04", "a ZIP archive or an Excel workbook"),
    (0, b"\x1f\x8b", "a file compressed with gzip"),
    (0, b"\x28\xb5\x2f\xfd", "a file compressed with zstd"),
    (0, b"\xfd7zXZ\0", "a file compressed with xz"),
    (0, b"BZh", "a file compressed with bzip2"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (257, b"ustar", "a tar archive"),
)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


def mode_of(mode: int) -> str | None:
    """Return what a path is when it is no file, by its mode."""
    return None if stat.S_ISREG(mode) else _MODES.get(stat.S_IFMT(mode), "something else than a file")


def kind_of(path: str) -> str | None:
    """Return what a file is, such as `a Parquet file`; None when nobody can tell, as with an encrypted one.

    Raises:
        OSError: it cannot be read.

    """
    head = _head(path)
    if not head:
        return EMPTY
    format_ = next((kind for at, magic, kind in _MAGIC if head[at : at + len(magic)] == magic), None)
    if format_ is None and _is_text(head):
        format_ = "a text file, such as CSV or JSON"
    if format_ in {SQLITE, None} and len(head) < _MIN_SIZE:
        format_ = TOO_SHORT
    return format_


def _head(path: str) -> bytes:
    # Not to wait for a writer: what was a file a moment ago may be a pipe by now.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _HEAD_BYTES)
    finally:
        os.close(descriptor)


def _is_text(head: bytes) -> bool:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    try:
        # The last character may be cut.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return not _CONTROLS.search(text)


_HINTS = {
    SQLITE: "test it with --type sqlite",
    DUCKDB: "test it with --type duckdb",
    TOO_SHORT: "copy the file again, or restore it from a backup",
    None: "check --uri; encrypted databases cannot be opened here",
}


def clean_path(uri: str) -> str:
    """Return the absolute path that a `uri` names.

    Raises:
        ValueError: it is no path of a file; the message says what to give instead.

    """
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", uri) or uri.startswith(":"):
        raise ValueError("is not a path; give the path of the database file alone, without a scheme")
    return os.path.abspath(uri)


def require_file(path: str, *wanted: str) -> None:
    """Raise the verdict on a database file that is missing, unreadable, or none of the kinds of `_magic` wanted."""
    try:
        what = mode_of(os.stat(path).st_mode) or kind_of(path)
    except OSError as exc:
        raise _unreadable(path, exc) from exc
    if what not in wanted:
        first = wanted[0]
        cause = f"{path} is {what}, not {first}" if what else f"{path} is not {first}, or it is encrypted or damaged"
        raise refuse("config", cause, _HINTS.get(what, f"give the path of {first} in --uri"))


def _unreadable(path: str, exc: OSError) -> Refusal:
    if isinstance(exc, FileNotFoundError | NotADirectoryError):
        if os.path.islink(path):
            return refuse("unknown_db", f"{path} is a link to a file that does not exist", "check --uri")
        return refuse("unknown_db", f"there is no file {path}", "check --uri; a database file is never created here")
    if isinstance(exc, PermissionError):
        return refuse("permission", f"this user may not read {path}", "check the modes of the file and its folders")
    return refuse("config", f"{path} cannot be read: {(exc.strerror or 'no reason given').lower()}", "check --uri")


# A type whose databases are files.
FILE = functools.partial(
    Connector,
    kind="embedded",
    fields=("uri",),
    proof="the file",
    required=("uri",),
    clean_uri=clean_path,
    scope_optional=("schema",),
    verified="the real engine",
    authentication=(("NONE", "no login: the file is opened by the user who runs the test"),),
    privileges=("the right to read the file and to enter its directory, for that user",),
)

# How other tools call the path of a database file.
FILE_KEYS = ("host", "database", "dbname", "path", "file", "url", "instance")
