"""Rotation: every secret sealed anew under another key, resumable after a kill at any moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.errors import QualyticsError, UsageError
from qualytics.store import files
from qualytics.store.opening import open_store
from qualytics.store.records import require_sealed
from qualytics.store.sealing import Key, Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qualytics.settings import Settings
    from qualytics.store.sqlite import SqliteStore

_BATCH = 1_000


def rotate(settings: Settings) -> dict[str, Any]:
    """Seal every secret anew under a new key; return `{old_key, new_key, secrets}` (ids, count).

    The new key is QUALYTICS_NEW_KEY where that is set, else a fresh one. One transaction, verified
    before it ends. While it runs the key file holds the old and the new key, so that a kill at any
    moment leaves a store that opens; running it again finishes the work.

    Raises:
        UsageError: the key comes from QUALYTICS_KEY and QUALYTICS_NEW_KEY is not set, or both are the same.
        KeyProblem, StoreError, Busy: as their names say; the old key is still good then.

    """
    with open_store(settings, exclusive=True) as store:
        in_file = not store.keys.from_environment
        if in_file:
            files.sweep(store.keys.path)  # a killed rotation may have left keys there
        old, new = store.key(), _new_key(store)
        is_done = new.id == old.id  # by a rotation that was killed before it could say so
        if in_file and not is_done:
            store.keys.write(new, old)
        count = _verify(store, new) if is_done else _reseal(store, old, new)
        store.compact()  # the file and its log still held what the old key opens
        if in_file:
            store.keys.write(new)
    return {"old_key": old.id, "new_key": new.id, "secrets": count}


def sealed_values(store: SqliteStore) -> Iterator[tuple[Place, str, bytes]]:
    """Yield place, key id and sealed bytes of every secret, in batches by primary key.

    A cursor must not walk a table that is being rewritten under it.
    """
    sql = (
        "SELECT connection_id, field, key_id, sealed FROM secrets WHERE (connection_id, field) > (?, ?) "
        "ORDER BY connection_id, field LIMIT ?"
    )
    last: tuple[int, str] = (0, "")
    while rows := store.execute(sql, (*last, _BATCH)).all():
        for row_id, name, key_id, sealed in rows:
            require_sealed(row_id, name, sealed)
            yield Place(store.store_id, "connections", row_id, name), key_id, sealed
        last = (rows[-1][0], rows[-1][1])


def _new_key(store: SqliteStore) -> Key:
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


def _reseal(store: SqliteStore, old: Key, new: Key) -> int:
    sql = "UPDATE secrets SET key_id = ?, sealed = ? WHERE connection_id = ? AND field = ?"
    try:
        with store.writing():
            for place, _, sealed in sealed_values(store):
                store.execute(sql, (new.id, new.seal(place, old.open(place, sealed)), place.row_id, place.field))
            store.set_key(new)
            count = _verify(store, new)
    except QualyticsError:
        store.reread()
        if store.key_id == old.id and not store.keys.from_environment:
            store.keys.write(old)
        raise
    store.reread()
    return count


def _verify(store: SqliteStore, key: Key) -> int:
    count = 0
    for place, _, sealed in sealed_values(store):
        key.open(place, sealed)
        count += 1
    return count
