"""The store on a PostgreSQL server, open: statements, transactions and the key; every fault is named.

A connection that was lost is renewed once for what only reads and for a change that has not begun; a change
that was lost on its way is a `StoreUnreachable` that says so. Writers go one after the other, as in the
embedded store: each locks one row of `meta` first, and reads with it which key is the store's now.
"""

from __future__ import annotations

import contextlib
import functools
import os
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import psycopg

from qualytics.errors import StoreError
from qualytics.store.base import META, Store
from qualytics.store.faults import forked, newer, not_a_store
from qualytics.store.postgres.dialect import statement
from qualytics.store.postgres.faults import is_lost, lost_in_change, named, named_faults
from qualytics.store.schema import NUMBERED, VERSION
from qualytics.store.sealing.cipher import Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from qualytics.settings import Settings
    from qualytics.store.base import Known

Database = psycopg.Connection[Any]
T = TypeVar("T")

# One message: each statement sees what was committed before it began, so identity is read under the lock.
_BEGIN = f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT FROM meta WHERE name = 'store_id' FOR UPDATE; {META}"
# The state is that of the first read, not of BEGIN. The lock comes before it: a rotation that ends meanwhile keeps the
# old key in its file until it has had these tables for itself, so the key of what is read here can be found.
_BEGIN_READING = (
    f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE secrets, own_secrets IN ACCESS SHARE MODE; {META}"
)
# "qlyr" as a number, beside a part of the store's id: held by whoever rotates a key.
_ROTATING = 0x716C7972


class Source(Protocol):
    """Where a store's connection comes from."""

    def renew(self, lost: Database) -> Database:
        """Return another connection for one that was lost."""

    def take_back(self, database: Database) -> None:
        """Take a connection that is no longer used."""


class Row:
    """One row, read by number and by name."""

    __slots__ = ("_index", "_values")

    def __init__(self, values: Sequence[Any], index: dict[str, int]) -> None:
        self._values = values
        self._index = index

    def __getitem__(self, key: int | str) -> Any:
        return self._values[self._index[key] if isinstance(key, str) else key]

    def keys(self) -> list[str]:
        """Return the names of the columns."""
        return list(self._index)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class RowList(list[Any]):
    """What a statement gave, whole."""

    def all(self) -> list[Any]:
        """Return every row."""
        return self


def rows(cursor: psycopg.Cursor[Any]) -> Any:
    """Make rows of a cursor; psycopg's row factory."""
    index = _index(tuple(column.name for column in cursor.description or ()))
    return lambda values: Row(values, index)


