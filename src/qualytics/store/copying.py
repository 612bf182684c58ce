"""Copying a whole store into an empty one, sealed anew for its new place, verified before it counts."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qualytics.errors import Conflict, StoreDamaged, UsageError
from qualytics.secret import Secret
from qualytics.store import open_store
from qualytics.store.schema import TABLES
from qualytics.store.sealing.values import SEALED, SealedTable, sealed_values
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qualytics.settings import Settings
    from qualytics.store.base import Store

_BATCH = 1_000


def copy(settings: Settings, target: str, new_key_file: Path | None = None) -> dict[str, Any]:
    """Copy the store into an empty one: `postgresql://…`, or a directory of the user's own; all of it or nothing.

    Ids and the numbers that the next ones get stay the same. The copy is another store, so every secret is
    sealed anew: under the key in `new_key_file`, made there if it is not; else on a database server under the
    key of now, and in a directory under the key beside it.

    Raises:
        Conflict: the target is not empty.
        KeyProblem, StoreError, Busy, UsageError: as their names say; the target holds nothing then.

    """
    with open_store(settings) as source, source.reading():
        source.key()  # without it nothing can be sealed anew, so nothing is made for it either
        with open_store(_target_settings(settings, target, new_key_file)) as into, into.writing():
            _require_empty(into)
            for table in TABLES:
                _copy_table(source, into, table)
            last = source.last_ids()  # once: on a server others raise them meanwhile
            into.keep_ids(last)
            counts = _verify(source, into, last)
        where = "QUALYTICS_KEY" if into.keys.from_environment else str(into.keys.path)
        return {
            "from": source.name,
            "to": into.name,
            "store_id": into.store_id,
            "key_id": into.key_id,
            "key": where,
        } | counts


def _target_settings(settings: Settings, target: str, new_key_file: Path | None) -> Settings:
    own = settings if new_key_file is None else replace(settings, key=None, new_key=None, key_file=new_key_file)
    if "://" in target:
        key_file = own.key_file or (None if own.key else own.key_path)
        return replace(own, store_url=Secret(target), key_file=key_file)
    home = Path(target).absolute()
    if home.exists() and not home.is_dir():
        raise UsageError(
            f"{target} is not a directory", "name a new directory, or postgresql://USER@HOST:PORT/DATABASE"
        )
    return replace(own, home=home, store_url=None, key=None, new_key=None, key_file=new_key_file)


def _require_empty(into: Store) -> None:
    for table in TABLES:
        if count := into.count(table):
            message = f"the store {into.name} is not empty: it holds {count:,} {table.replace('_', ' ')}"
            raise Conflict(message, "name an empty database, or a new directory")


def _copy_table(source: Store, into: Store, table: str) -> None:
    sealed = next((one for one in SEALED if one.name == table), None)
    rows = iter(source.execute(f"SELECT * FROM {table}"))  # noqa: S608 - a name of the schema
    while batch := list(islice(rows, _BATCH)):
        names = list(batch[0].keys())
        sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608
        values = ({name: row[name] for name in names} for row in batch)
        into.execute_many(sql, [tuple(row.values()) for row in _sealed_anew(source, into, sealed, values)])


def _sealed_anew(
    source: Store, into: Store, table: SealedTable | None, rows: Iterable[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    for row in rows:
        if table is None:
            yield row
            continue
        selected = (row[table.row_id], row[table.field], row["key_id"], row["sealed"])
        secret = source.key().open(table.cell(source.store_id, selected), row["sealed"])
        key = into.key()
        yield row | {"key_id": key.id, "sealed": key.seal(table.cell(into.store_id, selected), secret)}


def _verify(source: Store, into: Store, last: dict[str, int]) -> dict[str, int]:
    counts = {table: source.count(table) for table in TABLES}
    is_same = counts == {table: into.count(table) for table in TABLES} and last == into.last_ids()
    for table in SEALED:
        pairs = (sealed_values(store.execute, store.store_id, table) for store in (source, into))
        for (at, _, sealed), (there, _, copied) in zip(*pairs, strict=True):
            is_same &= (at.row_id, at.field) == (there.row_id, there.field)
            is_same &= source.key().open(at, sealed) == into.key().open(there, copied)
    if not is_same:
        raise StoreDamaged(f"the copy in {into.name} differs from {source.name}", "check both: qualytics store check")
    return counts
