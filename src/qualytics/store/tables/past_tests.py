"""The last tests of each connection, numbered within it, so that the oldest make room for the newest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from qualytics.model import STATES
from qualytics.store.tables import Table, bounded, decoded, marks, require_plain, window
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

MAX_KEPT = 100
_COLUMNS = (
    *("version", "at", "user_id", "user_name", "connected", "stage", "failure_class", "code"),
    *("duration_ms", "ms", "product_version", "driver_version"),
)
# The last of a connection's, None where there is none. Nothing is stored for a connection that is gone.
_LAST = (
    "FROM connections c LEFT JOIN past_tests l ON l.connection_id = c.id "
    "AND l.number = (SELECT max(number) FROM past_tests WHERE connection_id = c.id)"
)
_INSERT = (
    f"INSERT INTO past_tests (connection_id, number, since, {', '.join(_COLUMNS)}) "
    "SELECT c.id, coalesce(l.number, 0) + 1, CASE WHEN l.connected = ? THEN l.since ELSE ? END, "
    f"{marks(_COLUMNS)} {_LAST} WHERE c.id = ?"
)
_THIN = (
    "DELETE FROM past_tests WHERE connection_id = ? "  # noqa: S608 - a constant
    f"AND number <= (SELECT max(number) FROM past_tests WHERE connection_id = ?) - {MAX_KEPT}"
)
# What its last test says of a connection; a connection that has one.
_STATE = (
    f"CASE WHEN l.version < c.values_version THEN {STATES.index('unknown')} "
    f"WHEN l.connected = 1 THEN {STATES.index('works')} ELSE {STATES.index('fails')} END"
)
_SET_STATE = f"UPDATE connections SET state = (SELECT {_STATE} {_LAST} WHERE c.id = connections.id) WHERE id = ?"  # noqa: S608 - constants


class PastTest(Struct, eq=True, kw_only=True):
    """One test of a connection: when, by whom, how it ended, and nothing that leads to a server.

    `version` is that of the connection that was tested, `ms` how long each stage took.
    """

    version: int
    at: str
    user_id: int | None
    user_name: str
    connected: bool
    stage: str | None
    failure_class: str | None
    code: str | None
    duration_ms: float
    ms: dict[str, float]
    product_version: str | None
    driver_version: str | None


class EndedTest(Struct):
    """A test of a version of a connection that has ended, and what it detected that is to be stored."""

    connection_id: int
    version: int
    past: PastTest
    detected: dict[str, str | None]


class State(Struct, eq=True):
    """How the last test of a connection ended, None where there is none.

    `since` is the first of those in a row that ended so. `state` is one of `model.STATES`: unknown where the connection
    no longer has all the values that were tested.
    """

    connected: bool | None
    since: str | None
    at: str | None
    stage: str | None
    failure_class: str | None
    code: str | None
    state: str


class PastTestTable(Table):
    """The last tests of each connection."""

    def __init__(self, execute: Callable[..., Any], execute_many: Callable[..., None]) -> None:
        super().__init__(execute)
        self._execute_many = execute_many

    def add(self, tests: Iterable[tuple[int, PastTest]]) -> None:
        """Keep tests, each with the id of its connection, and drop the oldest beyond the hundred; in a transaction."""
        rows = list(tests)
        self._execute_many(_INSERT, [_row(connection_id, test) for connection_id, test in rows])
        ids = list(dict.fromkeys(number for number, _ in rows))
        self._execute_many(_THIN, [(number, number) for number in ids])
        self._execute_many(_SET_STATE, [(number,) for number in ids])

    def select(self, connection_id: int, limit: int | None = None, skip: int = 0) -> Iterator[PastTest]:
        """Yield the tests of a connection, the newest first."""
        sql = (
            f"SELECT connection_id AS id, {', '.join(_COLUMNS)} FROM past_tests WHERE connection_id = ? "  # noqa: S608 - constants only
            "ORDER BY number DESC LIMIT ? OFFSET ?"
        )
        for row in self._execute(sql, (bounded(connection_id), *window(limit, skip))):
            require_plain("past_tests", [value for value in row if not isinstance(value, float)])
            values = {name: row[name] for name in _COLUMNS}
            values |= {"connected": bool(row["connected"]), "ms": decoded("past_tests", row, "ms")}
            yield PastTest(**values)

    def count(self, connection_id: int) -> int:
        """Count the tests of a connection."""
        return int(self._first("SELECT count(*) FROM past_tests WHERE connection_id = ?", (bounded(connection_id),)))

    def count_classes(self) -> dict[tuple[str, str], int]:
        """Count the connections that fail, by type and the class of the failure."""
        sql = f"SELECT c.type, l.failure_class, count(*) {_LAST} WHERE c.state = ? GROUP BY c.type, l.failure_class"
        return {(str(row[0]), str(row[1])): int(row[2]) for row in self._execute(sql, (STATES.index("fails"),))}

    def states(self, connection_ids: Sequence[int]) -> dict[int, State]:
        """Return the states of those of these connections that there are, by id."""
        columns = "c.id, l.connected, l.since, l.at, l.stage, l.failure_class, l.code, c.state"
        sql = f"SELECT {columns} {_LAST} WHERE c.id IN ({marks(tuple(connection_ids))})"
        states = {}
        for row in self._execute(sql, tuple(map(bounded, connection_ids))):
            connection_id, connected, since, at, stage, failure_class, code, state = row
            has_passed = None if connected is None else bool(connected)
            states[connection_id] = State(has_passed, since, at, stage, failure_class, code, STATES[state])
        return states


def _row(connection_id: int, test: PastTest) -> tuple[Any, ...]:
    values = {**vars(test), "connected": int(test.connected), "ms": json.dumps(test.ms)}
    return (values["connected"], test.at, *(values[name] for name in _COLUMNS), connection_id)
