"""The embedded store: one SQLite file of the user's own, opened safely, with every fault named."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import uuid
from typing import TYPE_CHECKING, Any, NoReturn, Self

from qualytics.errors import Conflict, StoreDamaged, StoreError, StoreFull, StoreNewer
from qualytics.settings import STORE_BUSY_S
from qualytics.store import files
from qualytics.store.records import Records
from qualytics.store.schema import APPLICATION_ID, MIGRATIONS, VERSION
from qualytics.store.sealing import Key, Keys, Place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qualytics.settings import Settings

_CHECK_FIELD = "key-check"


class SqliteStore:
    """An open store. Use it as a context manager; it holds a shared lock on the store while open."""

    def __init__(self, settings: Settings, database: sqlite3.Connection, lock: int) -> None:
        """Take an opened database and the lock that guards it; `open_store` is the way in."""
        self._settings = settings
        self._database = database
        self._lock = lock
        self._keys = Keys(settings)
        self._key: Key | None = None
        meta = dict(self.execute("SELECT name, value FROM meta").fetchall())
        if not meta.keys() >= {"store_id", "key_id", "key_check"}:
            raise not_a_store(self.path)
        self.store_id: str = meta["store_id"]
        self.key_id: str = meta["key_id"]
        self._key_check = bytes.fromhex(meta["key_check"])
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

    def close(self) -> None:
        """Close the database and free the lock."""
        self._database.close()
        os.close(self._lock)

    def execute(self, sql: str, arguments: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        """Run one statement; SQLite's faults come out as the product's errors."""
        with named_faults(self.path):
            return self._database.execute(sql, arguments)

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
            key = self._keys.find(self.key_id)
            key.open(check_place(self.store_id), self._key_check)
            self._key = key
        return self._key

    def set_key(self, key: Key) -> None:
        """Make `key` the store's key; inside a transaction that has sealed everything with it."""
        for name, value in _key_meta(self.store_id, key).items():
            self.execute("UPDATE meta SET value = ? WHERE name = ?", (value, name))
        self.key_id, self._key = key.id, key

    def checkpoint(self) -> None:
        """Move everything from the write-ahead log into the file and empty the log."""
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def copy_to(self, target: sqlite3.Connection) -> None:
        """Copy a consistent state into another database, while others read and write."""
        with named_faults(self.path):
            self._database.backup(target)


def open_store(settings: Settings, *, exclusive: bool = False) -> SqliteStore:
    """Open the embedded store, making it and its key at the first use.

    Raises:
        StoreError, KeyProblem, Busy: as their names say; nothing is changed then.

    """
    files.make_private_directory(settings.home)
    lock = files.lock(settings.lock_path, exclusive=exclusive, wait_s=STORE_BUSY_S)
    try:
        database = _open_ready(settings)
        if database is None:
            os.close(lock)
            lock = files.lock(settings.lock_path, exclusive=True, wait_s=STORE_BUSY_S)
            _make_ready(settings)
            if not exclusive:
                os.close(lock)
                lock = files.lock(settings.lock_path, exclusive=False, wait_s=STORE_BUSY_S)
            database = connect(settings.store_path)
        return SqliteStore(settings, database, lock)
    except BaseException:
        os.close(lock)
        raise


def _open_ready(settings: Settings) -> sqlite3.Connection | None:
    if not files.check_own_file(settings.store_path):
        return None
    database = connect(settings.store_path)
    if _schema_version(database) == VERSION:
        return database
    database.close()
    return None


def _schema_version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def connect(path: Path) -> sqlite3.Connection:
    """Open a store's file that exists and check that it is one of this version.

    Raises:
        StoreDamaged, StoreNewer, StoreUnsafe, StoreError: as their names say.

    """
    for name in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        files.check_own_file(name)
    with named_faults(path):
        database = sqlite3.connect(
            f"file:{_quoted(path)}?mode=rw", uri=True, timeout=STORE_BUSY_S, isolation_level=None
        )
        try:
            database.row_factory = sqlite3.Row
            for pragma in ("foreign_keys = ON", "synchronous = FULL", "secure_delete = ON", "trusted_schema = OFF"):
                database.execute(f"PRAGMA {pragma}")
            _require_known(path, database)
        except BaseException:
            database.close()
            raise
    return database


