"""Grants: which user may have which connection with its secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.store.tables import Filters, Table, bounded, only, window
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

_GRANT = ("user_id", "connection_id", "created", "created_by", "expires")
_SELECT = (
    f"SELECT {', '.join(f'g.{name} AS {name}' for name in ('id', *_GRANT))}, "  # noqa: S608 - constants only
    "u.name AS user_name, c.name AS connection_name FROM grants g "
    "JOIN users u ON u.id = g.user_id JOIN connections c ON c.id = g.connection_id WHERE"
)


class Grant(Struct, kw_only=True):
    """A grant: times are texts that sort as they pass; without `expires` it lasts until it is deleted."""

    user_id: int
    connection_id: int
    created: str
    created_by: str
    expires: str | None = None
    user_name: str = ""
    connection_name: str = ""
    id: int = 0


class GrantTable(Table):
    """Grants; those of a user, or a connection, that is deleted are gone with it."""

    def get(self, grant_id: int) -> Grant | None:
        """Return the grant of that id, None when there is none."""
        return only(self._grants("g.id = ?", (bounded(grant_id),)))

    def of(self, user_id: int, connection_id: int) -> Grant | None:
        """Return the grant of a user for a connection, expired or not; None when there is none."""
        return only(self._grants("g.user_id = ? AND g.connection_id = ?", (user_id, connection_id)))

    def select(
        self, user_id: int | None = None, connection_id: int | None = None, skip: int = 0, limit: int | None = None
    ) -> Iterator[Grant]:
        """Yield grants by id: of one user, of one connection, or all."""
        filters = _filters(user_id, connection_id)
        where = f"{filters.where} ORDER BY g.id LIMIT ? OFFSET ?"
        return self._grants(where, (*filters.arguments, *window(limit, skip)))

    def count(self, user_id: int | None = None, connection_id: int | None = None) -> int:
        """Count the grants that a list asks for."""
        filters = _filters(user_id, connection_id)
        return int(self._first(f"SELECT count(*) FROM grants g WHERE {filters.where}", filters.arguments))  # noqa: S608 - constants only

    def insert(self, grant: Grant) -> int:
        """Store a new grant and return its id."""
        return self._insert("grants", {name: getattr(grant, name) for name in _GRANT})

    def delete(self, grant_id: int) -> None:
        """Remove a grant."""
        self._execute("DELETE FROM grants WHERE id = ?", (grant_id,))

    def _grants(self, where: str, arguments: tuple[Any, ...]) -> Iterator[Grant]:
        for row in self._execute(f"{_SELECT} {where}", arguments):
            names = ("id", *_GRANT, "user_name", "connection_name")
            yield Grant(**{name: row[name] for name in names})


def _filters(user_id: int | None, connection_id: int | None) -> Filters:
    filters = Filters()
    if user_id is not None:
        filters.add("g.user_id = ?", user_id)
    if connection_id is not None:
        filters.add("g.connection_id = ?", connection_id)
    return filters
