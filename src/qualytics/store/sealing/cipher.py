"""Sealing of secrets: AES-256-GCM, bound to store, table, row, field and key; and the identity that proves a key."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Self

from qualytics.errors import KeyInvalid, SealBroken
from qualytics.secret import Secret
from qualytics.store.faults import not_a_store
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE_BYTES = 12  # NIST SP 800-38D section 8.2: 96 bits, random
_CHECK = "key-check"


class Cell(Struct):
    """A field of a row that holds a sealed value; a value moved to another one does not open."""

    store_id: str
    table: str
    row_id: int
    field: str

    def associated_data(self, key_id: str) -> bytes:
        """Return the bytes that are authenticated with the value; each part carries its length."""
        parts = (self.store_id, self.table, str(self.row_id), self.field, key_id)
        return b"".join(len(part.encode()).to_bytes(4) + part.encode() for part in parts)


class Key:
    """One key of 32 random bytes; `id` names it in the store and gives nothing of it away."""

    __slots__ = ("_cipher", "_raw", "id")

    def __init__(self, raw: bytes) -> None:
        import hashlib  # with OpenSSL behind it; a listing needs no key

        self._raw = raw
        self.id = hashlib.sha256(b"qualytics key id\0" + raw).hexdigest()[:16]
        self._cipher: AESGCM | None = None

    @classmethod
    def generate(cls) -> Key:
        """Make a new key from the system's randomness."""
        return cls(os.urandom(KEY_BYTES))

    @classmethod
    def parse(cls, text: str, source: str) -> Key:
        """Read a key from its text: base64 (standard or URL-safe) or hexadecimal, 32 bytes.

        Raises:
            KeyInvalid: anything else; `source` names the place in the message.

        """
        import base64

        text = text.strip()
        raw = b""
        with contextlib.suppress(ValueError):
            if len(text) == 2 * KEY_BYTES:
                raw = bytes.fromhex(text)
            else:
                raw = base64.b64decode(text.translate(str.maketrans("-_", "+/")), validate=True)
        if len(raw) != KEY_BYTES:
            raise KeyInvalid(
                f"{source} does not hold a key of 32 bytes in base64 or hexadecimal",
                "put the right key back; qualytics keys generate makes one for a new store",
            )
        return cls(raw)

    def text(self) -> str:
        """Return the key as URL-safe base64."""
        import base64

        return base64.urlsafe_b64encode(self._raw).decode()

    def seal(self, cell: Cell, secret: Secret) -> bytes:
        """Return nonce and ciphertext of a secret for its cell."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aes().encrypt(nonce, secret.reveal().encode(), cell.associated_data(self.id))

    def open(self, cell: Cell, sealed: bytes) -> Secret:
        """Return the secret that was sealed for this cell.

        Raises:
            SealBroken: the bytes were changed, cut, or moved from another one.

        """
        from cryptography.exceptions import InvalidTag

        try:
            data = cell.associated_data(self.id)
            return Secret(self._aes().decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], data).decode())
        except (InvalidTag, ValueError) as exc:
            raise SealBroken(
                f"the sealed {cell.field} of {cell.table} {cell.row_id} was changed since it was written",
                "set the value again, or restore a backup: qualytics store restore FILE",
            ) from exc

    def _aes(self) -> AESGCM:
        if self._cipher is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._cipher = AESGCM(self._raw)
        return self._cipher


class Identity(Struct):
    """What a store says about itself in `meta`: its id, the id of its key, and a sealed value that proves the key."""

    store_id: str
    key_id: str
    key_check: bytes

    @classmethod
    def made(cls, store_id: str, key: Key) -> Self:
        """Return the identity of a store whose secrets `key` seals."""
        return cls(store_id, key.id, key.seal(_check_cell(store_id), Secret(_CHECK)))

    @classmethod
    def read(cls, rows: Iterable[Any], path: object) -> Self:
        """Read it from the rows `(name, value)` of `meta`.

        Raises:
            StoreDamaged: a part is missing or malformed.

        """
        values = {row[0]: row[1] for row in rows if isinstance(row[1], str)}
        try:
            return cls(values["store_id"], values["key_id"], bytes.fromhex(values["key_check"]))
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
        key.open(_check_cell(self.store_id), self.key_check)
        return key


def _check_cell(store_id: str) -> Cell:
    return Cell(store_id, "meta", 0, _CHECK)
