"""Operations: what was asked to run, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.store.tables import Table, bounded

if TYPE_CHECKING:
    from collections.abc import Mapping

_COLUMNS = ("id", "type", "datastore_id", "result", "message", "user_id", "created", "start_time", "end_time")


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
        return {name: rows[0][name] for name in _COLUMNS} if rows else None
