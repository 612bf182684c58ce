"""Reading and writing of connections, secrets and datastores, over any database that speaks this SQL."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any, TypeVar

from qualytics.fields import DETECTED
from qualytics.model import Connection, Datastore, Wanted
from qualytics.store.schema import CONNECTION_VALUES, DATASTORE_VALUES
from qualytics.store.sealing.cipher import Place
from qualytics.store.sealing.values import SECRETS, OwnSecrets, opened
from qualytics.store.sqlite.faults import unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from qualytics.secret import Secret
    from qualytics.store.sealing.values import Keyring

T = TypeVar("T")

_decode = json.JSONDecoder().raw_decode
_MAX_COUNTS = 100
_PLAIN = {str, int, type(None)}
_SECRETS_SET = "(SELECT group_concat(field) FROM secrets WHERE connection_id = c.id)"
_SAME = ("id", "version", "name", "name_key", "created")
_COLUMNS = ", ".join(f"c.{name} AS {name}" for name in (*_SAME, "type", *CONNECTION_VALUES, *DETECTED))
# Where the parts of such a row stand; reading by name costs more than the database does.
_VALUES = slice(6, 6 + len(CONNECTION_VALUES))
_DETECTED = slice(_VALUES.stop, _VALUES.stop + len(DETECTED))
_CONNECTION = f"SELECT {_COLUMNS}, {_SECRETS_SET} AS secrets_set FROM connections c"  # noqa: S608 - constants only
_DATASTORE = (
    f"SELECT {', '.join(f'd.{name} AS {name}' for name in (*_SAME, 'connection_id', *DATASTORE_VALUES))}, "  # noqa: S608
    "c.name AS connection_name, c.type AS type FROM datastores d JOIN connections c ON c.id = d.connection_id"
)
_SORTS = {"id": ("id",), "name": ("name_key",), "type": ("type", "id")}


class Records(OwnSecrets):
    """The rows of a store; `execute(sql, arguments)` runs one statement and returns its rows.

    Writing belongs into a transaction of the store; `key()` gives the key when a secret is sealed
    or opened, and not before; `state()` is a value that changes with the store, None if there is none.
    """

    def __init__(
        self,
        execute: Callable[..., Any],
        store_id: str,
        key: Keyring,
        state: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(execute, store_id, key)
        self._state = state
        self._counts: tuple[object, dict[Any, int]] = (None, {})

    def connection(self, connection_id: int) -> Connection | None:
        """Return the connection of that id, None when there is none."""
        return _first(self._connections(f"{_CONNECTION} WHERE c.id = ?", (_small(connection_id),)))

    def connection_named(self, name_key: str) -> Connection | None:
        """Return the connection of that folded name, None when there is none."""
        return _first(self._connections(f"{_CONNECTION} WHERE c.name_key = ?", (name_key,)))

    def connections(
        self, contains: str | None, types: Sequence[str], sort: str, limit: int | None
    ) -> Iterator[Connection]:
        """Yield connections whose folded name contains a text and whose type is among `types`."""
        return self.wanted_connections(Wanted(contains=contains, types=tuple(types), sort=sort, limit=limit))

    def wanted_connections(self, wanted: Wanted) -> Iterator[Connection]:
        """Yield the connections that a list asks for."""
        where, filters = _connection_filters(wanted)
        # One branch a type, merged by the database: each is read in order from its index, and no more than asked for.
        types = list(dict.fromkeys(wanted.types))
        branches = [f"{_CONNECTION} WHERE c.type = ?{where}" for _ in types] or [f"{_CONNECTION} WHERE TRUE{where}"]
        arguments = [value for name in types for value in (name, *filters)] or [*filters]
        sql = f"{' UNION ALL '.join(branches)} {_ordered(wanted)}"
        return self._connections(sql, (*arguments, *_window(wanted)))

    def count_connections(self, wanted: Wanted) -> int:
        """Count the connections that a list asks for, without regard to its window."""
        where, filters = _connection_filters(wanted)
        if wanted.types:
            where += f" AND c.type IN ({', '.join('?' * len(wanted.types))})"
        sql = f"SELECT count(*) FROM connections c WHERE TRUE{where}"  # noqa: S608 - constants only
        return self._counted(sql, (*filters, *wanted.types))

    def has_name(self, name_key: str) -> bool:
        """Say whether a connection has that folded name."""
        return bool(self._execute("SELECT 1 FROM connections WHERE name_key = ?", (name_key,)).all())

    def connection_names(self, limit: int) -> list[tuple[int, str]]:
        """Return id and name of so many connections, the newest first."""
        return self._names("connections", limit)

    def insert_connection(
        self, name: str, name_key: str, kind_of: str, values: dict[str, Any], secrets: dict[str, Secret], created: str
    ) -> int:
        """Store a new connection of type `kind_of` and return its id."""
        row = {"version": 1, "name": name, "name_key": name_key, "type": kind_of, "created": created}
        connection_id = self._insert("connections", row | _packed(values))
        self._seal(connection_id, secrets)
        return connection_id

    def update_connection(
        self, connection_id: int, row: dict[str, Any], secrets: dict[str, Secret], dropped: Iterable[str]
    ) -> None:
        """Write the given columns and secrets, remove the dropped secrets, raise the version by one."""
        self._update("connections", connection_id, _packed(row), bump=True)
        for name in dropped:
            self._execute("DELETE FROM secrets WHERE connection_id = ? AND field = ?", (connection_id, name))
        self._seal(connection_id, secrets)

    def record_detected(self, connection_id: int, detected: dict[str, str | None]) -> None:
        """Write what the last good test detected; the version stays."""
        if detected:
            self._update("connections", connection_id, detected, bump=False)

    def delete_connection(self, connection_id: int) -> None:
        """Remove a connection and its secrets; the database refuses while a datastore uses it."""
        self._execute("DELETE FROM connections WHERE id = ?", (connection_id,))

    def secrets(self, connection_id: int) -> dict[str, Secret]:
        """Open and return the secrets of a connection by field."""
        sql = f"{SECRETS.select} WHERE connection_id = ?"
        return opened(lambda: self._execute(sql, (connection_id,)).all(), SECRETS, self._store_id, self._key)

    def datastore(self, datastore_id: int) -> Datastore | None:
        """Return the datastore of that id, None when there is none."""
        return _first(self._datastores(f"{_DATASTORE} WHERE d.id = ?", (_small(datastore_id),)))

    def datastore_named(self, name_key: str) -> Datastore | None:
        """Return the datastore of that folded name, None when there is none."""
        return _first(self._datastores(f"{_DATASTORE} WHERE d.name_key = ?", (name_key,)))

    def datastores(self, connection_id: int | None = None, contains: str | None = None) -> Iterator[Datastore]:
        """Yield datastores by id: those of one connection, or whose folded name contains a text, or all."""
        return self.wanted_datastores(Wanted(connection_id=connection_id, contains=contains))

    def wanted_datastores(self, wanted: Wanted) -> Iterator[Datastore]:
        """Yield the datastores that a list asks for."""
        where, arguments = _datastore_filters(wanted)
        sql = f"{_DATASTORE} WHERE TRUE{where} {_ordered(wanted)}"
        return self._datastores(sql, (*arguments, *_window(wanted)))

    def count_datastores(self, wanted: Wanted) -> int:
        """Count the datastores that a list asks for, without regard to its window."""
        where, arguments = _datastore_filters(wanted)
        sql = f"SELECT count(*) FROM datastores d JOIN connections c ON c.id = d.connection_id WHERE TRUE{where}"  # noqa: S608 - constants only
        return int(self._execute(sql, tuple(arguments)).all()[0][0])

    def datastore_names(self, limit: int) -> list[tuple[int, str]]:
        """Return id and name of so many datastores, the newest first."""
        return self._names("datastores", limit)

    def insert_datastore(self, row: dict[str, Any]) -> int:
        """Store a new datastore and return its id."""
        return self._insert("datastores", {"version": 1} | _packed(row))

    def update_datastore(self, datastore_id: int, row: dict[str, Any], *, bump: bool = True) -> None:
        """Write the given columns of a datastore."""
        self._update("datastores", datastore_id, _packed(row), bump=bump)

    def delete_datastore(self, datastore_id: int) -> None:
        """Remove a datastore."""
        self._execute("DELETE FROM datastores WHERE id = ?", (datastore_id,))

    def _names(self, table: str, limit: int) -> list[tuple[int, str]]:
        sql = f"SELECT id, name FROM {table} ORDER BY id DESC LIMIT ?"  # noqa: S608 - constants only
        return [(int(row[0]), str(row[1])) for row in self._execute(sql, (limit,)).all()]

    def _counted(self, sql: str, arguments: tuple[Any, ...]) -> int:
        # A database counts a million rows in many times what a page of them takes.
        state = self._state()
        if state is None or state != self._counts[0] or len(self._counts[1]) >= _MAX_COUNTS:
            self._counts = (state, {})
        counts = self._counts[1]
        if (sql, arguments) not in counts:
            counts[sql, arguments] = int(self._execute(sql, arguments).all()[0][0])
        return counts[sql, arguments]

    def _seal(self, connection_id: int, secrets: dict[str, Secret]) -> None:
        for name, secret in secrets.items():
            key = self._key()
            sealed = key.seal(self._place(connection_id, name), secret)
            self._execute(
                "INSERT INTO secrets (connection_id, field, key_id, sealed) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (connection_id, field) DO UPDATE SET key_id = excluded.key_id, sealed = excluded.sealed",
                (connection_id, name, key.id, sealed),
            )

    def _place(self, connection_id: int, name: str) -> Place:
        return Place(self._store_id, "connections", connection_id, name)

    def _insert(self, table: str, row: dict[str, Any]) -> int:
        columns = ", ".join(row)
        sql = f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(row))}) RETURNING id"  # noqa: S608
        return int(self._execute(sql, tuple(row.values())).all()[0][0])

    def _update(self, table: str, row_id: int, row: dict[str, Any], *, bump: bool) -> None:
        sets = [f"{column} = ?" for column in row] + (["version = version + 1"] if bump else [])
        sql = f"UPDATE {table} SET {', '.join(sets)} WHERE id = ?"  # noqa: S608 - columns come from the schema
        self._execute(sql, (*row.values(), row_id))

    def _connections(self, sql: str, arguments: tuple[Any, ...]) -> Iterator[Connection]:
        for row in self._execute(sql, arguments):
            cells = tuple(row)
            _require_plain("connections", cells)
            pairs = zip(CONNECTION_VALUES, cells[_VALUES], strict=True)
            values = {name: value for name, value in pairs if value is not None}
            if "parameters" in values:
                values["parameters"] = _unpacked("connections", row, "parameters")
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

    def _datastores(self, sql: str, arguments: tuple[Any, ...]) -> Iterator[Datastore]:
        for row in self._execute(sql, arguments):
            _require_plain("datastores", row)
            values: dict[str, Any] = {name: row[name] for name in DATASTORE_VALUES}
            values |= {name: _unpacked("datastores", row, name) for name in ("tags", "teams", "settings")}
            values["enrichment_only"] = bool(values["enrichment_only"])
            values["connected"] = None if values["connected"] is None else bool(values["connected"])
            same = ("id", "name", "connection_id", "connection_name", "type", "created", "version")
            yield Datastore(**values, **{name: row[name] for name in same})


def _connection_filters(wanted: Wanted) -> tuple[str, list[Any]]:
    return _filters("c", wanted)


def _datastore_filters(wanted: Wanted) -> tuple[str, list[Any]]:
    where, arguments = _filters("d", wanted)
    if wanted.types:
        where += f" AND c.type IN ({', '.join('?' * len(wanted.types))})"
        arguments += wanted.types
    if wanted.connection_id is not None:
        where += " AND d.connection_id = ?"
        arguments.append(_small(wanted.connection_id))
    for tag in wanted.tags:
        where += " AND instr(d.tags, ?) > 0"
        arguments.append(json.dumps(tag))
    return where + (" AND d.enrichment_only = 1" if wanted.is_enrichment else ""), arguments


def _filters(table: str, wanted: Wanted) -> tuple[str, list[Any]]:
    where, arguments = "", list[Any]()
    if wanted.contains:
        where += f" AND instr({table}.name_key, ?) > 0"
        arguments.append(wanted.contains)
    if wanted.name_key is not None:
        where += f" AND {table}.name_key = ?"
        arguments.append(wanted.name_key)
    if wanted.ids:
        where += f" AND {table}.id IN ({', '.join('?' * len(wanted.ids))})"
        arguments += [_small(number) for number in wanted.ids]
    return where, arguments


def _ordered(wanted: Wanted) -> str:
    direction = " DESC" if wanted.is_descending else ""
    return f"ORDER BY {', '.join(name + direction for name in _SORTS[wanted.sort])} LIMIT ? OFFSET ?"


def _window(wanted: Wanted) -> tuple[int, int]:
    return (_small(2**63 - 1) if wanted.limit is None else _small(wanted.limit), _small(wanted.skip))


def _small(number: int) -> int:
    # SQLite's integers have 64 bits; no id is as large as the largest.
    return min(number, 2**63 - 1)


@functools.lru_cache(maxsize=256)
def _fields_of(secrets_set: str | None) -> frozenset[str]:
    return frozenset((secrets_set or "").split(",")) - {""}


def _first(rows: Iterator[T]) -> T | None:
    return next(iter(list(rows)), None)


def _unpacked(table: str, row: Any, column: str) -> Any:
    try:
        text = row[column]
        value, end = _decode(text)
    except (TypeError, ValueError) as exc:
        raise unreadable(f"the {column} of {table}", row["id"]) from exc
    if end != len(text):
        raise unreadable(f"the {column} of {table}", row["id"])
    return value


def _require_plain(table: str, row: Any) -> None:
    # STRICT tables guard what is written; a damaged file can still give a blob for a text.
    if not _PLAIN.issuperset(map(type, row)):
        raise unreadable(f"a value of {table}", row[0])


def _packed(row: dict[str, Any]) -> dict[str, Any]:
    # Objects and lists are stored as JSON text.
    return {name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in row.items()}
