"""What a database has as its JDBC driver tells: catalogs, schemas, tables and views."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Target, refuse
from qualytics.connectors.types.jdbc.errors import reported
from qualytics.model import Item

if TYPE_CHECKING:
    from collections.abc import Iterator

_SYSTEM = ("information_schema", "performance_schema", "mysql", "sys", "system_lobs", "sqlj", "nullid")
_SYSTEM_STARTS = ("pg_", "syscat", "sysibm", "sysproc", "sysfun", "sysstat", "syscs_")


@reported()
def select(handle: Any, target: Target) -> None:
    """Check that database and schema exist; where the URL decides on the database, it must be that one."""
    current = handle.getCatalog()
    if target.database is not None and not (current is not None and str(current) == target.database):
        hint = f"the uri leads to {str(current)!r}" if current is not None else "this engine has none beside the uri's"
        raise refuse("unknown_db", f"there is no database {target.database!r} on this connection", hint)
    if target.schema is not None and target.schema not in _column(handle.getMetaData().getSchemas(), target):
        hint = "check --schema; many engines keep names in upper case"
        raise refuse("unknown_db", f"there is no schema {target.schema!r}", hint)


def _rows(result: Any, target: Target, columns: int) -> Iterator[list[str | None]]:
    with reported(), contextlib.closing(result):
        result.setFetchSize(target.fetch_size)
        while result.next():
            values = (result.getString(number) for number in range(1, columns + 1))
            yield [None if value is None else str(value) for value in values]


def _column(result: Any, target: Target) -> Iterator[str]:
    return (row[0] for row in _rows(result, target, 1) if row[0] is not None)


def _is_system(name: str) -> bool:
    return name.lower() in _SYSTEM or name.lower().startswith(_SYSTEM_STARTS)


def catalogs(handle: Any, target: Target) -> Iterator[Item]:
    """List the catalogs that the driver tells."""
    for name in _column(handle.getMetaData().getCatalogs(), target):
        yield Item(name, "catalog", _is_system(name))


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """List the schemas of the database of the connection."""
    for name in _column(handle.getMetaData().getSchemas(), target):
        yield Item(name, "schema", _is_system(name))


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """List the tables and views of a schema; what else a driver calls a table is left out."""
    metadata = handle.getMetaData()
    escape = str(metadata.getSearchStringEscape() or "")

    def pattern(text: str) -> str:
        return re.sub(f"[%_{re.escape(escape)}]", lambda found: escape + found[0], text) if escape else text

    schema = None if target.schema is None else pattern(target.schema)
    result = metadata.getTables(handle.getCatalog(), schema, pattern(prefix) + "%", None)
    for _, place, name, what in _rows(result, target, 4):
        kind = (what or "").upper()
        inside = target.schema is None or place == target.schema
        if name is not None and name.startswith(prefix) and inside and re.search("TABLE|VIEW", kind):
            yield Item(name, "view" if "VIEW" in kind else "table", "SYSTEM" in kind or _is_system(place or ""))
