"""The audit log: what was done or refused, by whom and from where, in the order of a sequence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from qualytics.model import OUTCOMES
from qualytics.store.tables import Filters, Table, bounded
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

_COLUMNS = (
    *("created", "actor_id", "actor", "token_id", "address", "request_id", "action"),
    *("object_type", "object_id", "object_name", "outcome", "detail"),
)
# What was done, and tests that ran and failed; every other outcome is the code of an error that refused it.
RAN = OUTCOMES[:2]
_REFUSED = "outcome <> 'done' AND outcome <> 'failed'"
# Tests, looks into servers, and uses: what changes nothing here.
_UNCHANGING = "action IN ('connection.test', 'connection.discover', 'connection.use', 'operation.run')"


class Entry(Struct, eq=True, kw_only=True):
    """One entry: `outcome` is done, failed or the code of the error that refused it; `detail` holds no secret."""

    created: str
    actor_id: int | None
    actor: str
    token_id: int | None
    address: str | None
    request_id: str | None
    action: str
    object_type: str
    object_id: int | None
    object_name: str | None
    outcome: str
    detail: dict[str, Any]
    id: int = 0


class AuditTable(Table):
    """Entries of the audit log."""

    def insert(self, entry: Entry) -> None:
        """Append an entry, inside a transaction of the store."""
        row = {name: getattr(entry, name) for name in _COLUMNS}
        if entry.object_id is not None:  # what was asked for in vain may be any number
            row["object_id"] = bounded(entry.object_id)
        self._insert("audit", row)

    def refusals(self, actor_id: int | None, actor: str, since: str) -> list[Entry]:
        """Return what was refused to somebody since a moment, the oldest first."""
        is_them = "actor_id IS NULL AND actor = ?" if actor_id is None else "actor_id = ?"
        where = f"{_REFUSED} AND {is_them} AND created > ?"
        sql = f"SELECT id, {', '.join(_COLUMNS)} FROM audit WHERE {where} ORDER BY id"  # noqa: S608 - constants only
        return [_entry(row) for row in self._execute(sql, (actor if actor_id is None else actor_id, since))]

    def set_detail(self, entry_id: int, detail: dict[str, Any]) -> None:
        """Write the detail of an entry anew, inside a transaction."""
        self._update("audit", entry_id, {"detail": detail}, bump=False)

    def passing(self, before: str, after_id: int, limit: int) -> list[int]:
        """Return ids, above one, of tests, uses and refusals that were written before a moment."""
        sql = (
            f"SELECT id FROM audit WHERE id > ? AND created < ? AND (({_REFUSED}) OR {_UNCHANGING}) "  # noqa: S608 - constants only
            "ORDER BY id LIMIT ?"
        )
        return [row[0] for row in self._execute(sql, (after_id, before, limit))]

    def delete(self, ids: list[int]) -> None:
        """Remove some entries, inside a transaction."""
        for entry_id in ids:
            self._execute("DELETE FROM audit WHERE id = ?", (entry_id,))

    def prune(self, before: str) -> int:
        """Remove every entry that was written before a moment, inside a transaction; return how many."""
        count = int(self._first("SELECT count(*) FROM audit WHERE created < ?", (before,)))
        self._execute("DELETE FROM audit WHERE created < ?", (before,))
        return count

    def of_object(self, object_type: str, object_id: int, limit: int) -> Iterator[Entry]:
        """Yield what was done to one object, the newest first."""
        where = "object_type = ? AND object_id = ? AND outcome = 'done'"
        return self._entries(where, (object_type, object_id, limit))

    def last_of_each(self, object_type: str, object_id: int, action: str) -> Iterator[Entry]:
        """Yield the last time that each user did something to one object, the newest first."""
        last = "SELECT max(id) FROM audit WHERE object_type = ? AND object_id = ? AND action = ? AND outcome = 'done'"
        arguments = (object_type, object_id, action, bounded(None))
        return self._entries(f"id IN ({last} GROUP BY actor_id, actor)", arguments)

    def select(  # noqa: PLR0913 - a filter each
        self,
        before: int | None,
        limit: int,
        *,
        action: str | None = None,
        actor: str | None = None,
        object_name: str | None = None,
        outcome: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> Iterator[Entry]:
        """Yield entries, the newest first: those before a sequence number, of one action, by and on one name.

        `outcome` is one of RAN, or `refused` for every other; they are of the moment `since` or later, before `until`.
        """
        filters = Filters()
        asked = {
            "id < ?": before,
            "action = ?": action,
            "actor = ?": actor,
            "object_name = ?": object_name,
            "created >= ?": since,
            "created < ?": until,
        }
        for condition, value in asked.items():
            if value is not None:
                filters.add(condition, value)
        if outcome is not None:
            filters.add("outcome = ?", outcome) if outcome in RAN else filters.add(_REFUSED)
        return self._entries(filters.where, (*filters.arguments, limit))

    def _entries(self, where: str, arguments: tuple[Any, ...]) -> Iterator[Entry]:
        sql = f"SELECT id, {', '.join(_COLUMNS)} FROM audit WHERE {where} ORDER BY id DESC LIMIT ?"  # noqa: S608 - constants only
        for row in self._execute(sql, arguments):
            yield _entry(row)


def _entry(row: Any) -> Entry:
    return Entry(id=row["id"], detail=json.loads(row["detail"]), **{name: row[name] for name in _COLUMNS[:-1]})
