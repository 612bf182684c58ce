"""Tables of PostgreSQL that become partitions of what is read, or cease to be, between a snapshot and its reading.

A statement reads the partitions of now, and of their rows those in the snapshot.
"""

from __future__ import annotations

from typing import Any

from qualytics.connectors.contract import refuse
from qualytics.connectors.shared.sql import rows

# From here on a table can get partitions, or lose them, while others read it.
_SINCE = 120_000
# What a session has locked, which is all that its statements read; and the tables among that which have become partitions
# of others since the snapshot, or were such, by the catalogs in the snapshot and by a function that sees those of now.
# A table that is newer than the snapshot has no rows in it.
_HELD = (
    "with held as materialized (select distinct relation as oid from pg_catalog.pg_locks "
    "where locktype = 'relation' and pid = pg_backend_pid())"
)
_ATTACHED = (
    "select c.oid::regclass::text, a.relid::regclass::text from held h join pg_catalog.pg_class c "
    "on c.oid = h.oid and c.relkind in ('r', 'p', 'f'), pg_partition_ancestors(c.oid) with ordinality a(relid, step) "
    "where a.step = 2 and a.relid in (select oid from held) and not exists "
    "(select from pg_catalog.pg_inherits i where i.inhrelid = c.oid and i.inhparent = a.relid)"
)
_DETACHED = (
    "select i.inhrelid::text, p.relname::text from pg_catalog.pg_inherits i "
    "join pg_catalog.pg_class p on p.oid = i.inhparent and p.relkind = 'p' join held h on h.oid = p.oid "
    "where to_jsonb(i) ->> 'inhdetachpending' is distinct from 'true' "
    "and i.inhparent not in (select a.relid from pg_partition_ancestors(i.inhrelid) a)"
)


def have_changed(handle: Any) -> bool:
    """Say whether partitions of what a session has locked are others than those in its snapshot."""
    return bool(_changes(handle, f"{_ATTACHED} union all {_DETACHED}"))


def require_same(handle: Any) -> None:
    """Refuse what was read where a table became a partition of it: other sessions have not read all of that.

    Raises:
        Refusal: one did; none ceases to be one while it is locked.

    """
    if changes := _changes(handle, _ATTACHED):
        cause = "table {} became a partition of {} while that was read".format(*changes[0])
        raise refuse("transient", cause, "read again")


def _changes(handle: Any, what: str) -> list[tuple[Any, ...]]:
    """Return tables, and what each is or was a partition of."""
    return list(rows(handle, f"{_HELD} {what}")) if handle.info.server_version >= _SINCE else []
