"""The embedded store, open: statements, transactions and the key; every fault is named."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import weakref
from typing import TYPE_CHECKING, Any, Self

from qualytics.store.base import Store
from qualytics.store.faults import busy, forked
from qualytics.store.schema import VERSION
from qualytics.store.sqlite.faults import NamedFaults

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from qualytics.settings import Settings
    from qualytics.store.sqlite.lock import Lock


class CursorRows:
    """What a statement gives, read while it is asked for; a fault on the way is the product's error."""

    __slots__ = ("_cursor", "_named")

    def __init__(self, cursor: sqlite3.Cursor, named: NamedFaults) -> None:
        self._cursor = cursor
        self._named = named

    def __iter__(self) -> Iterator[Any]:
        with self._named:
            # Not `yield from`: that closes the cursor of rows left unread, which fails once the store is closed.
            for row in self._cursor:  # noqa: UP028
                yield row

    def all(self) -> list[Any]:
        """Return every row."""
        with self._named:
            return self._cursor.fetchall()


class SqliteStore(Store):
    """An open embedded store; it holds a shared lock on the store while open.

    A pool lets it `rest` between two leases: the database stays open, the lock is free.
    """

    def __init__(self, settings: Settings, database: sqlite3.Connection, lock: Lock) -> None:
        self._path = settings.store_path
        self._busy_s = settings.busy_s
        self._database = database
        self._lock: Lock | None = lock
        self._process = os.getpid()
        self._cursors: weakref.WeakSet[sqlite3.Cursor] = weakref.WeakSet()
        self._file_state: tuple[int, int, int] | None = None
        self._named = NamedFaults(self._path, self._busy_s)
        super().__init__(settings)

    @property
    def name(self) -> str:
        """Return where the store is."""
        return str(self._path)

    @property
    def path(self) -> Path:
        """Return where the store is."""
        return self._path

    def close(self) -> None:
        """Close the database and free the lock; once is enough."""
        lock, self._lock = self._lock, None
        if lock is None:
            return
        try:
            # A forked child must not touch its parent's database; its copy of the lock is its own to close.
            if os.getpid() == self._process:
                self._database.close()
        finally:
            lock.close()

    def rest(self) -> bool:
        """Free the lock and keep the database open; say whether it is fit to be used again."""
        if self._lock is None or os.getpid() != self._process:
            return False
        for cursor in list(self._cursors):  # rows left unread would hold on to an old state
            cursor.close()
        self._cursors.clear()
        if self._database.in_transaction:
            return False
        if self._file_state is None:
            self._file_state = self._read_file_state()
        self._lock.free()
        return True

    def wake(self) -> bool:
        """Take the lock again; say whether this is still the store, with a key and schema that are known.

        Raises:
            Busy: somebody has had the store for himself for too long.

        """
        if self._lock is None:
            return False
        self._lock.take(exclusive=False, wait_s=self._busy_s)
        if not self._lock.is_in_place():
            return False
        before, self._file_state = self._file_state, self._read_file_state()
        if before is None or before[:2] != self._file_state[:2]:  # another file: a backup was restored
            return False
        if before != self._file_state:
            if self.execute("PRAGMA user_version").all()[0][0] != VERSION:
                return False
            self.reread()
        return True

    def state(self) -> object:
        """Return a value that is another after every change: of others, as of this lease's begin, and of its own."""
        if self._file_state is None or self._database.in_transaction:  # what is rolled back has counted, too
            return None
        return (*self._file_state, self._database.total_changes)

    def execute(self, sql: str, arguments: tuple[Any, ...] = ()) -> CursorRows:
        """Run one statement; SQLite's faults come out as the product's errors."""
        self._require_own()
        with self._named:
            cursor = self._database.execute(sql, arguments)
            if cursor.description is not None:
                self._cursors.add(cursor)
            return CursorRows(cursor, self._named)

    def execute_many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Run one statement for each row of arguments, inside a transaction."""
        self._require_own()
        with self._named:
            self._database.executemany(sql, rows)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Self]:
        """Run a write transaction: all or nothing, on disk before this returns."""
        with self._transaction("BEGIN IMMEDIATE"):
            yield self

    @contextlib.contextmanager
    def reading(self) -> Iterator[Self]:
        """Read one state of the store, whatever others write meanwhile."""
        with self._transaction("BEGIN"):
            yield self

    def compact(self) -> None:
        """Write the file anew without anything that was deleted or replaced, and empty the log.

        Raises:
            Busy: somebody reads the file without the store's lock.

        """
        self.execute("VACUUM")
        emptied = self.execute("PRAGMA wal_checkpoint(TRUNCATE)").all()
        if emptied[0][0]:
            raise busy(self._busy_s)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with the file, and references without target."""
        for row in self.execute("PRAGMA integrity_check(20)"):
            if row[0] != "ok":
                yield f"file: {row[0]}"
        for row in self.execute("PRAGMA foreign_key_check"):
            yield f"reference without target in {row[0]}"

    def last_ids(self) -> dict[str, int]:
        """Return the highest id that each table has ever given."""
        return {row[0]: row[1] for row in self.execute("SELECT name, seq FROM sqlite_sequence")}

    def keep_ids(self, last: dict[str, int]) -> None:
        """Let each table give higher ids than these from now on, inside a transaction."""
        for table, number in last.items():
            self.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
            self.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, number))

    def copy_to(self, target: sqlite3.Connection, path: Path) -> None:
        """Copy a consistent state into the database at `path`, while others read and write."""
        with NamedFaults(path, self._busy_s, read=self._path):
            self._database.backup(target)

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        self.execute(begin)
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # a full disk has already rolled it back
                self._database.execute("ROLLBACK")
            raise

    def _read_file_state(self) -> tuple[int, int, int]:
        # The file's device and number, and a number that changes with every change of somebody else.
        try:
            status = os.lstat(self._path)
        except OSError:
            return (0, 0, 0)
        return (status.st_dev, status.st_ino, self.execute("PRAGMA data_version").all()[0][0])

    def _require_own(self) -> None:
        if os.getpid() != self._process:
            raise forked()
