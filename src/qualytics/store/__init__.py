"""The store: where connections live, and the one way to open it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qualytics.settings import Settings
    from qualytics.store.base import Store
    from qualytics.store.pool import StorePool

__all__ = ["open_pool", "open_store"]


def open_store(settings: Settings, *, exclusive: bool = False) -> Store:
    """Open the store that the settings name; `exclusive` keeps everybody else out while it is open.

    Raises:
        StoreError, KeyProblem, Busy: as their names say.

    """
    from qualytics.store import opening

    return opening.open_store(settings, exclusive=exclusive)


def open_pool(settings: Settings) -> StorePool:
    """Return a pool of the store that the settings name, for a server; the first lease opens it.

    `with pool.lease() as store:` gives it to one thread for as long as the context lasts.
    """
    from qualytics.store import pool

    return pool.open_pool(settings)
