"""Care of an embedded store: rotate its key, check it, back it up, restore it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING, Any

from qualytics.errors import KeyProblem, StoreDamaged, StoreError, UsageError
from qualytics.store import files
from qualytics.store.sealing import Key, Keys, Place
from qualytics.store.sqlite import check_place, connect, install, migrate, named_faults, not_a_store, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qualytics.settings import Settings
    from qualytics.store.sqlite import SqliteStore

_BATCH = 1_000


def rotate(settings: Settings) -> dict[str, Any]:
    """Seal every secret anew under a new key; return `{old_key, new_key, secrets}` (ids, count).

    One transaction, verified before it ends. While it runs the key file holds the old and the new
    key, so that a kill at any moment leaves a store that opens; running it again finishes the work.

    Raises:
        UsageError: the key comes from QUALYTICS_KEY and QUALYTICS_NEW_KEY is not set.
        KeyProblem, StoreError, Busy: as their names say; the old key is still good then.

    """
    with open_store(settings, exclusive=True) as store:
        old, new = store.key(), _new_key(settings)
        if not store.keys.from_environment:
            store.keys.write(new, old)
        with store.writing():
            count = 0
            for place, sealed in _sealed(store):
                _reseal(store, new, place, new.seal(place, old.open(place, sealed)))
                count += 1
            store.set_key(new)
            for place, sealed in _sealed(store):
                new.open(place, sealed)
        store.checkpoint()  # the log still holds what the old key opens
        if not store.keys.from_environment:
            store.keys.write(new)
    return {"old_key": old.id, "new_key": new.id, "secrets": count}


def check(settings: Settings) -> dict[str, Any]:
    """Read the whole store and open every secret; return counts and `problems`, a list of texts."""
    with open_store(settings) as store:
        problems = [f"file: {row[0]}" for row in store.execute("PRAGMA integrity_check(20)") if row[0] != "ok"]
        problems += [f"reference without target in {row[0]}" for row in store.execute("PRAGMA foreign_key_check")]
        problems += _key_problems(store)
        counts = {table: _count(store, table) for table in ("connections", "datastores", "secrets")}
        return {
            "store": str(store.path),
            "store_id": store.store_id,
            "key_id": store.key_id,
            "key": "QUALYTICS_KEY" if store.keys.from_environment else str(store.keys.path),
            **counts,
            "ok": not problems,
            "problems": problems,
        }


def backup(settings: Settings, target: Path) -> dict[str, Any]:
    """Copy a consistent state of the store, while it is in use, into one new file of mode 0600.

    Raises:
        UsageError: the file is there already.
        StoreError: the copy could not be written; nothing is left of it.

    """
    if os.path.lexists(target):
        raise UsageError(f"{target} is already there", "choose another name; a backup never overwrites a file")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    with open_store(settings) as store, _made_aside(temporary):
        with named_faults(temporary), contextlib.closing(sqlite3.connect(temporary)) as copy:
            store.copy_to(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
        _require_sound(temporary)
        with files.named_os_errors(target):
            files.sync_file(temporary)
            os.link(temporary, target)
            files.sync_directory(target.parent)
        return {"file": str(target), "store_id": store.store_id, "key_id": store.key_id}


def restore(settings: Settings, source: Path) -> dict[str, Any]:
    """Put a backup in the store's place, whole or not at all; the key must be there already.

    Raises:
        StoreDamaged, StoreNewer: the file is no sound store of this version; nothing is changed.
        KeyProblem: the key at hand is not the one that sealed the backup; nothing is changed.

    """
    if not source.is_file():
        raise UsageError(f"there is no file {source}", "name a file that qualytics store backup has made")
    files.make_private_directory(settings.home)
    lock = files.lock(settings.lock_path, exclusive=True, wait_s=5.0)
    temporary = settings.store_path.with_name(f".restore.{os.getpid()}.tmp")
    try:
        with _made_aside(temporary):
            with (
                named_faults(source),
                contextlib.closing(sqlite3.connect(f"file:{source.absolute()}?mode=ro", uri=True)) as backed_up,
                contextlib.closing(sqlite3.connect(temporary)) as copy,
            ):
                backed_up.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
            _require_sound(temporary)
            with contextlib.closing(connect(temporary)) as copy, named_faults(temporary):
                meta = dict(copy.execute("SELECT name, value FROM meta").fetchall())
                key = Keys(settings).find(meta["key_id"])
                key.open(check_place(meta["store_id"]), bytes.fromhex(meta["key_check"]))
                migrate(copy)
                copy.execute("PRAGMA journal_mode = WAL")
            install(temporary, settings.store_path)
    finally:
        os.close(lock)
    return {"file": str(source), "store": str(settings.store_path), "store_id": meta["store_id"], "key_id": key.id}


def _new_key(settings: Settings) -> Key:
    if settings.key is None:
        return Key.generate()
    if settings.new_key is None:
        raise UsageError(
            "the key comes from QUALYTICS_KEY, so the new one must come from QUALYTICS_NEW_KEY",
            "export QUALYTICS_NEW_KEY=$(qualytics keys generate), rotate, then move it into QUALYTICS_KEY",
        )
    return Key.parse(settings.new_key.reveal(), "QUALYTICS_NEW_KEY")


def _sealed(store: SqliteStore) -> Iterator[tuple[Place, bytes]]:
    # In batches by primary key: a cursor must not walk a table that is being rewritten under it.
    sql = (
        "SELECT connection_id, field, sealed FROM secrets WHERE (connection_id, field) > (?, ?) "
        "ORDER BY connection_id, field LIMIT ?"
    )
    last: tuple[int, str] = (0, "")
    while rows := store.execute(sql, (*last, _BATCH)).fetchall():
        for row_id, name, sealed in rows:
            yield Place(store.store_id, "connections", row_id, name), sealed
        last = (rows[-1][0], rows[-1][1])


def _reseal(store: SqliteStore, key: Key, place: Place, sealed: bytes) -> None:
    store.execute(
        "UPDATE secrets SET key_id = ?, sealed = ? WHERE connection_id = ? AND field = ?",
        (key.id, sealed, place.row_id, place.field),
    )


def _key_problems(store: SqliteStore) -> list[str]:
    try:
        key = store.key()
    except KeyProblem as exc:
        return [f"key: {exc.message}"]
    problems = []
    for place, sealed in _sealed(store):
        try:
            key.open(place, sealed)
        except KeyProblem as exc:
            problems.append(exc.message)
    if len(store.keys.load()) > 1:
        problems.append("key: a rotation was interrupted; run qualytics keys rotate again")
    return problems


def _count(store: SqliteStore, table: str) -> int:
    return int(store.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - a constant of ours


def _require_sound(path: Path) -> None:
    with named_faults(path), contextlib.closing(connect(path)) as copy:
        found = [row[0] for row in copy.execute("PRAGMA integrity_check(1)")]
        if found != ["ok"] or list(copy.execute("PRAGMA foreign_key_check")):
            raise not_a_store(path)
        names = {row[0] for row in copy.execute("SELECT name FROM meta")}
        if not names >= {"store_id", "key_id", "key_check"}:
            raise StoreDamaged(f"{path} lacks a part of a store", "name a file that qualytics store backup has made")


@contextlib.contextmanager
def _made_aside(temporary: Path) -> Iterator[None]:
    """Make an empty private file to fill, and leave nothing of it behind."""
    try:
        with files.named_os_errors(temporary):
            os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        yield
    except FileExistsError as exc:
        raise StoreError(f"{temporary} is already there") from exc
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{temporary}{suffix}")
