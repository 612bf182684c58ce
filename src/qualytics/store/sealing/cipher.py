"""Sealing of secrets: AES-256-GCM, bound to store, table, row, field and key; and where the key comes from."""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qualytics.errors import KeyInvalid, KeyMismatch, KeyMissing, SealBroken
from qualytics.secret import Secret
from qualytics.store.files import write_private
from qualytics.store.sqlite.faults import named_os_errors

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from qualytics.settings import Settings

KEY_BYTES = 32
_NONCE_BYTES = 12  # NIST SP 800-38D section 8.2: 96 bits, random
_MAX_KEY_FILE = 1_024


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Place:
    """Where a sealed value belongs; a value moved to another place does not open."""

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

    def seal(self, place: Place, secret: Secret) -> bytes:
        """Return nonce and ciphertext of a secret at its place."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._aes().encrypt(nonce, secret.reveal().encode(), place.associated_data(self.id))

    def open(self, place: Place, sealed: bytes) -> Secret:
        """Return the secret that was sealed at this place.

        Raises:
            SealBroken: the bytes were changed, cut, or moved from another place.

        """
        from cryptography.exceptions import InvalidTag

        try:
            data = place.associated_data(self.id)
            return Secret(self._aes().decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], data).decode())
        except (InvalidTag, ValueError) as exc:
            raise SealBroken(
                f"the sealed {place.field} of {place.table} {place.row_id} was changed since it was written",
                "set the value again, or restore a backup: qualytics store restore FILE",
            ) from exc

    def _aes(self) -> AESGCM:
        if self._cipher is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._cipher = AESGCM(self._raw)
        return self._cipher


class Keys:
    """Where this store's key comes from: QUALYTICS_KEY, else QUALYTICS_KEY_FILE, else the file beside the store.

    A key file holds one key a line; a second line is there only while a rotation is under way. In the
    environment QUALYTICS_NEW_KEY is that second key: before, during and after a rotation the store opens.
    """

    def __init__(self, settings: Settings) -> None:
        self._env = settings.key
        self._env_new = settings.new_key
        self._path = settings.key_path

    @property
    def from_environment(self) -> bool:
        """Say whether the key stands in QUALYTICS_KEY and so cannot be changed from here."""
        return self._env is not None

    @property
    def path(self) -> Path:
        """Return the key file's path."""
        return self._path

    def find(self, key_id: str) -> Key:
        """Return the key of that id.

        Raises:
            KeyMissing: there is no key at all.
            KeyInvalid: what is there is not a key, or other users can read it.
            KeyMismatch: it is another store's key.

        """
        keys = self.load()
        if not keys:
            raise KeyMissing(
                f"there is no key at {self._path}",
                "put the key file of this store back, or set QUALYTICS_KEY_FILE or QUALYTICS_KEY",
            )
        for key in keys:
            if key.id == key_id:
                return key
        source = "QUALYTICS_KEY" if self._env else self._path
        raise KeyMismatch(
            f"the key in {source} is not the key of this store ({keys[0].id}, needed is {key_id})",
            "use the key that this store was made or last rotated with",
        )

    def load(self) -> list[Key]:
        """Return all keys there are, the current one first; none when there is no key file."""
        if self._env is not None:
            new = self.new()
            return [Key.parse(self._env.reveal(), "QUALYTICS_KEY"), *([new] if new else [])]
        text = self._read()
        if text is None:
            return []
        lines = [line for line in text.split("\n") if line.strip()] or [""]
        return [Key.parse(line, str(self._path)) for line in lines]

    def new(self) -> Key | None:
        """Return the key in QUALYTICS_NEW_KEY, None when there is none."""
        return Key.parse(self._env_new.reveal(), "QUALYTICS_NEW_KEY") if self._env_new else None

    def write(self, *keys: Key, replace: bool = True) -> None:
        """Write the key file whole, the current key first; see `write_private`."""
        write_private(self._path, "".join(key.text() + "\n" for key in keys).encode(), replace=replace)

    def _read(self) -> str | None:
        try:
            # O_NONBLOCK: a pipe in the file's place must not keep us waiting.
            handle = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as exc:
            link = os.path.islink(self._path)
            message = f"{self._path} is a symbolic link" if link else f"{self._path}: {exc.strerror}"
            raise KeyInvalid(message, "put the key file itself there, readable by you alone") from exc
        try:
            _require_private(self._path, os.fstat(handle))
            with named_os_errors(self._path):
                return os.read(handle, _MAX_KEY_FILE).decode("ascii", "replace")
        finally:
            os.close(handle)


def _require_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise KeyInvalid(f"{path} is not a regular file", "put the key file there")
    if found.st_uid not in {os.geteuid(), 0}:
        raise KeyInvalid(f"the key file {path} belongs to another user", "use a key file of your own")
    if found.st_mode & 0o077:
        raise KeyInvalid(f"other users can read {path}", f"chmod 600 {path}")
