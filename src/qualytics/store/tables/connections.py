"""Connections and their secrets."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, Any

from qualytics.fields import DETECTED
from qualytics.model import STATES, Connection, ListQuery
from qualytics.store.schema import CONNECTION_VALUES
from qualytics.store.sealing.cipher import Cell
from qualytics.store.sealing.values import SECRETS, opened
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
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from qualytics.secret import Secret
    from qualytics.store.sealing.values import Keyring

_MAX_COUNTS = 100
_COLUMNS = ", ".join(f"c.{name} AS {name}" for name in (*HEAD, "type", *CONNECTION_VALUES, *DETECTED, "state"))
# Where the parts of such a row stand; reading by name costs more than the database does.
_VALUES = slice(6, 6 + len(CONNECTION_VALUES))
_DETECTED = slice(_VALUES.stop, _VALUES.stop + len(DETECTED))
_JSON_VALUES = {"tags", "parameters"}
# What a search looks through. Databases know small letters of ASCII alone, so a uri is also looked at as it is written.
_FOLDED = (
    "instr(c.name_key, ?) > 0",
    "instr(c.owner_key, ?) > 0",
    "EXISTS (SELECT 1 FROM connection_tags t WHERE t.connection_id = c.id AND instr(t.tag_key, ?) > 0)",
    "EXISTS (SELECT 1 FROM datastores d WHERE d.connection_id = c.id AND instr(d.name_key, ?) > 0)",
    "instr(lower(c.host), ?) > 0",
    "instr(lower(c.uri), ?) > 0",
)
# Whatever its tests said, they said it of other values.
_UNTESTED = (
    f"UPDATE connections SET state = {STATES.index('unknown')} WHERE id = ? AND state <> {STATES.index('never')}"  # noqa: S608 - constants
)
_WRITTEN = ("instr(c.uri, ?) > 0",)
_SELECT = (
    f"SELECT {_COLUMNS}, (SELECT group_concat(field) FROM secrets WHERE connection_id = c.id) AS secrets_set "  # noqa: S608 - constants only
    "FROM connections c WHERE"
)


class ConnectionTable(Table):
    """Connections and their secrets.

    `key()` gives the key when a secret is sealed or opened, and not before; `state()` is a value that changes
    with the store, None if there is none.
    """

    def __init__(
        self, execute: Callable[..., Any], store_id: str, key: Keyring, state: Callable[[], object] = lambda: None
    ) -> None:
        super().__init__(execute)
        self._store_id = store_id
        self._key = key
        self._state = state
        self._counts: tuple[object, dict[Any, int]] = (None, {})

    def get(self, connection_id: int) -> Connection | None:
        """Return the connection of that id, None when there is none."""
        return only(self._read(f"{_SELECT} c.id = ?", (bounded(connection_id),)))

    def named(self, name_key: str) -> Connection | None:
        """Return the connection of that folded name, None when there is none."""
        return only(self._read(f"{_SELECT} c.name_key = ?", (name_key,)))

    def has_name(self, name_key: str) -> bool:
        """Say whether a connection has that folded name."""
        return bool(self._execute("SELECT 1 FROM connections WHERE name_key = ?", (name_key,)).all())

    def select(self, wanted: ListQuery | None = None) -> Iterator[Connection]:
        """Yield the connections that a list asks for, or all."""
        wanted = wanted or ListQuery()
        filters = _filters(wanted)
        # One branch a type and state, merged by the database: each is read in order from its index, and no more than
        # asked for.
        chosen = {"c.type": _once(wanted.types), "c.state": _once(map(STATES.index, wanted.states))}
        asked = {column: values for column, values in chosen.items() if values}
        choices = tuple(itertools.product(*asked.values()))  # a single one of nothing where all are asked for
        branch = f"{_SELECT} {filters.where}{''.join(f' AND {column} = ?' for column in asked)}"
        arguments = [value for choice in choices for value in (*filters.arguments, *choice)]
        sql = f"{' UNION ALL '.join([branch] * len(choices))} {ordered(wanted)}"
        return self._read(sql, (*arguments, *window(wanted.limit, wanted.skip)))

    def count(self, wanted: ListQuery) -> int:
        """Count the connections that a list asks for, without regard to its window."""
        filters = _filters(wanted)
        if wanted.types:
            filters.add(f"c.type IN ({marks(wanted.types)})", *wanted.types)
        if wanted.states:
            filters.add(f"c.state IN ({marks(wanted.states)})", *map(STATES.index, wanted.states))
        sql = f"SELECT count(*) FROM connections c WHERE {filters.where}"  # noqa: S608 - constants only
        # A database counts a million rows in many times what a page of them takes.
        state = self._state()
        if state is None or state != self._counts[0] or len(self._counts[1]) >= _MAX_COUNTS:
            self._counts = (state, {})
        counts, question = self._counts[1], (sql, filters.arguments)
        if question not in counts:
            counts[question] = int(self._first(*question))
        return counts[question]

    def count_states(self) -> dict[tuple[str, str], int]:
        """Count the connections of each type and state."""
        sql = "SELECT type, state, count(*) FROM connections GROUP BY type, state"
        return {(str(row[0]), STATES[row[1]]): int(row[2]) for row in self._execute(sql)}

    def names(self, limit: int) -> list[tuple[int, str]]:
        """Return id and name of so many connections, the newest first."""
        return self._names("connections", limit)

    def free_name(self, connection_id: int) -> None:
        """Let another connection have the name of one that gets another or is deleted in this transaction."""
        self._free_name("connections", connection_id)

    def insert(
        self, name: str, name_key: str, type_name: str, values: dict[str, Any], secrets: dict[str, Secret], created: str
    ) -> int:
        """Store a new connection and return its id."""
        row = {"version": 1, "name": name, "name_key": name_key, "type": type_name, "created": created}
        connection_id = self._insert("connections", row | values)
        self._seal(connection_id, secrets)
        return connection_id

    def update(
        self, connection_id: int, row: dict[str, Any], secrets: dict[str, Secret], dropped: Iterable[str]
    ) -> None:
        """Write the given columns and secrets, remove the dropped secrets, raise the version by one."""
        self._update("connections", connection_id, row, bump=True)
        if "values_version" in row:
            self._execute(_UNTESTED, (connection_id,))
        for name in dropped:
            self._execute("DELETE FROM secrets WHERE connection_id = ? AND field = ?", (connection_id, name))
        self._seal(connection_id, secrets)

    def set_tags(self, connection_id: int, tag_keys: Iterable[str]) -> None:
        """Let lists by tag find a connection by these folded tags, and by no others; what is shown is a value of it."""
        self._execute("DELETE FROM connection_tags WHERE connection_id = ?", (connection_id,))
        rows = [value for key in tag_keys for value in (connection_id, key)]
        if rows:
            marks = ", ".join(["(?, ?)"] * (len(rows) // 2))
            self._execute(f"INSERT INTO connection_tags (connection_id, tag_key) VALUES {marks}", tuple(rows))  # noqa: S608 - marks only

    def record_detected(self, connection_id: int, version: int, detected: Mapping[str, str | None]) -> None:
        """Write what a good test of a version detected, unless the connection has another by now; that stays."""
        if detected:
            sets = ", ".join(f"{column} = ?" for column in detected)
            sql = f"UPDATE connections SET {sets} WHERE id = ? AND version = ?"  # noqa: S608 - columns of ours
            self._execute(sql, (*detected.values(), connection_id, version))

    def delete(self, connection_id: int) -> None:
        """Remove a connection and its secrets; the database refuses while a datastore uses it."""
        self._execute("DELETE FROM connections WHERE id = ?", (connection_id,))

    def secrets(self, connection_id: int) -> dict[str, Secret]:
        """Open and return the secrets of a connection by field."""
        sql = f"{SECRETS.select} WHERE connection_id = ?"
        return opened(lambda: self._execute(sql, (connection_id,)).all(), SECRETS, self._store_id, self._key)

    def _seal(self, connection_id: int, secrets: dict[str, Secret]) -> None:
        for name, secret in secrets.items():
            key = self._key()
            sealed = key.seal(Cell(self._store_id, SECRETS.owner, connection_id, name), secret)
            self._execute(
                "INSERT INTO secrets (connection_id, field, key_id, sealed) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (connection_id, field) DO UPDATE SET key_id = excluded.key_id, sealed = excluded.sealed",
                (connection_id, name, key.id, sealed),
            )

    def _read(self, sql: str, arguments: tuple[Any, ...]) -> Iterator[Connection]:
        for row in self._execute(sql, arguments):
            cells = tuple(row)
            require_plain("connections", cells)
            pairs = zip(CONNECTION_VALUES, cells[_VALUES], strict=True)
            values = {name: value for name, value in pairs if value is not None}
            for name in _JSON_VALUES & values.keys():
                values[name] = decoded("connections", row, name)
            yield Connection(
                id=cells[0],
                name=cells[2],
                type=cells[5],
                values=values,
                secrets_set=_fields_of(cells[-1]),
                detected=dict(zip(DETECTED, cells[_DETECTED], strict=True)),
                created=cells[4],
                version=cells[1],
            )


def _filters(wanted: ListQuery) -> Filters:
    filters = named_filters("c", wanted)
    for key in wanted.tags:
        filters.add("c.id IN (SELECT connection_id FROM connection_tags WHERE tag_key = ?)", key)
    if wanted.owner is not None:
        filters.add("c.owner_key = ?", wanted.owner) if wanted.owner else filters.add("c.owner_key IS NULL")
    if wanted.search_key:
        arguments = (wanted.search_key,) * len(_FOLDED) + (wanted.search,) * len(_WRITTEN)
        filters.add(f"({' OR '.join((*_FOLDED, *_WRITTEN))})", *arguments)
    return filters


def _once(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


@functools.lru_cache(maxsize=256)
def _fields_of(secrets_set: str | None) -> frozenset[str]:
    return frozenset((secrets_set or "").split(",")) - {""}
