"""Leases of a store on PostgreSQL: a bounded number of connections, renewed when the server was lost."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, Any

import psycopg_pool

from qualytics.errors import StoreUnreachable
from qualytics.settings import STORE_CONNECT_S
from qualytics.store.faults import busy
from qualytics.store.postgres.engine import PostgresStore, rows
from qualytics.store.postgres.faults import named_faults
from qualytics.store.postgres.opening import Address, configure, connect, make_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qualytics.settings import Settings
    from qualytics.store.base import Known, Store
    from qualytics.store.postgres.engine import Database

    Connections = psycopg_pool.ConnectionPool[Database]

# A process asks for no more at once: a server of 100 connections serves a dozen.
_MAX_CONNECTIONS = 8
# After so long a connection is replaced, so that after a failover all end at the right server.
_LIFETIME_S = 1_800.0
# What a parent had open: a child must neither use nor close it.
_inherited: list[Any] = []


class PostgresPool:
    """Leases of a store on PostgreSQL; see `StorePool`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._place = ""
        self._pool: Connections | None = None
        self._known: Known | None = None
        self._forget()

    @contextlib.contextmanager
    def lease(self) -> Iterator[Store]:
        """Give an open store for as long as the context lasts.

        Raises:
            StoreUnreachable: the server did not answer in time.
            Busy: every connection was in use for too long.

        """
        self._make_ready()
        store = PostgresStore(self._settings, self._place, self._get(), self, self._known)
        try:
            self._known = store.known
            yield store
        finally:
            self._known = store.known
            store.close()

    def close(self) -> None:
        """Close what is idle; leases that are out close when they end."""
        if os.getpid() == self._process and self._pool is not None:
            self._pool.close()

    def renew(self, lost: Database) -> Database:
        """Return another connection for one that was lost; others that are idle may be lost as well."""
        lost.close()
        self.take_back(lost)
        if self._pool is not None:
            self._pool.check()
        return self._get()

    def take_back(self, database: Database) -> None:
        """Take a connection that is no longer used."""
        with self._lock:
            self._out -= 1
        if self._pool is not None:
            self._pool.putconn(database)

    def _get(self) -> Database:
        if self._pool is None:
            raise StoreUnreachable("the pool of the store is closed")
        try:
            with named_faults(self._place, self._settings.busy_s):
                database = self._pool.getconn()
        except StoreUnreachable as exc:
            if self._out >= _MAX_CONNECTIONS:
                raise busy(STORE_CONNECT_S) from exc
            raise
        with self._lock:
            self._out += 1
        return database

    def _make_ready(self) -> None:
        if os.getpid() != self._process:
            _inherited.append(self._pool)
            self._forget()
        with self._lock:
            if self._pool is not None:
                return
            address = Address(self._settings)
            with contextlib.closing(connect(self._settings, address)) as database:
                make_ready(self._settings, address, database)
            self._place = address.place
            self._pool = self._made()

    def _made(self) -> Connections:
        pool: Connections = psycopg_pool.ConnectionPool(
            # Read anew for each connection: the password in its file may be another by then.
            kwargs=lambda: Address(self._settings).parameters | {"autocommit": True, "row_factory": rows},
            configure=lambda database: configure(self._settings, database),
            min_size=1,
            max_size=_MAX_CONNECTIONS,
            max_lifetime=_LIFETIME_S,
            timeout=STORE_CONNECT_S,
            name="store",
            open=True,
        )
        return pool

    def _forget(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._pool = None
        self._known = None
        self._out = 0
