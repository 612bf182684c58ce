"""Rotation: every secret sealed anew under another key, resumable after a kill at any moment; and the old keys."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from qualytics.errors import QualyticsError, StoreUnreachable, UsageError
from qualytics.store import files, open_store
from qualytics.store.sealing.cipher import Key
from qualytics.store.sealing.values import SEALED, sealed_values

if TYPE_CHECKING:
    from qualytics.settings import Settings
    from qualytics.store.base import Store

_BATCH = 1_000


def rotate(settings: Settings, *, forget: bool = False) -> dict[str, Any]:
    """Seal every secret anew under a new key; return `{old_key, new_key, secrets, old_key_file}` (ids, count, path).

    The new key is QUALYTICS_NEW_KEY where that is set, else a fresh one. One transaction, verified
    before it ends. While it runs the key file holds the old and the new key, so that a kill at any
    moment leaves a store that opens; running it again finishes the work. Whoever uses the store
    meanwhile waits.

    The old key is then kept in a file of its own, for backups made before; with `forget` no old key is kept. A key
    of the environment is never written to disk as an old one.

    Raises:
        UsageError: the key comes from QUALYTICS_KEY and QUALYTICS_NEW_KEY is not set, or both are the same.
        KeyProblem, StoreError, Busy: as their names say; the old key is still good then.

    """
    with open_store(settings, exclusive=True) as store, store.rotating():
        list(store.keys.old())  # one that cannot be read is told before anything is changed
        before: Key | None = None
        try:
            with store.writing():
                if in_file := not store.keys.from_environment:
                    files.sweep(store.keys.path)  # a killed rotation may have left keys there
                old, new = store.key(), _new_key(store)
                is_done = new.id == old.id  # by a rotation that was killed before it could say so
                if in_file and not is_done:
                    _keep_all_but(store, old, forget=forget)
                    store.keys.write(new, old)
                    before = old
                count = _verify(store, new) if is_done else _reseal(store, old, new)
        except StoreUnreachable:  # nobody knows which key is the store's now, so both stay
            raise
        except QualyticsError:
            store.reread()
            if before is not None and store.key_id == before.id:
                store.keys.write(before)
            raise
        store.reread()
        store.compact()  # the tables and their log still held what the old key opens
        if in_file:
            _write_alone(store, new, forget=forget)
        kept = {one.key.id: str(one.path) for one in store.keys.old()}
    return {"old_key": old.id, "new_key": new.id, "secrets": count, "old_key_file": kept.get(old.id)}


def forget(settings: Settings, *, dry_run: bool = False) -> dict[str, Any]:
    """Remove the keys that rotations have replaced; return `{old_keys, forgotten}`: a list of `{file, key_id}`, a flag.

    One that is the store's, as after the restore of a backup of before a rotation, stays and is not in the list.
    """
    with open_store(settings) as store, store.writing():
        if store.keys.from_environment:
            raise UsageError(
                "the key comes from QUALYTICS_KEY, and its old ones are not on this disk",
                "drop them where QUALYTICS_KEY is kept",
            )
        old_keys = [one for one in store.keys.old() if one.key.id != store.key_id]
        if not dry_run:
            _forget_all_but(store, store.key_id)
    listed = [{"file": str(one.path), "key_id": one.key.id} for one in old_keys]
    return {"old_keys": listed, "forgotten": not dry_run}


def _write_alone(store: Store, new: Key, *, forget: bool) -> None:
    with store.writing():
        if store.key_id == new.id:  # else another replica has rotated meanwhile, and sees to the file
            _keep_all_but(store, new, forget=forget)
            store.keys.write(new)
            if forget:
                _forget_all_but(store, new.id)


def _keep_all_but(store: Store, current: Key, *, forget: bool) -> None:
    # Beside the one that is replaced there may be those of a rotation that was killed.
    for key in store.keys.load():
        if key.id != current.id and not forget:
            store.keys.keep(key)


def _forget_all_but(store: Store, key_id: str) -> None:
    for one in store.keys.old():
        if one.key.id != key_id:
            store.keys.forget(one)


def _new_key(store: Store) -> Key:
    new = store.keys.new()
    if new is None:
        if store.keys.from_environment:
            raise UsageError(
                "the key comes from QUALYTICS_KEY, so the new one must come from QUALYTICS_NEW_KEY",
                "export QUALYTICS_NEW_KEY=$(qualytics keys generate), rotate, then move it into QUALYTICS_KEY",
            )
        return Key.generate()
    if {key.id for key in store.keys.load()} == {new.id}:
        raise UsageError(
            "QUALYTICS_NEW_KEY is the key that is in use already",
            "export QUALYTICS_NEW_KEY=$(qualytics keys generate) and rotate again",
        )
    return new


def _reseal(store: Store, old: Key, new: Key) -> int:
    for table in SEALED:
        values = sealed_values(store.execute, store.store_id, table)
        while batch := list(islice(values, _BATCH)):
            anew = [(new.id, new.seal(at, old.open(at, sealed)), at.row_id, at.field) for at, _, sealed in batch]
            store.execute_many(table.update, anew)
    store.set_key(new)
    return _verify(store, new)


def _verify(store: Store, key: Key) -> int:
    count = 0
    for table in SEALED:
        for cell, _, sealed in sealed_values(store.execute, store.store_id, table):
            key.open(cell, sealed)
            count += 1
    return count
