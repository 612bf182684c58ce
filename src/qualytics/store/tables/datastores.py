"""Datastores, each with name and type of its connection."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from qualytics.model import Datastore, ListQuery
from qualytics.store.schema import DATASTORE_VALUES
from qualytics.store.tables import (
    HEAD,
    Filters,
    Table,
    bounded,
    decoded,
    marks,
    named_filters,
    only,
    ordered,
    require_plain,
    window,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FROM = "FROM datastores d JOIN connections c ON c.id = d.connection_id WHERE"
_COLUMNS = ", ".join(f"d.{name} AS {name}" for name in (*HEAD, "connection_id", *DATASTORE_VALUES))
_SELECT = f"SELECT {_COLUMNS}, c.name AS connection_name, c.type AS type {_FROM}"
_SAME = ("id", "name", "connection_id", "connection_name", "type", "created", "version")


class DatastoreTable(Table):
    """Datastores."""

    def get(self, datastore_id: int) -> Datastore | None:
        """Return the datastore of that id, None when there is none."""
        return only(self._read(f"{_SELECT} d.id = ?", (bounded(datastore_id),)))

    def named(self, name_key: str) -> Datastore | None:
        """Return the datastore of that folded name, None when there is none."""
        return only(self._read(f"{_SELECT} d.name_key = ?", (name_key,)))

    def select(self, wanted: ListQuery) -> Iterator[Datastore]:
        """Yield the datastores that a list asks for."""
        filters = _filters(wanted)
        sql = f"{_SELECT} {filters.where} {ordered(wanted)}"
        return self._read(sql, (*filters.arguments, *window(wanted.limit, wanted.skip)))

    def of_connection(self, connection_id: int) -> Iterator[Datastore]:
        """Yield the datastores of a connection, by id."""
        return self.select(ListQuery(connection_id=connection_id))

    def names_of_connection(self, connection_id: int) -> list[tuple[int, str]]:
        """Return id and name of the datastores of a connection, by id."""
        found = []
        sql = "SELECT id, name FROM datastores WHERE connection_id = ? ORDER BY id"
        for row in self._execute(sql, (bounded(connection_id),)):
            require_plain("datastores", row)
            found.append((row[0], row[1]))
        return found

    def databases_of_connection(self, connection_id: int, limit: int) -> list[str]:
        """Return so many databases that the datastores of a connection read, those of the oldest first."""
        sql = "SELECT database FROM datastores WHERE connection_id = ? AND database <> '' GROUP BY database"
        found = self._execute(f"{sql} ORDER BY min(id) LIMIT ?", (bounded(connection_id), limit))
        return [str(row[0]) for row in found]

    def count(self, wanted: ListQuery) -> int:
        """Count the datastores that a list asks for, without regard to its window."""
        filters = _filters(wanted)
        return int(self._first(f"SELECT count(*) {_FROM} {filters.where}", filters.arguments))

    def names(self, limit: int) -> list[tuple[int, str]]:
        """Return id and name of so many datastores, the newest first."""
        return self._names("datastores", limit)

    def free_name(self, datastore_id: int) -> None:
        """Let another datastore have the name of one that gets another or is deleted in this transaction."""
        self._free_name("datastores", datastore_id)

    def insert(self, row: Mapping[str, Any]) -> int:
        """Store a new datastore and return its id."""
        return self._insert("datastores", {"version": 1, **row})

    def update(self, datastore_id: int, row: Mapping[str, Any], *, bump: bool = True) -> None:
        """Write the given columns of a datastore."""
        self._update("datastores", datastore_id, row, bump=bump)

    def delete(self, datastore_id: int) -> None:
        """Remove a datastore."""
        self._execute("DELETE FROM datastores WHERE id = ?", (datastore_id,))

    def _read(self, sql: str, arguments: tuple[Any, ...]) -> Iterator[Datastore]:
        for row in self._execute(sql, arguments):
            require_plain("datastores", row)
            values: dict[str, Any] = {name: row[name] for name in DATASTORE_VALUES}
            values |= {name: decoded("datastores", row, name) for name in ("tags", "teams", "settings")}
            values["enrichment_only"] = bool(values["enrichment_only"])
            values["connected"] = None if values["connected"] is None else bool(values["connected"])
            yield Datastore(**values, **{name: row[name] for name in _SAME})


def _filters(wanted: ListQuery) -> Filters:
    filters = named_filters("d", wanted)
    if wanted.types:
        filters.add(f"c.type IN ({marks(wanted.types)})", *wanted.types)
    if wanted.connection_id is not None:
        filters.add("d.connection_id = ?", bounded(wanted.connection_id))
    for tag in wanted.tags:
        filters.add("instr(d.tags, ?) > 0", json.dumps(tag))
    if wanted.is_enrichment:
        filters.add("d.enrichment_only = 1")
    return filters
