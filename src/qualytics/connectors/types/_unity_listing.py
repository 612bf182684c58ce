"""What Unity Catalog has: catalogs, schemas, tables and views, as its REST interface tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qualytics.connectors.contract import Item, Target, refuse
from qualytics.connectors.shared.requests import segment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qualytics.connectors.types._unity_client import Catalogs


def select(handle: Catalogs, target: Target) -> None:
    """Check that the catalog exists, and the schema in it."""
    if target.catalog is not None:
        handle.catalogs.get(segment(target.catalog))
    if target.schema is not None:
        handle.schemas.get(segment(f"{_catalog(target)}.{target.schema}"))


def _catalog(target: Target) -> str:
    found = target.catalog or target.database
    if found is None:
        raise refuse("config", "the connection has no catalog", "give one with --catalog", stage="database")
    return found


def catalogs(handle: Catalogs, _target: Target) -> Iterator[Item]:
    """Yield the catalogs that this user may see."""
    for found in handle.catalogs.list():
        kind = getattr(found.catalog_type, "value", "")
        yield Item(found.name, "catalog", kind in {"SYSTEM_CATALOG", "INTERNAL_CATALOG"} or found.name == "system")


def schemas(handle: Catalogs, target: Target) -> Iterator[Item]:
    """Yield the schemas of the catalog."""
    for found in handle.schemas.list(_catalog(target)):
        yield Item(found.name, "schema", found.name == "information_schema")


def tables(handle: Catalogs, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views of a schema whose names begin with a prefix."""
    for found in handle.tables.list(_catalog(target), target.schema or "", omit_columns=True, omit_properties=True):
        if found.name.startswith(prefix):
            yield Item(found.name, "view" if "VIEW" in getattr(found.table_type, "value", "") else "table")
