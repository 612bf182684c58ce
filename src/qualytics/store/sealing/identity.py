"""What a store says about itself: its id, the id of its key, and a sealed value that proves the key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from qualytics.secret import Secret
from qualytics.store.sealing.cipher import Place
from qualytics.store.sqlite.faults import not_a_store

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qualytics.store.sealing.cipher import Key

_CHECK = "key-check"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Identity:
    """The rows of `meta`."""

    store_id: str
    key_id: str
    key_check: bytes

    @classmethod
    def made(cls, store_id: str, key: Key) -> Self:
        """Return the identity of a store whose secrets `key` seals."""
        return cls(store_id, key.id, key.seal(_place(store_id), Secret(_CHECK)))

    @classmethod
    def read(cls, rows: Iterable[Any], path: object) -> Self:
        """Read it from the rows `(name, value)` of `meta`.

        Raises:
            StoreDamaged: a part is missing or malformed.

        """
        found = {row[0]: row[1] for row in rows if isinstance(row[1], str)}
        try:
            return cls(found["store_id"], found["key_id"], bytes.fromhex(found["key_check"]))
        except (KeyError, TypeError, ValueError) as exc:
            raise not_a_store(str(path)) from exc

    def rows(self) -> list[tuple[str, str]]:
        """Return the rows `(value, name)` that hold it."""
        return [(self.store_id, "store_id"), (self.key_id, "key_id"), (self.key_check.hex(), "key_check")]

    def prove(self, key: Key) -> Key:
        """Return the key if it is this store's.

        Raises:
            SealBroken: it does not open the value that proves it.

        """
        key.open(_place(self.store_id), self.key_check)
        return key


def _place(store_id: str) -> Place:
    return Place(store_id, "meta", 0, _CHECK)