def _require_known(path: Path, database: sqlite3.Connection) -> None:
    if database.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise not_a_store(path)
    version = _schema_version(database)
    if version > VERSION:
        raise StoreNewer(
            f"the store {path} was written by a newer version (schema {version}, known here is {VERSION})",
            "pip install --upgrade qualytics",
        )


def not_a_store(path: Path) -> StoreDamaged:
    """Return the error of a file that is no store."""
    return StoreDamaged(
        f"{path} is not a whole store of this program",
        "restore a backup: qualytics store restore FILE",
    )


def check_place(store_id: str) -> Place:
    """Return the place of the value that proves a key to be the store's."""
    return Place(store_id, "meta", 0, _CHECK_FIELD)


def _make_ready(settings: Settings) -> None:
    # Under the exclusive lock: nobody else makes a key, a store or a migration now.
    if not files.check_own_file(settings.store_path):
        _create(settings)
        return
    database = connect(settings.store_path)
    try:
        with named_faults(settings.store_path):
            migrate(database)
    finally:
        database.close()


def _create(settings: Settings) -> None:
    keys = Keys(settings)
    found = keys.load()
    if found:
        key = found[0]
    else:
        key = Key.generate()
        keys.write(key, replace=False)
    # Made aside and renamed: nobody ever sees half a store.
    temporary = settings.store_path.with_name(f".store.{os.getpid()}.tmp")
    try:
        with files.named_os_errors(temporary):
            os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        with named_faults(settings.store_path), contextlib.closing(sqlite3.connect(temporary)) as database:
            database.isolation_level = None
            migrate(database)
            store_id = uuid.uuid4().hex
            meta = {"store_id": store_id} | _key_meta(store_id, key)
            database.executemany("INSERT INTO meta (name, value) VALUES (?, ?)", list(meta.items()))
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute("PRAGMA journal_mode = WAL")
        install(temporary, settings.store_path)
    finally:
        for name in (temporary, f"{temporary}-wal", f"{temporary}-shm", f"{temporary}-journal"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)


def install(temporary: Path, path: Path) -> None:
    """Put a finished database file in the store's place, on disk before this returns."""
    with files.named_os_errors(path):
        files.sync_file(temporary)
        for suffix in ("-wal", "-shm"):  # those of the file that is replaced
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{path}{suffix}")
        os.replace(temporary, path)
        files.sync_directory(path.parent)


def migrate(database: sqlite3.Connection) -> None:
    """Run the migrations that the database has not seen, each in one transaction with its number."""
    done = _schema_version(database)
    for number, script in enumerate(MIGRATIONS[done:], start=done + 1):
        database.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;")


def _key_meta(store_id: str, key: Key) -> dict[str, str]:
    from qualytics.secret import Secret

    check = key.seal(check_place(store_id), Secret(_CHECK_FIELD))
    return {"key_id": key.id, "key_check": check.hex()}


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(os.fspath(path))


@contextlib.contextmanager
def named_faults(path: Path) -> Iterator[None]:
    """Turn SQLite's faults into the product's errors."""
    try:
        yield
    except sqlite3.Error as exc:
        _raise_named(path, exc)


def _raise_named(path: Path, exc: sqlite3.Error) -> NoReturn:
    code = getattr(exc, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF  # extended codes carry the primary one in the low byte
    if primary in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}:
        raise files.busy(STORE_BUSY_S) from exc
    if primary == sqlite3.SQLITE_FULL:
        raise StoreFull(f"no space is left to write {path}", "free some space and run it again") from exc
    if primary in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        raise not_a_store(path) from exc
    if primary == sqlite3.SQLITE_CONSTRAINT:
        raise Conflict("the change contradicts what is stored", "read the record again and repeat the change") from exc
    hint = "check the disk, the path and who may read and write it"
    raise StoreError(f"the store {path} cannot be used: {exc}", hint) from exc
