"""What is kept outside the tree: each thing in a folder named by what it holds, made whole or not at all.

Clones share it. One that needs another version makes another folder, and disturbs nobody who uses the first.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_STAMP = ".complete"
_UNUSED_S = 30 * 86_400.0


def cache() -> Path:
    """Return the folder that everything is kept in."""
    # Servers of root run as another user, who may not look into root's home.
    default = Path("/var/cache") if os.geteuid() == 0 else Path.home() / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or default) / "qualytics-dev"


def place_of(name: str, *holds: str) -> Path:
    """Return the folder of what has this name and holds this: other contents have another folder."""
    return cache() / f"{name}-{hashlib.sha256(chr(10).join(holds).encode()).hexdigest()[:12]}"


def is_kept(place: Path) -> bool:
    """Say whether a folder is there and whole."""
    return (place / _STAMP).exists()


def kept(place: Path, make: Callable[[Path, int], None]) -> Path:
    """Return a folder of the cache, filled by `make` if it is not there yet.

    It is made where it stays, as environments hold their own path, and counts once it is stamped. `make` gets the
    descriptor of the lock for the programs that it starts (`pass_fds`): should this process be killed, nobody clears
    the half-made folder before the last of them has ended.
    """
    if _use(place):
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with locked(_lock_of(place)) as lock:
        if not _use(place):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            make(place, lock)
            (place / _STAMP).touch()
    _remove_unused(place.parent)
    return place


@contextlib.contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold a file, made if need be, or a folder alone and give its descriptor; the lock ends with the last holder."""
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
    lock = os.open(path, flags | os.O_NOFOLLOW, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another process to let go of {path}", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


def _lock_of(place: Path) -> Path:
    return place.with_name(f".{place.name}.lock")


def _use(place: Path) -> bool:
    # The stamp's time is that of the last use.
    try:
        os.utime(place / _STAMP)
    except FileNotFoundError:
        return False
    return True


def _remove_unused(parent: Path) -> None:
    # By name: older clones keep folders of another form here.
    for stamp in parent.glob(f"*-{'[0-9a-f]' * 12}/{_STAMP}"):
        with contextlib.suppress(FileNotFoundError):
            if _is_unused(stamp):
                with locked(_lock_of(stamp.parent)):
                    _remove(stamp)


def _remove(stamp: Path) -> None:
    # Who finds no stamp waits for the lock; who found it just before has set its time.
    aside = stamp.rename(stamp.with_name(".going"))
    if _is_unused(aside):
        shutil.rmtree(stamp.parent, ignore_errors=True)
    else:
        aside.rename(stamp)


def _is_unused(stamp: Path) -> bool:
    return stamp.stat().st_mtime < time.time() - _UNUSED_S
