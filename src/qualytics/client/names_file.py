"""The file that names of a control plane are kept in for completion, and its end when a name may have changed."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import TYPE_CHECKING, Any

from qualytics.errors import QualyticsError
from qualytics.settings import load

if TYPE_CHECKING:
    from pathlib import Path

FILE = "names.json"
_LIFE_S = 60
_MAX_FILE = 1 << 20


def forget() -> None:
    """Drop what is kept of control planes, as a name may have changed."""
    with contextlib.suppress(OSError, QualyticsError):
        os.unlink(load().home / FILE)


def _is_fresh(moment: Any, now: float) -> bool:
    return isinstance(moment, int | float) and 0 <= now - moment < _LIFE_S


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Return what was kept in the last minute, by a digest of whose it is; nothing where the file is none of ours."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(handle, "rb") as file:
            kept = json.loads(file.read(_MAX_FILE))
    except (OSError, ValueError, RecursionError):
        return {}
    entries = kept.items() if isinstance(kept, dict) else ()
    return {key: entry for key, entry in entries if isinstance(entry, dict) and _is_fresh(entry.get("at"), time.time())}


def write(path: Path, kept: dict[str, Any]) -> None:
    """Keep it for the user alone."""
    from qualytics.store import files

    with contextlib.suppress(QualyticsError, OSError):  # a home that cannot be written has no cache
        files.make_private_directory(path.parent)
        files.write_private(path, json.dumps(kept).encode())
