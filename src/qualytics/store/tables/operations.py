"""Rows of operations: what was asked to run, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_COLUMNS = ("type", "datastore_id", "result", "message", "user_id", "created", "start_time", "end_time")


class Operations:
    """The rows of operations; `execute(sql, arguments)` runs one statement and returns its rows."""

    def __init__(self, execute: Callable[..., Any]) -> None:
        self._execute = execute

    def insert(self, row: dict[str, Any]) -> int:
        """Store a new operation and return its id; inside a transaction of the store."""
        sql = f"INSERT INTO operations ({', '.join(row)}) VALUES ({', '.join('?' * len(row))}) RETURNING id"  # noqa: S608 - constants only
        return int(self._execute(sql, tuple(row.values())).all()[0][0])

    def end(self, operation_id: int, result: str, message: str | None, end_time: str) -> None:
        """Write how an operation ended; one that has ended already stays."""
        sql = "UPDATE operations SET result = ?, message = ?, end_time = ? WHERE id = ? AND end_time IS NULL"
        self._execute(sql, (result, message, end_time, operation_id))

    def get(self, operation_id: int) -> dict[str, Any] | None:
        """Return an operation by column, None when there is none."""
        sql = f"SELECT id, {', '.join(_COLUMNS)} FROM operations WHERE id = ?"  # noqa: S608 - constants only
        rows = self._execute(sql, (min(operation_id, 2**63 - 1),)).all()
        return {name: rows[0][name] for name in ("id", *_COLUMNS)} if rows else None
