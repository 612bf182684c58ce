"""Care of an embedded store: check it, back it up, restore it."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from typing import TYPE_CHECKING, Any

from qualytics.errors import KeyProblem, StoreDamaged, StoreError, UsageError
from qualytics.store import files, open_store
from qualytics.store.base import META
from qualytics.store.faults import named_os_errors, not_a_store
from qualytics.store.sealing.cipher import Identity
from qualytics.store.sealing.keys import Keys
from qualytics.store.sealing.values import SEALED, sealed_values
from qualytics.store.sqlite import opening
from qualytics.store.sqlite.faults import NamedFaults
from qualytics.store.sqlite.lock import locked
from qualytics.store.sqlite.opening import connect, install, made_aside, migrate
from qualytics.store.sqlite.paths import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qualytics.settings import Settings
    from qualytics.store.base import Store
    from qualytics.store.sealing.cipher import Cell, Key

_JSON_COLUMNS = (
    *(("connections", name) for name in ("tags", "parameters")),
    *(("datastores", name) for name in ("tags", "teams", "settings")),
)


def check(settings: Settings) -> dict[str, Any]:
    """Read one state of the whole store and open every secret; return counts and `problems`, a list of texts."""
    with open_store(settings) as store, store.reading():
        problems: list[str] = []
        for part in (_own_problems, _json_problems, _key_problems):
            try:
                problems += part(store)
            except StoreDamaged as exc:
                problems.append(f"file: {exc.message}")
        counts = {table: store.count(table) for table in ("connections", "datastores", "secrets")}
        return {
            "store": store.name,
            "store_id": store.store_id,
            "key_id": store.key_id,
            "key": "QUALYTICS_KEY" if store.keys.from_environment else str(store.keys.path),
            "old_keys": _old_keys(store, problems),
            **counts,
            "ok": not problems,
            "problems": list(dict.fromkeys(problems)),
        }


def backup(settings: Settings, target: Path) -> dict[str, Any]:
    """Copy a consistent state of the store, while it is in use, into one new file of mode 0600.

    Raises:
        UsageError: the file is there already, or the store is on a database server.
        StoreError: the copy could not be written; nothing is left of it.

    """
    _require_embedded(settings, "pg_dump --format=custom --file FILE DATABASE")
    taken = UsageError(f"{target} is already there", "choose another name; a backup never overwrites a file")
    if os.path.lexists(target):
        raise taken
    if not target.parent.is_dir():
        raise UsageError(f"there is no directory {target.parent}", "make it first")
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    with opening.open_store(settings) as store, made_aside(temporary):
        with NamedFaults(target, settings.busy_s), contextlib.closing(sqlite3.connect(temporary)) as copy:
            store.copy_to(copy, target)
            copy.execute("PRAGMA journal_mode = DELETE")
        with contextlib.closing(connect(temporary, settings.busy_s, shown=store.path)) as copy:
            _require_sound(copy, store.path, settings.busy_s)
        try:
            with named_os_errors(target):
                files.sync_file(temporary)
                files.place_new(temporary, target)
                files.sync_directory(target.parent)
        except FileExistsError:
            raise taken from None
        return {"file": str(target), "store_id": store.store_id, "key_id": store.key_id}


def restore(settings: Settings, source: Path, *, keep_tokens: bool = False) -> dict[str, Any]:
    """Put a backup in the store's place, whole or not at all; the key must be there already.

    Its tokens and the sign-ins that were under way are ended, as nobody knows which were since it was made.

    Raises:
        StoreDamaged, StoreNewer: the file is no sound store of this version; nothing is changed.
        KeyProblem: the key at hand is not the one that sealed the backup; nothing is changed.

    """
    _require_embedded(settings, "pg_restore --dbname DATABASE FILE")
    if not os.path.isfile(source):
        raise UsageError(f"there is no file {source}", "name a file that qualytics store backup has made")
    if not os.access(source, os.R_OK):
        raise StoreError(f"{source} cannot be read", "check who may read it")
    files.make_private_directory(settings.home)
    path, busy_s = settings.store_path, settings.busy_s
    temporary = settings.home / ".restore.tmp"
    with locked(settings.lock_path, exclusive=True, wait_s=busy_s), made_aside(temporary):
        with (
            NamedFaults(path, busy_s, read=source),
            contextlib.closing(sqlite3.connect(f"file:{quoted(source)}?mode=ro", uri=True)) as backed_up,
            contextlib.closing(sqlite3.connect(temporary)) as copy,
        ):
            backed_up.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
        with contextlib.closing(connect(temporary, busy_s, shown=source)) as copy:
            _require_sound(copy, source, busy_s)
            with NamedFaults(path, busy_s, read=source):
                migrate(copy)
                identity = Identity.read(copy.execute(META), source)
                key = identity.prove(Keys(settings).find(identity.key_id))
                for table in SEALED:
                    for row in copy.execute(table.select):
                        key.open(table.cell(identity.store_id, row), row[3])
                ended = 0 if keep_tokens else _end_tokens(copy)
                copy.execute("PRAGMA journal_mode = WAL")
        install(temporary, path, busy_s)
    return {
        "file": str(source),
        "store": str(path),
        "store_id": identity.store_id,
        "key_id": key.id,
        "tokens_ended": ended,
    }


def _end_tokens(copy: sqlite3.Connection) -> int:
    now = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
    with copy:
        ended = copy.execute(f"UPDATE tokens SET revoked = {now}, is_final = 1 WHERE revoked IS NULL").rowcount  # noqa: S608
        copy.execute("UPDATE tokens SET is_final = 1")
        copy.execute("DELETE FROM logins")
    return ended


def _require_embedded(settings: Settings, command: str) -> None:
    if settings.store_url is not None:
        message = "the store is on a database server, whose own tools back it up and restore it"
        raise UsageError(message, f"{command}; the key is not in it, so keep both, in different places")


def _own_problems(store: Store) -> Iterator[str]:
    return store.problems()


def _json_problems(store: Store) -> Iterator[str]:
    for table, column in _JSON_COLUMNS:
        sql = f"SELECT id, {column} FROM {table} WHERE {column} IS NOT NULL"  # noqa: S608 - constants of ours
        for row_id, text in store.execute(sql):
            try:
                json.loads(text)
            except (TypeError, ValueError):
                yield f"the {column} of {table} {row_id} cannot be read any more"


def _key_problems(store: Store) -> Iterator[str]:
    try:
        key = store.key()
    except KeyProblem as exc:
        yield f"key: {exc.message}"
        return
    for table in SEALED:
        for cell, key_id, sealed in sealed_values(store.execute, store.store_id, table):
            if (problem := _seal_problem(key, cell, key_id, sealed)) is not None:
                yield problem
    if _is_interrupted(store):
        yield "key: a rotation was interrupted; run qualytics keys rotate again"


def _old_keys(store: Store, problems: list[str]) -> int:
    """Return how many keys that rotations have replaced lie beside the key."""
    try:
        return sum(1 for _ in store.keys.old())
    except KeyProblem as exc:
        problems.append(f"key: {exc.message}")
        return 0


def _is_interrupted(store: Store) -> bool:
    def is_between() -> bool:
        return len(store.keys.load()) > 1 and not store.is_rotating()

    # Twice: a rotation may end between the two looks, and take the old key out of the file.
    return not store.keys.from_environment and is_between() and is_between()


def _seal_problem(key: Key, cell: Cell, key_id: str, sealed: bytes) -> str | None:
    try:
        key.open(cell, sealed)
    except KeyProblem as exc:
        return exc.message
    if key_id != key.id:
        return f"the sealed {cell.field} of {cell.table} {cell.row_id} names another key"
    return None


def _require_sound(copy: sqlite3.Connection, shown: Path, busy_s: float) -> None:
    with NamedFaults(shown, busy_s):
        faults = [row[0] for row in copy.execute("PRAGMA integrity_check(1)")]
        if faults != ["ok"] or list(copy.execute("PRAGMA foreign_key_check")):
            raise not_a_store(shown)
        Identity.read(copy.execute(META), shown)
