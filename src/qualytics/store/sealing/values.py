"""Sealed values in the tables: which tables hold them, how to walk and open them, and the store's own secrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from qualytics.store.sealing.cipher import Place
from qualytics.store.sqlite.faults import unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qualytics.secret import Secret
    from qualytics.store.sealing.cipher import Key

_BATCH = 1_000
# Rows and key are read one after the other; in between somebody may rotate the key.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class SealedTable:
    """A table with `key_id` and `sealed`; `owner` is the table that a place names, `row_id` and `field` are columns."""

    name: str
    owner: str
    row_id: str
    field: str

    @property
    def select(self) -> str:
        """Return the statement for all its sealed values as `(row id, field, key id, sealed)`."""
        return f"SELECT {self.row_id}, {self.field}, key_id, sealed FROM {self.name}"  # noqa: S608 - constants of ours

    @property
    def update(self) -> str:
        """Return the statement that takes `(key id, sealed, row id, field)`."""
        return f"UPDATE {self.name} SET key_id = ?, sealed = ? WHERE {self.row_id} = ? AND {self.field} = ?"  # noqa: S608

    def place(self, store_id: str, row: Any) -> Place:
        """Return the place of a row of `select`, after a look at its form.

        Raises:
            StoreDamaged: the database gives another form than was written.

        """
        row_id, name, _, sealed = row
        if not isinstance(name, str) or not isinstance(sealed, bytes):
            raise unreadable(f"a secret of {self.owner}", row_id)
        return Place(store_id, self.owner, row_id, name)


SECRETS = SealedTable("secrets", "connections", "connection_id", "field")
OWN_SECRETS = SealedTable("own_secrets", "own_secrets", "id", "name")
SEALED = (SECRETS, OWN_SECRETS)


class Keyring(Protocol):
    """The way to the store's key; `renewed` looks again which key is the store's now."""

    def __call__(self, *, renewed: bool = False) -> Key:
        """Return the key."""


def sealed_values(execute: Callable[..., Any], store_id: str, table: SealedTable) -> Iterator[tuple[Place, str, bytes]]:
    """Yield place, key id and sealed bytes of every secret of a table, in batches by primary key.

    A cursor must not walk a table that is being rewritten under it.
    """
    columns = f"{table.row_id}, {table.field}"
    sql = f"{table.select} WHERE ({columns}) > (?, ?) ORDER BY {columns} LIMIT ?"
    last: tuple[int, str] = (0, "")
    while rows := execute(sql, (*last, _BATCH)).all():
        for row in rows:
            yield table.place(store_id, row), row[2], row[3]
        last = (rows[-1][0], rows[-1][1])


def opened(read: Callable[[], list[Any]], table: SealedTable, store_id: str, key: Keyring) -> dict[str, Secret]:
    """Open the rows that `read` gives, in the form of the table's `select`; return the secrets by field."""
    for number in range(_TRIES):
        rows = read()
        if not rows:
            return {}
        found = key(renewed=number > 0)
        if all(row[2] == found.id for row in rows):
            break
    return {row[1]: found.open(table.place(store_id, row), row[3]) for row in rows}


class OwnSecrets:
    """Secrets of the store itself, by name: what signs tokens, what a provider of logins knows us by."""

    def __init__(self, execute: Callable[..., Any], store_id: str, key: Keyring) -> None:
        self._execute = execute
        self._store_id = store_id
        self._key = key

    def own_secret(self, name: str) -> Secret | None:
        """Return a secret of the store, None when it is not set."""
        sql = f"{OWN_SECRETS.select} WHERE name = ?"
        return opened(lambda: self._execute(sql, (name,)).all(), OWN_SECRETS, self._store_id, self._key).get(name)

    def set_own_secret(self, name: str, secret: Secret) -> None:
        """Set a secret of the store, inside a transaction."""
        found = self._execute("SELECT id FROM own_secrets WHERE name = ?", (name,)).all()
        if not found:  # the id is part of what is sealed, so the row comes first
            sql = "INSERT INTO own_secrets (name, key_id, sealed) VALUES (?, ?, ?) RETURNING id"
            found = self._execute(sql, (name, "", b"")).all()
        key = self._key()
        place = Place(self._store_id, OWN_SECRETS.owner, found[0][0], name)
        self._execute(OWN_SECRETS.update, (key.id, key.seal(place, secret), place.row_id, name))

    def own_secret_or_new(self, name: str, make: Callable[[], Secret]) -> Secret:
        """Return a secret of the store, made and set where there is none; inside a transaction."""
        found = self.own_secret(name)
        if found is None:
            found = make()
            self.set_own_secret(name, found)
        return found
