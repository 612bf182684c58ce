"""Which state of its file a transaction of SQLite sees: what several sessions compare, to read one and the same.

In WAL mode it is what the header of the wal-index says, which each commit changes and none brings back ("WAL-mode File
Format", 2.1). With a rollback journal a reader keeps every commit away as long as its transaction lasts.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qualytics.connectors.reads.sqlite_database import Database

# The header stands there twice: between two equal ones nobody was writing.
_HEADER_BYTES = 48
# A commit may come between a look at the header and the beginning of a transaction, but hardly so often.
_ATTEMPTS = 100
_NO_COMMIT = "no commit while it lasts"
# Closing a file releases the locks that SQLite in this process holds on it, so that these stay open.
_INDEXES: dict[str, int] = {}


def begun(database: Database) -> str | None:
    """Begin a transaction, and return the state that it sees: the same text in all sessions that see it.

    None where nothing tells. With a rollback journal the text holds while another session that has it is not at its end.
    """
    for _ in range(_ATTEMPTS):
        before = _header(database.path)
        _begin(database)
        if database.row("pragma journal_mode") != ("wal",):
            return _NO_COMMIT
        if before is not None and before == _header(database.path):
            return before.hex()
        database.execute("rollback")
    _begin(database)
    return None


def _begin(database: Database) -> None:
    database.execute("begin")
    database.row("select count(*) from sqlite_schema")  # from here on all of it is one state


def _header(path: str) -> bytes | None:
    """Return the header of the wal-index of a database; None where there is none, or somebody writes it."""
    try:
        index = _index(os.path.realpath(path) + "-shm")
        found = os.pread(index, 2 * _HEADER_BYTES, 0)
    except OSError:
        return None
    first, second = found[:_HEADER_BYTES], found[_HEADER_BYTES:]
    return first if first == second and any(first) else None


def _index(path: str) -> int:
    known = _INDEXES.get(path)
    if known is not None and os.path.samestat(os.fstat(known), os.stat(path)):
        return known
    # Of one that was removed since, and made anew, nobody has locks any more.
    if known is not None:
        os.close(_INDEXES.pop(path))
    _INDEXES[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    return _INDEXES[path]
