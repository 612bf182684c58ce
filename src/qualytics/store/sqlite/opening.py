"""The way into the embedded store: made at the first use, migrated when older, refused when newer or damaged."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from typing import TYPE_CHECKING

from qualytics.errors import Busy, StoreDamaged
from qualytics.store import files
from qualytics.store.faults import busy, named_os_errors, newer, not_a_store
from qualytics.store.schema import APPLICATION_ID, MIGRATIONS, VERSION
from qualytics.store.sealing.cipher import Identity
from qualytics.store.sealing.keys import Keys
from qualytics.store.sqlite.engine import SqliteStore
from qualytics.store.sqlite.faults import NamedFaults
from qualytics.store.sqlite.lock import Lock, locked
from qualytics.store.sqlite.paths import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from qualytics.settings import Settings

# So long a process that finds no ready store waits to make it, before it looks whether another has.
_TURN_S = 0.1
_PRAGMAS = ("foreign_keys = ON", "synchronous = FULL", "secure_delete = ON", "trusted_schema = OFF")


def open_store(settings: Settings, *, exclusive: bool = False, any_thread: bool = False) -> SqliteStore:
    """Open the embedded store, making it and its key at the first use.

    With `any_thread` one thread after the other may use it.

    Raises:
        StoreError, KeyProblem, Busy: as their names say; nothing is changed then.

    """
    files.make_private_directory(settings.home)
    until = time.monotonic() + settings.busy_s
    while True:
        with contextlib.ExitStack() as undo:
            lock = Lock(settings.lock_path)
            undo.callback(lock.close)
            lock.take(exclusive=exclusive, wait_s=max(0, until - time.monotonic()))
            if exclusive:
                _make_ready(settings)
            database = _open_ready(settings, any_thread=any_thread)
            if database is not None:
                undo.callback(database.close)
                store = SqliteStore(settings, database, lock)
                undo.pop_all()
                return store
        # A lock is never turned from shared into exclusive: two that try would wait for each other.
        try:
            with locked(settings.lock_path, exclusive=True, wait_s=_TURN_S):
                _make_ready(settings)
        except Busy:
            if time.monotonic() > until:
                raise busy(settings.busy_s) from None


def connect(path: Path, busy_s: float, *, shown: Path | None = None, any_thread: bool = False) -> sqlite3.Connection:
    """Open a store's file that exists and check that it is one of this version or an older one.

    `shown` stands in messages where the file is a copy of another.

    Raises:
        StoreDamaged, StoreNewer, StoreUnsafe, StoreError: as their names say.

    """
    for suffix in ("", "-wal", "-shm"):
        files.check_own_file(path.with_name(path.name + suffix))
    with NamedFaults(path, busy_s, read=shown), contextlib.ExitStack() as undo:
        database = sqlite3.connect(
            f"file:{quoted(path)}?{_mode(path)}",
            uri=True,
            timeout=busy_s,
            isolation_level=None,
            check_same_thread=not any_thread,
        )
        undo.callback(database.close)
        database.row_factory = sqlite3.Row
        for pragma in _PRAGMAS:
            database.execute(f"PRAGMA {pragma}")
        _require_known(shown or path, database)
        undo.pop_all()
    return database


def _mode(path: Path) -> str:
    # Where no log can be made beside the file, SQLite reads it only when told that nobody changes it. Whoever writes
    # from elsewhere has a log that is not empty; with that one SQLite finds its own way.
    has_log = files.size(path.with_name(path.name + "-wal")) > 0
    return "mode=ro&immutable=1" if files.is_read_only(path.parent) and not has_log else "mode=rw"


def install(temporary: Path, path: Path, busy_s: float) -> None:
    """Put a finished database file in the store's place, on disk before this returns; under the exclusive lock."""
    _empty_log(path, busy_s)
    with named_os_errors(path):
        files.sync_file(temporary)
        for suffix in ("-wal", "-shm"):  # those of the file that is replaced
            files.remove(path.with_name(path.name + suffix))
        os.replace(temporary, path)
        files.sync_directory(path.parent)


def migrate(database: sqlite3.Connection, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Run the migrations that the database has not seen, each in one transaction with its number."""
    done = _schema_version(database)
    for number, script in enumerate(migrations[done:], start=done + 1):
        database.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;")


@contextlib.contextmanager
def made_aside(temporary: Path) -> Iterator[None]:
    """Make an empty private file to fill, and leave nothing of it behind."""
    names = [temporary.with_name(temporary.name + suffix) for suffix in ("", "-wal", "-shm", "-journal")]
    try:
        with named_os_errors(temporary):
            for name in names:  # of a process that was killed
                files.remove(name)
            os.close(files.create_private(temporary))
        yield
    finally:
        with named_os_errors(temporary):
            for name in names:
                files.remove(name)


def _open_ready(settings: Settings, *, any_thread: bool) -> sqlite3.Connection | None:
    if not files.check_own_file(settings.store_path):
        return None
    database = connect(settings.store_path, settings.busy_s, any_thread=any_thread)
    if _schema_version(database) == VERSION:
        return database
    database.close()
    return None


def _schema_version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _require_known(path: Path, database: sqlite3.Connection) -> None:
    version = _schema_version(database)
    if database.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID or version < 1:
        raise not_a_store(path)
    if version > VERSION:
        raise newer(path, version)


def _make_ready(settings: Settings) -> None:
    # Under the exclusive lock: nobody else makes a key, a store or a migration now.
    if not files.check_own_file(settings.store_path):
        _create(settings)
        return
    path, busy_s = settings.store_path, settings.busy_s
    with contextlib.closing(connect(path, busy_s)) as database, NamedFaults(path, busy_s):
        migrate(database)


def _create(settings: Settings) -> None:
    keys = Keys(settings)
    if keys.path.parent == settings.home:  # elsewhere another store may write one at this moment
        files.sweep(keys.path)  # a start that failed may have left a key there
    key = keys.first()
    # Made aside and renamed: nobody ever sees half a store.
    temporary = settings.home / f".{settings.store_path.name}.tmp"
    with made_aside(temporary):
        with (
            NamedFaults(settings.store_path, settings.busy_s),
            contextlib.closing(sqlite3.connect(temporary, isolation_level=None)) as database,
        ):
            migrate(database)
            rows = Identity.made(os.urandom(16).hex(), key).rows()
            database.executemany("INSERT INTO meta (value, name) VALUES (?, ?)", rows)
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute("PRAGMA journal_mode = WAL")
        install(temporary, settings.store_path, settings.busy_s)


def _empty_log(path: Path, busy_s: float) -> None:
    # The log of a killed process holds acknowledged changes. They go into the file before the log is
    # removed, so that a kill between removal and replacement leaves the old store whole.
    if not files.check_own_file(path):
        return
    # What is damaged already loses nothing that could be read.
    with (
        contextlib.suppress(StoreDamaged),
        NamedFaults(path, busy_s),
        contextlib.closing(sqlite3.connect(f"file:{quoted(path)}?mode=rw", uri=True, timeout=busy_s)) as old,
    ):
        emptied = old.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if emptied[0]:
            raise busy(busy_s)
