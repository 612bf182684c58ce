"""The store: where connections live, and the one way to open it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from qualytics.errors import DriverMissing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qualytics.settings import Settings
    from qualytics.store.base import Store, StorePool

__all__ = ["open_pool", "open_store"]


def open_store(settings: Settings, *, exclusive: bool = False) -> Store:
    """Open the store that the settings name; `exclusive` keeps everybody else out while it is open.

    Raises:
        StoreError, KeyProblem, Busy: as their names say.

    """
    if settings.store_url is not None:
        with named_driver():
            from qualytics.store.postgres import opening as postgres_opening
        return postgres_opening.open_store(settings)
    from qualytics.store.sqlite import opening

    return opening.open_store(settings, exclusive=exclusive)


def open_pool(settings: Settings) -> StorePool:
    """Return a pool of the store that the settings name, for a server; the first lease opens it.

    `with pool.lease() as store:` gives it to one thread for as long as the context lasts.
    """
    if settings.store_url is not None:
        with named_driver():
            from qualytics.store.postgres import pool as postgres_pool
        return postgres_pool.PostgresPool(settings)
    from qualytics.store.sqlite import pool

    return pool.EmbeddedPool(settings)


@contextlib.contextmanager
def named_driver() -> Iterator[None]:
    """Raise DriverMissing where the engine of stores on a database server lacks its driver."""
    try:
        yield
    except ModuleNotFoundError as exc:
        message = f"the driver of a store on a database server is missing: {exc.name}"
        raise DriverMissing(message, "pip install 'qualytics[server]'") from exc
