"""Reads of Oracle: numbers and moments as texts, at one system change number where the user may ask for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from qualytics.connectors.reading import NULLED, Query, Snapshot
from qualytics.connectors.reads.cursors import Column, CursorSession
from qualytics.connectors.reads.type_names import converter
from qualytics.connectors.shared import arrow
from qualytics.connectors.shared.sql import one_row
from qualytics.connectors.shared.statements import table_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qualytics.connectors.contract import Target

_SCN = "select to_char(dbms_flashback.get_system_change_number) from dual"
_AMERICAN = "'NLS_DATE_LANGUAGE = AMERICAN'"  # for AD and BC
_SECONDS, _FRACTION = "'YYYY-MM-DD HH24:MI:SS AD'", "'YYYY-MM-DD HH24:MI:SS.FF9 AD'"
_IN_UTC = f"to_char(sys_extract_utc({{}}), {_FRACTION}, {_AMERICAN})"
# By the name of the driver's type: how it is asked for, and whether it is an instant.
_MOMENTS = {
    "DB_TYPE_DATE": (f"to_char({{}}, {_SECONDS}, {_AMERICAN})", False),
    "DB_TYPE_TIMESTAMP": (f"to_char({{}}, {_FRACTION}, {_AMERICAN})", False),
    "DB_TYPE_TIMESTAMP_TZ": (_IN_UTC, True),
    "DB_TYPE_TIMESTAMP_LTZ": (_IN_UTC, True),
}
_TYPES = {
    "DB_TYPE_BINARY_DOUBLE": pa.float64(),
    "DB_TYPE_BINARY_FLOAT": pa.float32(),
    "DB_TYPE_RAW": pa.binary(),
    "DB_TYPE_LONG_RAW": pa.binary(),
    "DB_TYPE_BLOB": pa.binary(),
    "DB_TYPE_BOOLEAN": pa.bool_(),
}
_TEXTS = frozenset(f"DB_TYPE_{name}" for name in ("VARCHAR", "NVARCHAR", "CHAR", "NCHAR", "LONG", "CLOB", "NCLOB"))
_OTHERS = {"DB_TYPE_JSON": "json_serialize({} returning clob)", "DB_TYPE_XMLTYPE": "xmlserialize(content {} as clob)"}
_OFFSET_NOTE = "in UTC: the offset of each value is not kept"
_MICROS_DIGITS, _MAX_INT64_DIGITS = 6, 18
# Of numbers: how long their whole part is, and what is behind the point. So many digits Oracle writes out; of more it
# writes some, and an exponent.
_DIGITS = "max(length(to_char(trunc(abs({0}))))), max(length(to_char(abs({0}) - trunc(abs({0})))))"
_WRITTEN_OUT = 38


def begin(handle: Any, target: Target, query: Query, snapshot: str | None, schema: pa.Schema | None) -> _Session:
    """Begin a session on an open connection, in a transaction that only reads."""
    target.cancel = handle.cancel
    handle.cursor().execute("set transaction read only")
    return _Session(handle, target, query, schema, snapshot)


class _Session(CursorSession):
    limit = " fetch first {} rows only"

    def __init__(
        self, handle: Any, target: Target, query: Query, schema: pa.Schema | None, snapshot: str | None
    ) -> None:
        self._handle, self._target, self._query = handle, target, query
        self._scn = snapshot
        if snapshot is None and query.table is not None:
            self._scn = self._change_number()
        if self._scn is not None:
            self.snapshot = Snapshot("oracle system change number", self._scn)
        elif query.parallel == 1:
            self.snapshot = Snapshot("oracle read-only transaction")
        super().__init__(handle, target, query, schema)

    def place(self) -> Sequence[str | None]:
        return [self._target.schema]

    def source(self) -> str | None:
        return None if self._scn is None else f"{table_name(self._query, self.place())} as of scn {int(self._scn)}"

    def cursor(self, sql: str) -> Any:
        cursor = self._handle.cursor()
        cursor.arraysize = cursor.prefetchrows = self._query.fetch_size
        cursor.outputtypehandler = _handler
        cursor.execute(sql)
        return cursor

    def look(self, described: Sequence[Any], schema: pa.Schema | None) -> None:
        """Find how many digits numbers have whose types do not say it: before the point, and behind it."""
        names = [one.name for one in described if one.type_code.name == "DB_TYPE_NUMBER" and not _is_declared(one)]
        self._found = dict.fromkeys(names, pa.string())
        if schema is not None:
            self._found = {name: schema.field(name).type for name in names}
        elif names and self._query.special != "text":
            looks = ", ".join(_DIGITS.format(self.quote(name)) for name in names)
            row = [int(length or 1) for length in self.one_row(f"select {looks} from (\n{self._statement()}\n) q")]
            for name, before, behind in zip(names, row[::2], row[1::2], strict=True):
                scale = behind - 1  # behind its point, which stands first, as in .25; of none there is the digit 0
                if max(before, scale) <= _WRITTEN_OUT:
                    self._found[name] = arrow.decimal_type(before + scale, scale)

    def column(self, described: Any) -> Column:
        name, code = described.name, described.type_code.name
        text = code.removeprefix("DB_TYPE_").lower()
        if code == "DB_TYPE_NUMBER":
            if _is_declared(described):
                return _number(name, described.precision, described.scale)
            return _undeclared(name, self._found[name])
        if code in _MOMENTS:
            return self._moment(name, text, code, described.scale)
        if code in _TYPES:
            return Column(arrow.field(name, _TYPES[code], text))
        if code in _TEXTS:
            return Column(arrow.field(name, pa.string(), text))
        return Column(arrow.field(name, pa.string(), text, "as text"), expression=_OTHERS.get(code, "to_char({})"))

    def instant(self, text: str) -> str:
        return f"timestamp '{text} +00:00'"

    def _moment(self, name: str, text: str, code: str, digits: int | None) -> Column:
        expression, has_zone = _MOMENTS[code]
        if self._query.special == "text":
            return Column(arrow.field(name, pa.string(), text, "as text"), expression=expression)
        unit = "ns" if (digits or 0) > _MICROS_DIGITS else "us"
        kind = pa.timestamp(unit, "UTC" if has_zone else None)
        note = NULLED if self._query.special == "null" else _OFFSET_NOTE if code == "DB_TYPE_TIMESTAMP_TZ" else ""
        convert = converter(kind)
        return Column(arrow.field(name, kind, text, note), lambda value: convert(value.removesuffix(" AD")), expression)

    def _change_number(self) -> str | None:
        """Return the system change number, None where the user may not ask for it, or for this table at one."""
        from oracledb import DatabaseError

        try:
            number = str(one_row(self._handle, _SCN)[0])
            table = table_name(self._query, self.place())
            one_row(self._handle, f"select 1 from {table} as of scn {int(number)} where 1 = 0")
        except DatabaseError:
            return None  # whatever else is wrong with the table, its description tells
        return number


def _handler(cursor: Any, metadata: Any) -> Any:
    """Have numbers come as texts, with all their digits, and large objects as what they hold."""
    import oracledb

    as_what = {
        oracledb.DB_TYPE_NUMBER: str,
        oracledb.DB_TYPE_CLOB: oracledb.DB_TYPE_LONG,
        oracledb.DB_TYPE_NCLOB: oracledb.DB_TYPE_LONG_NVARCHAR,
        oracledb.DB_TYPE_BLOB: oracledb.DB_TYPE_LONG_RAW,
    }.get(metadata.type_code)
    return None if as_what is None else cursor.var(as_what, arraysize=cursor.arraysize)


def _is_declared(described: Any) -> bool:
    # NUMBER alone is not, nor is FLOAT, which is one.
    return bool(described.precision) and described.scale is not None and described.scale != -127


def _undeclared(name: str, kind: pa.DataType) -> Column:
    if pa.types.is_string(kind):
        return Column(arrow.field(name, kind, "number", "as text: no declared digits"))
    note = "no declared digits: as many as its values have"
    return Column(arrow.field(name, kind, "number", note), converter(kind), is_parsed=True)


def _number(name: str, precision: int, scale: int) -> Column:
    text = f"number({precision},{scale})"
    if scale == 0 and precision <= _MAX_INT64_DIGITS:
        return Column(arrow.field(name, pa.int64(), text), int)
    kind = arrow.decimal_type(precision, scale)
    if kind is None:
        return Column(arrow.field(name, pa.string(), text, "as text"))
    return Column(arrow.field(name, kind, text), converter(kind), is_parsed=True)
