"""A store for a server: opened once for many requests, leased to one thread at a time.

`pool = open_pool(settings)`, then `with pool.lease() as store:` around each piece of work, and `pool.close()`
at the end. A pool is safe to use from many threads, and after a fork; each process opens its own databases.
A lease does not nest: a thread that leases twice may wait for itself while a key is rotated. Rows that a
lease left unread cannot be read after it.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from typing import TYPE_CHECKING, Any

from qualytics.store.sqlite.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qualytics.settings import Settings
    from qualytics.store.base import Store
    from qualytics.store.sqlite.engine import SqliteStore

# So many databases stay open for the next requests; more are opened while more are needed.
_MAX_IDLE = 16
# What a parent had open: a child must neither use nor close it.
_inherited: list[Any] = []


class EmbeddedPool:
    """Leases of the embedded store: the lock is taken anew for each, so whoever needs the store alone gets it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._idle: deque[SqliteStore] = deque()  # whose ends threads may use at once
        self._process = os.getpid()
        self._is_closed = False

    @contextlib.contextmanager
    def lease(self) -> Iterator[Store]:
        """Give an open store for as long as the context lasts; see `StorePool`."""
        store = self._take()
        try:
            yield store
        finally:
            self._give_back(store)

    def close(self) -> None:
        """Close what is idle; leases that are out close when they end."""
        self._is_closed = True
        while (store := self._pop()) is not None:
            store.close()

    def _take(self) -> SqliteStore:
        while (store := self._pop()) is not None:
            with contextlib.ExitStack() as undo:
                undo.callback(store.close)
                if store.wake():
                    undo.pop_all()
                    return store
        return open_store(self._settings, any_thread=True)

    def _give_back(self, store: SqliteStore) -> None:
        with contextlib.ExitStack() as undo:
            undo.callback(store.close)
            if store.rest() and len(self._idle) < _MAX_IDLE and not self._is_closed:
                self._idle.append(store)
                undo.pop_all()

    def _pop(self) -> SqliteStore | None:
        if os.getpid() != self._process:
            _inherited.append(self._idle)
            self._idle, self._process = deque(), os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return None
