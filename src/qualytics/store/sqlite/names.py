"""Names of the embedded store as they stand in its file: no lock, no key and nothing made, for completion."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from qualytics.store.sqlite.paths import quoted

if TYPE_CHECKING:
    from pathlib import Path

# Of which tables, and which rows.
_ROWS = {"connections": "TRUE", "datastores": "TRUE", "users": "TRUE", "tokens": "revoked IS NULL"}


def read(path: Path, table: str, limit: int) -> list[str]:
    """Return so many names of records of a table, the newest first; none where there is no store that can be read."""
    if table not in _ROWS:
        return []
    try:
        with closing(sqlite3.connect(f"file:{quoted(path)}?mode=ro", uri=True, timeout=0.5)) as database:
            sql = f"SELECT name FROM {table} WHERE {_ROWS[table]} ORDER BY id DESC LIMIT ?"  # noqa: S608 - constants
            return [str(name) for (name,) in database.execute(sql, (limit,))]
    except sqlite3.Error:
        return []
