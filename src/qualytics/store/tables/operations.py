"""Operations: what was asked to run, how it ended, and the results of those that test many connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.store.tables import Table, bounded, decoded, marks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_COLUMNS = (
    *("id", "type", "datastore_id", "result", "message", "user_id", "created", "start_time", "end_time"),
    *("request", "seen", "is_cancelled", "crashes"),
)

_GONE = "(seen IS NULL OR seen < ?)"
_LOST = f"end_time IS NULL AND {_GONE}"
# A process that leaves in order takes back when it was last heard of.
_CRASHES = "crashes + CASE WHEN seen IS NULL THEN 0 ELSE 1 END"


class OperationTable(Table):
    """Operations."""

    def insert(self, row: Mapping[str, Any]) -> int:
        """Store a new operation and return its id."""
        return self._insert("operations", row)

    def end(self, operation_id: int, result: str, message: str | None, end_time: str) -> None:
        """Write how an operation ended; one that has ended already stays."""
        sql = "UPDATE operations SET result = ?, message = ?, end_time = ? WHERE id = ? AND end_time IS NULL"
        self._execute(sql, (result, message, end_time, operation_id))

    def get(self, operation_id: int) -> dict[str, Any] | None:
        """Return an operation by column, None when there is none."""
        sql = f"SELECT {', '.join(_COLUMNS)} FROM operations WHERE id = ?"  # noqa: S608 - constants only
        rows = self._execute(sql, (bounded(operation_id),)).all()
        if not rows:
            return None
        return {name: rows[0][name] for name in _COLUMNS} | {"request": decoded("operations", rows[0], "request")}

    def note(self, operation_id: int, seen: str | None) -> None:
        """Write when the process of an operation was last heard of; None where it has left."""
        self._execute("UPDATE operations SET seen = ? WHERE id = ?", (seen, operation_id))

    def cancel(self, operation_id: int) -> None:
        """Ask the process of an operation to end it; one that has ended stays as it is."""
        self._execute("UPDATE operations SET is_cancelled = 1 WHERE id = ? AND end_time IS NULL", (operation_id,))

    def uncancel(self, operation_id: int) -> None:
        """Take it back that an operation is to end, where it has not ended yet."""
        self._execute("UPDATE operations SET is_cancelled = 0 WHERE id = ? AND end_time IS NULL", (operation_id,))

    def take_over(self, operation_id: int, seen: str, lost_before: str) -> int | None:
        """Have an operation run again that has ended, or whose process is gone; return how often that has crashed.

        None when its process is there. Of one that has ended the count begins anew.
        """
        sql = (
            f"UPDATE operations SET result = 'running', message = NULL, end_time = NULL, is_cancelled = 0, "  # noqa: S608 - constants
            f"crashes = CASE WHEN end_time IS NULL THEN {_CRASHES} ELSE 0 END, seen = ? "
            f"WHERE id = ? AND {_GONE} RETURNING crashes"
        )
        return self._crashes(sql, seen, operation_id, lost_before)

    def lost(self, kind: str, lost_before: str) -> list[tuple[int, int | None]]:
        """Return the operations of a type that nobody ended and whose process is gone, each with its user."""
        sql = f"SELECT id, user_id FROM operations WHERE type = ? AND {_LOST} ORDER BY id"  # noqa: S608 - a constant
        return [(int(row[0]), row[1]) for row in self._execute(sql, (kind, lost_before))]

    def take_lost(self, operation_id: int, seen: str, lost_before: str) -> int | None:
        """Have an operation run again if it is still lost; return how often its process has crashed, else None.

        One process alone hears a number.
        """
        sql = (
            f"UPDATE operations SET result = 'running', crashes = {_CRASHES}, seen = ? "  # noqa: S608 - constants
            f"WHERE id = ? AND {_LOST} RETURNING crashes"
        )
        return self._crashes(sql, seen, operation_id, lost_before)

    def _crashes(self, sql: str, seen: str, operation_id: int, lost_before: str) -> int | None:
        rows = self._execute(sql, (seen, operation_id, lost_before)).all()
        return int(rows[0][0]) if rows else None

    def add_result(self, operation_id: int, connection_id: int, result: str, *, connected: bool) -> None:
        """Store the result of a connection, unless there is one."""
        sql = (
            "INSERT INTO operation_results (operation_id, connection_id, connected, result) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (operation_id, connection_id) DO NOTHING"
        )
        self._execute(sql, (operation_id, connection_id, int(connected), result))

    def results(self, operation_id: int, after: int, limit: int) -> list[tuple[int, str]]:
        """Return results in their order, each with its number; `after` is the last one that is known."""
        sql = "SELECT id, result FROM operation_results WHERE operation_id = ? AND id > ? ORDER BY id LIMIT ?"
        return [(int(row[0]), str(row[1])) for row in self._execute(sql, (operation_id, bounded(after), limit))]

    def counts(self, operation_id: int) -> tuple[int, int]:
        """Return how many results there are, and how many of them failed."""
        sql = "SELECT count(*), coalesce(sum(1 - connected), 0) FROM operation_results WHERE operation_id = ?"
        row = self._execute(sql, (operation_id,)).all()[0]
        return int(row[0]), int(row[1])

    def tested(self, operation_id: int, connection_ids: Sequence[int]) -> set[int]:
        """Return which of these connections have a result."""
        these = marks(tuple(connection_ids))
        sql = f"SELECT connection_id FROM operation_results WHERE operation_id = ? AND connection_id IN ({these})"  # noqa: S608 - question marks only
        return {int(row[0]) for row in self._execute(sql, (operation_id, *connection_ids))}

    def expire(self, before: str) -> None:
        """Drop the results of operations that ended before a moment."""
        ended = "SELECT id FROM operations WHERE end_time < ?"
        self._execute(f"DELETE FROM operation_results WHERE operation_id IN ({ended})", (before,))  # noqa: S608 - a constant
