"""Paths of the embedded store's files as SQLite takes them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def quoted(path: Path) -> str:
    """Return a path as it stands in a `file:` address."""
    # What SQLite takes for a part of the address; urllib would cost every command 3 ms.
    return os.fspath(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
