"""The only registry of connection types: one file, or folder, of `types/` is one type."""

from __future__ import annotations

import functools
import importlib
import os
from typing import TYPE_CHECKING

from qualytics.errors import InvalidInput, Problem

if TYPE_CHECKING:
    from qualytics.connectors.contract import Connector

# By type its kind, and whether it has a URI: all that a listing needs, for which it imports the file of no type that is
# here. A test compares both.
SHAPES: dict[str, tuple[str, bool]] = {
    **dict.fromkeys(("abfs", "gcs", "s3"), ("dfs", True)),
    **dict.fromkeys(("duckdb", "sqlite"), ("embedded", True)),
    **dict.fromkeys(("athena", "bigquery", "databricks", "db2", "dremio", "fabric", "hive"), ("jdbc", False)),
    **dict.fromkeys(("mariadb", "mysql", "oracle", "postgresql", "presto", "redshift"), ("jdbc", False)),
    **dict.fromkeys(("snowflake", "sqlserver", "synapse", "teradata", "timescale", "trino"), ("jdbc", False)),
    "databricks_native": ("native", False),
    "jdbc": ("jdbc", True),
}


@functools.cache
def type_names() -> tuple[str, ...]:
    """Return the names of all types, sorted; reads this folder, imports nothing."""
    names = (entry.name.removesuffix(".py") for entry in os.scandir(os.path.join(os.path.dirname(__file__), "types")))
    return tuple(sorted(name for name in names if name.isidentifier() and not name.startswith("_")))


@functools.cache
def get(name: str) -> Connector:
    """Return the connector of a type or alias; its driver is not imported.

    Raises:
        InvalidInput: there is no such type; the nearest name is in the hint.

    """
    if name in type_names():
        connector: Connector = importlib.import_module(f"{__name__}.types.{name}").CONNECTOR
        return connector
    for connector in all_connectors():
        if name in connector.aliases:
            return connector
    raise InvalidInput([_unknown(name)])


@functools.cache
def all_connectors() -> tuple[Connector, ...]:
    """Return every connector, sorted by type."""
    return tuple(get(name) for name in type_names())


def shape(name: str) -> tuple[str, bool]:
    """Return the kind of a type or alias, and whether it has a URI.

    Raises:
        InvalidInput: there is no such type.

    """
    if name in SHAPES:
        return SHAPES[name]
    connector = get(name)
    return connector.kind, "uri" in connector.fields


def parse_types(text: str) -> tuple[str, ...]:
    """Return the types of a comma list, aliases replaced by their type.

    Raises:
        InvalidInput: a name in the list is not a known type.

    """
    return tuple(dict.fromkeys(get(name.strip()).type for name in text.split(",")))


def _unknown(name: str) -> Problem:
    known = tuple(alias for connector in all_connectors() for alias in (connector.type, *connector.aliases))
    from qualytics.text import nearest, shown

    guess = nearest(name, known)
    hint = f"did you mean {guess}?" if guess else "qualytics connections types lists them"
    return Problem("type", f"there is no connection type {shown(name)!r}", hint, "unknown-type")
