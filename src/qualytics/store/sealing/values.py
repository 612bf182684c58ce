"""Sealed values in the tables: which tables hold them, and how to walk and open them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from qualytics.store.faults import unreadable
from qualytics.store.sealing.cipher import Cell
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qualytics.secret import Secret
    from qualytics.store.sealing.cipher import Key

_BATCH = 1_000
# Rows and key are read one after the other; in between somebody may rotate the key.
_TRIES = 3


class SealedTable(Struct, eq=True):
    """A table with `key_id` and `sealed`; `owner` is the table that a cell names, `row_id` and `field` are columns."""

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

    def cell(self, store_id: str, row: Any) -> Cell:
        """Return the cell of a row of `select`, after a look at its form.

        Raises:
            StoreDamaged: the database gives another form than was written.

        """
        row_id, name, _, sealed = row
        if not isinstance(name, str) or not isinstance(sealed, bytes):
            raise unreadable(f"a secret of {self.owner}", row_id)
        return Cell(store_id, self.owner, row_id, name)


SECRETS = SealedTable("secrets", "connections", "connection_id", "field")
OWN_SECRETS = SealedTable("own_secrets", "own_secrets", "id", "name")
SEALED = (SECRETS, OWN_SECRETS)


class Keyring(Protocol):
    """The way to the store's key; `renewed` looks again which key is the store's now."""

    def __call__(self, *, renewed: bool = False) -> Key:
        """Return the key."""


def sealed_values(execute: Callable[..., Any], store_id: str, table: SealedTable) -> Iterator[tuple[Cell, str, bytes]]:
    """Yield cell, key id and sealed bytes of every secret of a table, in batches by primary key.

    A cursor must not walk a table that is being rewritten under it.
    """
    columns = f"{table.row_id}, {table.field}"
    sql = f"{table.select} WHERE ({columns}) > (?, ?) ORDER BY {columns} LIMIT ?"
    last: tuple[int, str] = (0, "")
    while rows := execute(sql, (*last, _BATCH)).all():
        for row in rows:
            yield table.cell(store_id, row), row[2], row[3]
        last = (rows[-1][0], rows[-1][1])


def opened(read: Callable[[], list[Any]], table: SealedTable, store_id: str, key: Keyring) -> dict[str, Secret]:
    """Open the rows that `read` gives, in the form of the table's `select`; return the secrets by field."""
    for number in range(_TRIES):
        rows = read()
        if not rows:
            return {}
        current = key(renewed=number > 0)
        if all(row[2] == current.id for row in rows):
            break
    return {row[1]: current.open(table.cell(store_id, row), row[3]) for row in rows}
