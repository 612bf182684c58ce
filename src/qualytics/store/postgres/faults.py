"""Faults of PostgreSQL and of the way to it, as the product's errors; no message holds a password."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import psycopg
from psycopg import errors as pg

from qualytics.errors import QualyticsError, StoreDamaged, StoreError, StoreFull, StoreUnreachable
from qualytics.store.faults import busy, contradicts

if TYPE_CHECKING:
    from collections.abc import Iterator

# An administrator or a failover ended the session, or this server only reads now: another may take over.
_ENDED = (pg.AdminShutdown, pg.CrashShutdown, pg.CannotConnectNow, pg.IdleInTransactionSessionTimeout)
_BUSY = (
    *(pg.LockNotAvailable, pg.QueryCanceled, pg.DeadlockDetected, pg.SerializationFailure),
    *(pg.TooManyConnections, pg.ConfigurationLimitExceeded),
)
_DAMAGED = (pg.UndefinedTable, pg.UndefinedColumn, pg.DataCorrupted, pg.IndexCorrupted, pg.DatatypeMismatch)


@contextlib.contextmanager
def named_faults(place: str, busy_s: float) -> Iterator[None]:
    """Turn PostgreSQL's faults on a store into the product's; `place` is where it is, as it may be shown."""
    try:
        yield
    except psycopg.Error as exc:
        raise named(exc, place, busy_s) from exc


def named(exc: psycopg.Error, place: str, busy_s: float) -> QualyticsError:
    """Return the product's error for one of PostgreSQL."""
    said = exc.diag.message_primary or (str(exc).splitlines() or [type(exc).__name__])[0]
    if isinstance(exc, _BUSY):
        return busy(busy_s)
    if isinstance(exc, pg.DiskFull):
        return StoreFull(f"no space is left on the server of {place}", "free some space there and run it again")
    if isinstance(exc, _DAMAGED):
        return StoreDamaged(f"{place} is not a complete store of this program: {said}", _RESTORE)
    if isinstance(exc, pg.IntegrityError):
        return contradicts()
    if is_lost(exc):
        return StoreUnreachable(f"the store {place} cannot be reached: {said}", _REACH)
    hint = "check the database, its user's rights, and QUALYTICS_STORE"
    return StoreError(f"the store {place} cannot be used: {said}", hint)


def is_lost(exc: psycopg.Error) -> bool:
    """Say whether another connection could do better: the server is gone, ends the session, or only reads."""
    if isinstance(exc, (*_ENDED, pg.ReadOnlySqlTransaction)):
        return True
    # Without a code it comes from the way to the server, but for a refused login that libpq has put into words.
    return isinstance(exc, psycopg.OperationalError | psycopg.InterfaceError) and exc.sqlstate is None


def lost_in_change(place: str) -> StoreUnreachable:
    """Return the error of a change whose end nobody has heard of."""
    return StoreUnreachable(
        f"the connection to the store {place} was lost in a change, which is stored completely or not at all",
        "read the record before you repeat the change",
    )


_REACH = "check that the server runs, and QUALYTICS_STORE"
_RESTORE = "restore the database from a dump: pg_restore"
