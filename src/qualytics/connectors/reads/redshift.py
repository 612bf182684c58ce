"""Reads of Redshift: through a cursor of the server, for the driver holds a whole result; exact values as texts."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from qualytics.connectors.reading import NULLED, Query, Snapshot
from qualytics.connectors.reads.cursors import Column, CursorSession
from qualytics.connectors.reads.type_names import converter, may_be_special
from qualytics.connectors.shared import arrow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qualytics.connectors.contract import Target

# By the number of the type, as redshift_connector and PostgreSQL have it (pg_type.dat).
_NUMERIC = 1700
_TYPES = {
    16: ("boolean", pa.bool_()),
    20: ("bigint", pa.int64()),
    21: ("smallint", pa.int16()),
    23: ("integer", pa.int32()),
    700: ("real", pa.float32()),
    701: ("double precision", pa.float64()),
    1082: ("date", pa.date32()),
    1083: ("time", pa.time64("us")),
    1114: ("timestamp", pa.timestamp("us")),
    1184: ("timestamptz", pa.timestamp("us", "UTC")),
}
_TEXTS = {18: "char", 19: "name", 25: "text", 705: "unknown", 1042: "character", 1043: "character varying"}
_BYTES = {17: ("bytea", "encode({}, 'hex')"), 6551: ("varbyte", "to_hex({})")}


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    """Begin a session on an open connection; others cannot join its snapshot."""
    del snapshot
    with handle.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        process = int(cursor.fetchone()[0])
        target.cancel = lambda: _cancelled(target, process)
        cursor.execute("set timezone to 'UTC'")
        cursor.execute("begin transaction isolation level serializable read only")
    return _Session(handle, target, query, schema)


class _Session(CursorSession):
    def __init__(self, handle: Any, target: Target, query: Query, schema: pa.Schema | None) -> None:
        self._numbers = itertools.count()
        if query.parallel == 1:
            self.snapshot = Snapshot("redshift transaction")
        super().__init__(handle, target, query, schema)

    def place(self) -> Sequence[str | None]:
        return [self._target.schema]

    def described(self, sql: str) -> Sequence[Any]:
        with self._handle.cursor() as cursor:
            cursor.execute(sql)
            return [
                (_text(one["label"]), int(one["type_oid"]), int(one["type_modifier"])) for one in cursor.ps["row_desc"]
            ]

    def column(self, described: Any) -> Column:
        name, code, modifier = described
        if code in _BYTES:
            database_type, expression = _BYTES[code]
            return Column(arrow.field(name, pa.binary(), database_type), bytes.fromhex, expression)
        if code in _TEXTS:
            return Column(arrow.field(name, pa.string(), _TEXTS[code]))
        database_type, kind = _numeric(modifier) if code == _NUMERIC else _TYPES.get(code, (str(code), None))
        if kind is None:
            return Column(arrow.field(name, pa.string(), database_type, "as text"), expression="{}::varchar")
        if not may_be_special(kind):
            return Column(arrow.field(name, kind, database_type))
        if self._query.special == "text":
            return Column(arrow.field(name, pa.string(), database_type, "as text"), expression="{}::varchar")
        note = NULLED if self._query.special == "null" else ""
        return Column(arrow.field(name, kind, database_type, note), converter(kind), "{}::varchar", is_parsed=True)

    def pages(self, sql: str) -> Iterator[Sequence[Sequence[Any]]]:
        # Each has a name of its own: the driver keeps what it knows of a statement's columns by the statement's text.
        name = f"qualytics_read_{next(self._numbers)}"
        with self._handle.cursor() as cursor:
            cursor.execute(f"declare {name} cursor for {sql}")
            try:
                while rows := _fetched(cursor, name, self._query.fetch_size):
                    yield rows
            except GeneratorExit:
                cursor.execute(f"close {name}")  # a session has one at most
                raise
            cursor.execute(f"close {name}")


def _cancelled(target: Target, process: int) -> None:
    if target.again is not None:
        target.again().cursor().execute(f"select pg_cancel_backend({process})")


def _fetched(cursor: Any, name: str, size: int) -> Sequence[Sequence[Any]]:
    cursor.execute(f"fetch forward {size} from {name}")
    return cursor.fetchall() or ()


def _numeric(modifier: int) -> tuple[str, pa.DataType | None]:
    if modifier < 0:
        return "numeric", None
    precision, scale = (modifier - 4) >> 16 & 0xFFFF, (modifier - 4) & 0xFFFF
    return f"numeric({precision},{scale})", arrow.decimal_type(precision, scale)


def _text(label: Any) -> str:
    return label.decode() if isinstance(label, bytes) else str(label)
