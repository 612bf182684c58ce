"""Snowflake's names: how they are quoted, and discovery by SHOW, which needs no warehouse."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.shared.sql import rows
from qualytics.model import Item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qualytics.connectors.contract import Target

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
# SHOW returns no more rows at once (Snowflake documentation, "SHOW OBJECTS").
_PAGE = 10_000


def identifier(name: str) -> str:
    """Return a name as a quoted identifier, with Snowflake's rule for case.

    A plain name means its upper-case form, as it does unquoted in SQL (quoted here, it may also be a
    reserved word); a name in double quotes, or with other characters in it, is taken as it stands.
    Source: Snowflake documentation, "Identifier requirements".
    """
    if PLAIN.fullmatch(name):
        return f'"{name.upper()}"'
    if re.fullmatch(r'"([^"]|"")+"', name):
        return name
    return '"' + name.replace('"', '""') + '"'


def catalogs(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the databases that the role may see; SNOWFLAKE is the service's own."""
    for name, _ in _shown(handle, target, "show terse databases", ""):
        yield Item(name, "catalog", name == "SNOWFLAKE")


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the schemas of a database."""
    for name, _ in _shown(handle, target, f"show terse schemas in database {identifier(target.database or '')}", ""):
        yield Item(name, "schema", name == "INFORMATION_SCHEMA")


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views of a schema whose names begin with a prefix, upper and lower case apart."""
    place = f"{identifier(target.database or '')}.{identifier(target.schema or '')}"
    is_system = identifier(target.schema or "") == '"INFORMATION_SCHEMA"'
    for name, kind in _shown(handle, target, f"show terse objects in schema {place}", prefix):
        yield Item(name, "view" if "VIEW" in kind.upper() else "table", is_system)


def _shown(handle: Any, target: Target, sql: str, prefix: str) -> Iterator[tuple[str, str]]:
    """Yield name and kind of what a SHOW finds, page by page."""
    sql = sql.replace("%", "%%") + (" starts with %s" if prefix else "")  # the driver writes arguments in by %
    given = (prefix,) if prefix else ()
    number, last = _PAGE, None
    while number == _PAGE:
        page = sql if last is None else f"{sql} limit {_PAGE} from %s"
        arguments = given if last is None else (*given, last)
        number = 0
        for row in rows(handle, page if arguments else page.replace("%%", "%"), arguments, target.fetch_size):
            number, last = number + 1, str(row[1])
            if last.startswith(prefix):
                yield last, str(row[2] or "")