class PostgresStore(Store):
    """An open store on a PostgreSQL server."""

    def __init__(
        self, settings: Settings, place: str, database: Database, source: Source, known: Known | None = None
    ) -> None:
        self._place = place
        self._busy_s = settings.busy_s
        self._database = database
        self._source = source
        self._process = os.getpid()
        self._is_open = True
        self._is_changing = False
        super().__init__(settings, known)

    @property
    def name(self) -> str:
        """Return where the store is, without user and password."""
        return self._place

    def close(self) -> None:
        """Give the connection back; once is enough."""
        if self._is_open and os.getpid() == self._process:  # a forked child must not touch its parent's
            self._source.take_back(self._database)
        self._is_open = False

    def execute(self, sql: str, arguments: tuple[Any, ...] = ()) -> RowList:
        """Run one statement; PostgreSQL's faults come out as the product's errors."""
        with self._named():
            return self._again_if_lost(lambda: self._run(sql, arguments), is_read=sql.startswith("SELECT"))

    def execute_many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Run one statement for each row of arguments, inside a transaction."""
        self._require_own()
        with self._named(), self._database.cursor() as cursor:
            cursor.executemany(statement(sql), [_plain(row) for row in rows])

    @contextlib.contextmanager
    def writing(self) -> Iterator[Self]:
        """Run a write transaction: all or nothing, on the server's disk before this returns."""
        with self._named():
            meta = self._again_if_lost(lambda: self._begin(_BEGIN), is_read=True)
        with self._transaction():
            self._check_meta(meta)
            yield self

    @contextlib.contextmanager
    def reading(self) -> Iterator[Self]:
        """Read one state of the store, whatever others write meanwhile."""
        with self._named():
            meta = self._again_if_lost(lambda: self._begin(_BEGIN_READING), is_read=True)
        with self._transaction():
            self._check_meta(meta)
            yield self

    @contextlib.contextmanager
    def rotating(self) -> Iterator[None]:
        """Let others see that a key is being rotated, for as long as this session lasts at most."""
        self.execute("SELECT pg_advisory_lock_shared(?, ?)", self._rotation)
        try:
            yield
        finally:
            with contextlib.suppress(StoreError):  # a session that was lost holds nothing
                self.execute("SELECT pg_advisory_unlock_shared(?, ?)", self._rotation)

    def is_rotating(self) -> bool:
        """Say whether somebody rotates the key now."""
        sql = (
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = ? AND objid = ? AND objsubid = 2 "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return bool(self.execute(sql, self._rotation))

    def compact(self) -> None:
        """Write the tables of secrets anew without what was replaced; the server's log is the server's own.

        Raises:
            Busy: somebody keeps a table in use.

        """
        for table in ("secrets", "own_secrets"):
            self.execute(f"VACUUM (FULL) {table}")

    def problems(self) -> Iterator[str]:
        """Yield indexes that the server itself calls broken; the rest it guards by itself."""
        sql = (
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = current_schema() AND NOT (i.indisvalid AND i.indisready)"
        )
        for row in self.execute(sql):
            yield f"the index {row[0]} is not valid"

    def last_ids(self) -> dict[str, int]:
        """Return the highest id that each table has ever given."""
        last_ids = dict[str, int]()
        for table in NUMBERED:
            sequence = self.execute(f"SELECT pg_get_serial_sequence('{table}', 'id')").all()[0][0]
            last, is_called = self.execute(f"SELECT last_value, is_called FROM {sequence}").all()[0]  # noqa: S608
            last_ids |= {table: last} if is_called else {}
        return last_ids

    def keep_ids(self, last: dict[str, int]) -> None:
        """Let each table give higher ids than these from now on; a sequence is not part of a transaction."""
        for table, number in last.items():
            self.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), ?)", (number,))

    @property
    def _rotation(self) -> tuple[int, int]:
        return _ROTATING, int(self.store_id[:7], 16)

    def _begin(self, sql: str) -> list[Any]:
        self._require_own()
        try:
            cursor = self._database.execute(sql)
        except psycopg.Error:
            with contextlib.suppress(psycopg.Error):
                self._database.execute("ROLLBACK")
            raise
        cursor.nextset()
        cursor.nextset()
        return cursor.fetchall()

    def _check_meta(self, meta: list[Any]) -> None:
        """Take the identity that a transaction has read, if it is one of a store of this version."""
        version = {row[0]: row[1] for row in meta}.get("schema_version")
        if version != str(VERSION):
            raise newer(self._place, version) if str(version).isdigit() else not_a_store(self._place)
        self._take_identity(Identity.read(meta, self._place))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._is_changing = True
        try:
            yield
            self._commit()
        except BaseException:
            with contextlib.suppress(psycopg.Error):  # a lost connection rolls back by itself
                self._database.execute("ROLLBACK")
            raise
        finally:
            self._is_changing = False

    def _commit(self) -> None:
        try:
            ended = self._database.execute("COMMIT").statusmessage
        except psycopg.Error as exc:
            raise (lost_in_change(self._place) if is_lost(exc) else named(exc, self._place, self._busy_s)) from exc
        if ended != "COMMIT":  # the server's answer after a statement that failed and was passed over
            raise StoreError("the change was rolled back, because a part of it failed", "repeat the change")

    def _run(self, sql: str, arguments: tuple[Any, ...]) -> RowList:
        self._require_own()
        cursor = self._database.execute(statement(sql), _plain(arguments) if arguments else None)
        return RowList(cursor.fetchall() if cursor.description else ())

    def _again_if_lost(self, run: Callable[[], T], *, is_read: bool) -> T:
        try:
            return run()
        except psycopg.Error as exc:
            if not is_lost(exc):
                raise
            self._database.close()  # also that of a server that only reads now
            if self._is_changing or not is_read:
                raise
            self._database = self._source.renew(self._database)
            return run()

    def _require_own(self) -> None:
        if os.getpid() != self._process:
            raise forked()
        if not self._is_open:
            raise StoreError("the store is closed", "open it again")

    def _named(self) -> contextlib.AbstractContextManager[None]:
        return named_faults(self._place, self._busy_s)


@functools.lru_cache(maxsize=256)
def _index(names: tuple[str, ...]) -> dict[str, int]:
    return {name: number for number, name in enumerate(names)}


def _plain(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    # Numbers stand for yes and no in every engine.
    return tuple(int(value) if isinstance(value, bool) else value for value in arguments)
