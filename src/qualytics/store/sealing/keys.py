"""Where the key of a store comes from: the environment, or a file."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from qualytics.errors import KeyInvalid, KeyMismatch, KeyMissing
from qualytics.store.faults import named_os_errors
from qualytics.store.files import write_private
from qualytics.store.sealing.cipher import Key

if TYPE_CHECKING:
    from pathlib import Path

    from qualytics.settings import Settings

_MAX_KEY_FILE = 1_024


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

    def first(self) -> Key:
        """Return the current key for a new store, made where there is none."""
        for _ in range(2):
            if keys := self.load():
                return keys[0]
            # Another store with the same QUALYTICS_KEY_FILE may make it at this moment.
            with contextlib.suppress(FileExistsError):
                self.write(Key.generate(), replace=False)
        return self.load()[0]

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


def _require_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyInvalid(f"{path} is not a regular file", "put the key file there")
    if status.st_uid not in {os.geteuid(), 0}:
        raise KeyInvalid(f"the key file {path} belongs to another user", "use a key file of your own")
    if status.st_mode & 0o077:
        raise KeyInvalid(f"other users can read {path}", f"chmod 600 {path}")
