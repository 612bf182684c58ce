"""Rows of the store, a class for each table: SQL stands here alone, written once for every engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from qualytics.store.faults import unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from qualytics.model import ListQuery

T = TypeVar("T")

# Integers of the store have 64 bits; no id is as large as the largest.
_MAX_INTEGER = 2**63 - 1
# Columns that connections and datastores have in common.
HEAD = ("id", "version", "name", "name_key", "created")

_decode = json.JSONDecoder().raw_decode
_PLAIN = {str, int, type(None)}
_SORTS = {"id": ("id",), "name": ("name_key",), "type": ("type", "id"), "state": ("state", "name_key")}


class Table:
    """Rows of one table; `execute(sql, arguments)` runs a statement. Changes belong into a transaction of the store."""

    def __init__(self, execute: Callable[..., Any]) -> None:
        self._execute = execute

    def _first(self, sql: str, arguments: tuple[Any, ...] = ()) -> Any:
        """Return the first value of the first row."""
        return self._execute(sql, arguments).all()[0][0]

    def _insert(self, table: str, row: Mapping[str, Any]) -> int:
        """Store a new row and return its id."""
        sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))}) RETURNING id"  # noqa: S608 - columns of ours
        return int(self._first(sql, _encoded(row)))

    def _update(self, table: str, row_id: int, row: Mapping[str, Any], *, bump: bool) -> None:
        """Write the given columns of a row, and raise its version by one where asked to."""
        sets = [f"{column} = ?" for column in row] + (["version = version + 1"] if bump else [])
        sql = f"UPDATE {table} SET {', '.join(sets)} WHERE id = ?"  # noqa: S608 - columns of ours
        self._execute(sql, (*_encoded(row), row_id))

    def _free_name(self, table: str, row_id: int) -> None:
        """Let another row have the name of one that gets another or is deleted in this transaction."""
        self._update(table, row_id, {"name_key": f" {row_id}"}, bump=False)  # no key of a name begins with a space

    def _names(self, table: str, limit: int) -> list[tuple[int, str]]:
        """Return id and name of so many rows, the newest first."""
        sql = f"SELECT id, name FROM {table} ORDER BY id DESC LIMIT ?"  # noqa: S608 - constants only
        return [(int(row[0]), str(row[1])) for row in self._execute(sql, (limit,))]


class Filters:
    """Conditions of a statement, and their arguments."""

    def __init__(self) -> None:
        self.where = "TRUE"
        self.arguments: tuple[Any, ...] = ()

    def add(self, condition: str, *arguments: Any) -> None:
        """Ask for one thing more."""
        self.where += f" AND {condition}"
        self.arguments += arguments


def named_filters(alias: str, wanted: ListQuery) -> Filters:
    """Return the filters that connections and datastores have in common."""
    filters = Filters()
    if wanted.contains:
        filters.add(f"instr({alias}.name_key, ?) > 0", wanted.contains)
    if wanted.name_key is not None:
        filters.add(f"{alias}.name_key = ?", wanted.name_key)
    if wanted.ids:
        filters.add(f"{alias}.id IN ({marks(wanted.ids)})", *map(bounded, wanted.ids))
    if wanted.after_id:
        filters.add(f"{alias}.id > ?", wanted.after_id)
    return filters


def marks(values: tuple[Any, ...]) -> str:
    """Return a `?` for each value."""
    return ", ".join("?" * len(values))


def ordered(wanted: ListQuery) -> str:
    """Return the end of a statement for a list; its arguments are those of `window`."""
    direction = " DESC" if wanted.is_descending else ""
    return f"ORDER BY {', '.join(name + direction for name in _SORTS[wanted.sort])} LIMIT ? OFFSET ?"


def window(limit: int | None, skip: int) -> tuple[int, int]:
    """Return the arguments of LIMIT and OFFSET."""
    return bounded(limit), bounded(skip)


def only(rows: Iterator[T]) -> T | None:
    """Return the one row there is, None when there is none."""
    return next(iter(list(rows)), None)  # read to the end: a row left unread holds on to an old state


def bounded(number: int | None) -> int:
    """Return a number that the store can hold, the largest for None."""
    return _MAX_INTEGER if number is None else min(number, _MAX_INTEGER)


def decoded(table: str, row: Any, column: str) -> Any:
    """Return the value of a column that holds JSON.

    Raises:
        StoreDamaged: it holds something else.

    """
    try:
        text = row[column]
        value, end = _decode(text)
        if end == len(text):
            return value
    except (TypeError, ValueError) as exc:
        raise unreadable(f"the {column} of {table}", row["id"]) from exc
    raise unreadable(f"the {column} of {table}", row["id"])


def require_plain(table: str, row: Any) -> None:
    """Raise StoreDamaged for a row that holds what no statement wrote."""
    # STRICT tables guard what is written; a damaged file can still give a blob for a text.
    if not _PLAIN.issuperset(map(type, row)):
        raise unreadable(f"a value of {table}", row[0])


def _encoded(row: Mapping[str, Any]) -> tuple[Any, ...]:
    # Objects and lists are stored as JSON text.
    return tuple(json.dumps(value) if isinstance(value, dict | list) else value for value in row.values())
