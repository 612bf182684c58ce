"""Where the key of a store comes from: the environment, or a file."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
from typing import TYPE_CHECKING

from qualytics.errors import KeyInvalid, KeyMismatch, KeyMissing
from qualytics.store.faults import named_os_errors
from qualytics.store.files import remove, sync_directory, write_private
from qualytics.store.sealing.cipher import Key
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qualytics.settings import Settings

_MAX_KEY_FILE = 1_024
# What a file of an old key says beside the key; no other file is ever taken for one, or removed.
_OLD = "# replaced by qualytics keys rotate; backups made before need it; qualytics keys forget removes it"


class OldKey(Struct):
    """A key that a rotation has replaced, and the file beside the key file that keeps it."""

    path: Path
    key: Key


class Keys:
    """Where this store's key comes from: QUALYTICS_KEY, else QUALYTICS_KEY_FILE, else the file beside the store.

    A key file holds one key a line; a second line is there only while a rotation is under way. In the
    environment QUALYTICS_NEW_KEY is that second key: before, during and after a rotation the store opens.
    Keys that rotations have replaced stay in files of their own beside it, `key.1` the oldest.
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
        # A store that was restored from a backup of before a rotation has an old key.
        for key in itertools.chain(keys, (old.key for old in self.old())):
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
        text = self._read(self._path)
        if text is None:
            return []
        return _parsed(text, self._path)

    def old(self) -> Iterator[OldKey]:
        """Yield the keys that rotations have replaced, the oldest first; none beside a key of the environment.

        Raises:
            KeyInvalid: a file of one is not a key, or other users can read it.

        """
        if self._env is not None:
            return
        for number in self._numbers():
            path = self._numbered(number)
            text = self._read(path)
            if text is not None and _OLD in text:
                yield OldKey(path, _parsed(text, path)[0])

    def keep(self, key: Key) -> None:
        """Keep a replaced key in a file of its own, once."""
        if any(old.key.id == key.id for old in self.old()):
            return
        for number in itertools.count(max(self._numbers(), default=0) + 1):
            # Another store with the same QUALYTICS_KEY_FILE may take the number at this moment.
            with contextlib.suppress(FileExistsError):
                write_private(self._numbered(number), f"{key.text()}\n{_OLD}\n".encode(), replace=False)
                return

    def forget(self, old: OldKey) -> None:
        """Remove the file of a replaced key."""
        with named_os_errors(old.path):
            remove(old.path)
            sync_directory(old.path.parent)

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

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _numbers(self) -> list[int]:
        with named_os_errors(self._path):
            names = os.listdir(self._path.parent) if self._path.parent.is_dir() else []
        suffixes = [name.removeprefix(f"{self._path.name}.") for name in names]
        return sorted(int(text) for text in suffixes if text.isascii() and text.isdecimal() and text[0] != "0")

    def _read(self, path: Path) -> str | None:
        try:
            # O_NONBLOCK: a pipe in the file's place must not keep us waiting.
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as exc:
            message = f"{path} is a symbolic link" if os.path.islink(path) else f"{path}: {exc.strerror}"
            raise KeyInvalid(message, "put the key file itself there, readable by you alone") from exc
        try:
            _require_private(path, os.fstat(handle))
            with named_os_errors(path):
                return os.read(handle, _MAX_KEY_FILE).decode("ascii", "replace")
        finally:
            os.close(handle)


def _parsed(text: str, path: Path) -> list[Key]:
    lines = [line for line in text.split("\n") if line.strip() and not line.startswith("#")] or [""]
    return [Key.parse(line, str(path)) for line in lines]


def _require_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise KeyInvalid(f"{path} is not a regular file", "put the key file there")
    if status.st_uid not in {os.geteuid(), 0}:
        raise KeyInvalid(f"the key file {path} belongs to another user", "use a key file of your own")
    if status.st_mode & 0o077:
        raise KeyInvalid(f"other users can read {path}", f"chmod 600 {path}")
