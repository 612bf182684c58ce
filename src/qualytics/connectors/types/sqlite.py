"""SQLite database files through the standard library."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING
from urllib.parse import quote

from qualytics.connectors.contract import Connector, Item, Server, Target, refuse
from qualytics.connectors.shared.files import clean_path, require_file
from qualytics.connectors.shared.magic import EMPTY, SQLITE
from qualytics.connectors.shared.names import as_text
from qualytics.connectors.shared.rows import rows
from qualytics.connectors.types import _sqlite_errors

if TYPE_CHECKING:
    from collections.abc import Iterator


def connect(target: Target) -> sqlite3.Connection:
    """Open the file for reading only; it is never created."""
    require_file(target.path, SQLITE, EMPTY)  # which SQLite takes for a database without tables
    handle = sqlite3.connect(f"file:{quote(target.path)}?mode=ro", uri=True, timeout=target.timeout_s)
    handle.text_factory = as_text
    handle.execute("pragma trusted_schema = off")
    return handle


def check(handle: sqlite3.Connection, target: Target) -> Server:
    """Read the schema, which touches the file itself."""
    cursor = handle.cursor()
    cursor.arraysize = target.fetch_size
    cursor.execute("select count(*) from sqlite_schema").fetchmany()
    _require_whole(handle, target.path)
    is_empty = not os.path.getsize(target.path)
    warnings = ("the file is empty: a database without tables, or a copy that failed",) if is_empty else ()
    return Server("SQLite", sqlite3.sqlite_version, warnings)


def _require_whole(handle: sqlite3.Connection, path: str) -> None:
    # SQLite itself counts a last page that is cut as a page; with a log beside it, pages may stand there alone.
    pages, size = (handle.execute(f"pragma {name}").fetchone()[0] for name in ("page_count", "page_size"))
    if os.path.getsize(path) < pages * size and not os.path.exists(f"{path}-wal"):
        cause = f"the file is cut off: it has {os.path.getsize(path):,} of {pages * size:,} bytes"
        raise refuse("config", cause, "copy it again, or restore it from a backup")


def select(_handle: sqlite3.Connection, target: Target) -> None:
    """Accept the one schema there is."""
    if target.schema not in {None, "main"}:
        raise refuse("unknown_db", f"there is no schema {target.schema!r}; a database file has main", "check --schema")


def schemas(_handle: sqlite3.Connection, _target: Target) -> Iterator[Item]:
    """Yield the one schema there is."""
    yield Item("main", "schema")


def tables(handle: sqlite3.Connection, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views whose names begin with a prefix."""
    sql = "select name, type from sqlite_schema where type in ('table', 'view') order by 1"
    for found, kind in rows(handle, sql, size=target.fetch_size):
        if found.startswith(prefix):  # as it is shown: it need not be text
            yield Item(found, kind, found.startswith("sqlite_"))


CONNECTOR = Connector(
    type="sqlite",
    title="SQLite",
    kind="embedded",
    driver="sqlite3",
    fields=("uri",),
    proof="the file",
    required=("uri",),
    clean_uri=clean_path,
    scope_optional=("schema",),
    example="--uri ./data/sales.sqlite",
    open=connect,
    select=select,
    check=check,
    classify=_sqlite_errors.classify,
    explain=_sqlite_errors.explain,
    schemas=schemas,
    tables=tables,
    verified="the real engine",
    authentication=(("NONE", "no login: the file is opened by the user who runs the test"),),
    privileges=("the right to read the file and to enter its directory, for that user",),
)
