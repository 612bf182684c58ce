"""Secrets of the store itself, by name: what signs tokens, what a provider of logins knows us by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.store.sealing.cipher import Cell
from qualytics.store.sealing.values import OWN_SECRETS, opened
from qualytics.store.tables import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from qualytics.secret import Secret
    from qualytics.store.sealing.values import Keyring


class OwnSecretTable(Table):
    """Secrets of the store itself, sealed as those of connections are."""

    def __init__(self, execute: Callable[..., Any], store_id: str, key: Keyring) -> None:
        super().__init__(execute)
        self._store_id = store_id
        self._key = key

    def get(self, name: str) -> Secret | None:
        """Return a secret, None when it is not set."""
        sql = f"{OWN_SECRETS.select} WHERE name = ?"
        return opened(lambda: self._execute(sql, (name,)).all(), OWN_SECRETS, self._store_id, self._key).get(name)

    def set(self, name: str, secret: Secret) -> None:
        """Set a secret, inside a transaction."""
        rows = self._execute("SELECT id FROM own_secrets WHERE name = ?", (name,)).all()
        # The id is part of what is sealed, so the row comes first.
        row_id = rows[0][0] if rows else self._insert("own_secrets", {"name": name, "key_id": "", "sealed": b""})
        key = self._key()
        cell = Cell(self._store_id, OWN_SECRETS.owner, row_id, name)
        self._execute(OWN_SECRETS.update, (key.id, key.seal(cell, secret), row_id, name))

    def get_or_make(self, name: str, make: Callable[[], Secret]) -> Secret:
        """Return a secret, made and set where there is none; inside a transaction."""
        secret = self.get(name)
        if secret is None:
            secret = make()
            self.set(name, secret)
        return secret
