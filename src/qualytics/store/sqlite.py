"""The embedded store, open: statements, transactions and the key; every fault is named."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING, Any, Self

from qualytics.errors import StoreError
from qualytics.store.faults import busy, named_faults
from qualytics.store.identity import Identity
from qualytics.store.records import Records
from qualytics.store.sealing import Key, Keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from qualytics.settings import Settings


class Rows:
    """What a statement gives, read while it is asked for; a fault on the way is the product's error."""

    __slots__ = ("_cursor", "_named")

    def __init__(self, cursor: sqlite3.Cursor, named: Callable[[], contextlib.AbstractContextManager[None]]) -> None:
        """Take the cursor and the way to name its faults."""
        self._cursor = cursor
        self._named = named

    def __iter__(self) -> Iterator[Any]:
        with self._named():
            # Not `yield from`: that closes the cursor of rows left unread, which fails once the store is closed.
            for row in self._cursor:  # noqa: UP028
                yield row

    def all(self) -> list[Any]:
        """Return every row."""
        return list(self)


class SqliteStore:
    """An open store. Use it as a context manager; it holds a shared lock on the store while open."""

    def __init__(self, settings: Settings, database: sqlite3.Connection, lock: int) -> None:
        """Take an opened database and the lock that guards it; `open_store` is the way in."""
        self._settings = settings
        self._database = database
        self._lock = lock
        self._process = os.getpid()
        self._keys = Keys(settings)
        self._key: Key | None = None
        self._identity = Identity.read(self.execute("SELECT name, value FROM meta"), self.path)
        self.records = Records(self.execute, self.store_id, self.key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """Return where the store is."""
        return self._settings.store_path

    @property
    def keys(self) -> Keys:
        """Return where the key comes from."""
        return self._keys

    @property
    def store_id(self) -> str:
        """Return the store's id."""
        return self._identity.store_id

    @property
    def key_id(self) -> str:
        """Return the id of the key that the secrets are sealed with."""
        return self._identity.key_id

    def close(self) -> None:
        """Close the database and free the lock; once is enough."""
        lock, self._lock = self._lock, -1
        if lock < 0:
            return
        try:
            # A forked child must not touch its parent's database; its copy of the lock is its own to close.
            if os.getpid() == self._process:
                self._database.close()
        finally:
            os.close(lock)

    def execute(self, sql: str, arguments: tuple[Any, ...] = ()) -> Rows:
        """Run one statement; SQLite's faults come out as the product's errors."""
        if os.getpid() != self._process:
            raise StoreError("the store was opened by the parent of this process", "open it again after a fork")
        with self._named():
            return Rows(self._database.execute(sql, arguments), self._named)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Records]:
        """Run a write transaction: all or nothing, on disk before this returns."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield self.records
            self.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # a full disk has already rolled it back
                self._database.execute("ROLLBACK")
            raise

    def key(self) -> Key:
        """Return the store's key, checked against the store once.

        Raises:
            KeyProblem: it is missing, not a key, or another store's.

        """
        if self._key is None:
            self._key = self._identity.prove(self._keys.find(self.key_id))
        return self._key

    def set_key(self, key: Key) -> None:
        """Make `key` the store's key; inside a transaction that has sealed everything with it."""
        for row in Identity.made(self.store_id, key).rows():
            self.execute("UPDATE meta SET value = ? WHERE name = ?", row)

    def reread(self) -> None:
        """Read again which key is the store's, after a transaction that may have changed it."""
        self._identity = Identity.read(self.execute("SELECT name, value FROM meta"), self.path)
        self._key = None

    def compact(self) -> None:
        """Write the file anew without anything that was deleted or replaced, and empty the log.

        Raises:
            Busy: somebody reads the file without the store's lock.

        """
        self.execute("VACUUM")
        emptied = self.execute("PRAGMA wal_checkpoint(TRUNCATE)").all()
        if emptied[0][0]:
            raise busy(self._settings.busy_s)

    def copy_to(self, target: sqlite3.Connection, path: Path) -> None:
        """Copy a consistent state into the database at `path`, while others read and write."""
        with named_faults(path, self._settings.busy_s, read=self.path):
            self._database.backup(target)

    def _named(self) -> contextlib.AbstractContextManager[None]:
        return named_faults(self.path, self._settings.busy_s)
