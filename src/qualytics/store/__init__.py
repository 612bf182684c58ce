"""The store: where connections live, and the one way to open it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qualytics.settings import Settings
    from qualytics.store.sqlite import SqliteStore

__all__ = ["open_store"]


def open_store(settings: Settings, *, exclusive: bool = False) -> SqliteStore:
    """Open the store that the settings name; `exclusive` keeps everybody else out while it is open.

    Raises:
        StoreError, KeyProblem, Busy: as their names say.

    """
    from qualytics.store import opening

    return opening.open_store(settings, exclusive=exclusive)
