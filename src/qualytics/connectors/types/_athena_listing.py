"""What Athena has: data catalogs, databases, tables and views, by calls that run no query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Item, Target
from qualytics.connectors.types._athena_client import CATALOG

if TYPE_CHECKING:
    from collections.abc import Iterator


def select(handle: Any, target: Target) -> None:
    """Check that the data catalog exists, and the database in it."""
    catalog = target.database or CATALOG
    if target.schema is not None:
        handle.client.get_database(CatalogName=catalog, DatabaseName=target.schema)
    else:
        handle.client.list_databases(CatalogName=catalog, MaxResults=1)


def _pages(handle: Any, operation: str, key: str, **given: Any) -> Iterator[dict[str, Any]]:
    for page in handle.client.get_paginator(operation).paginate(**given):
        yield from page.get(key, ())


def catalogs(handle: Any, _target: Target) -> Iterator[Item]:
    """Yield the data catalogs of the account and region."""
    for found in _pages(handle, "list_data_catalogs", "DataCatalogsSummary"):
        yield Item(found["CatalogName"], "catalog")


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the databases of a data catalog."""
    for found in _pages(handle, "list_databases", "DatabaseList", CatalogName=target.database or CATALOG):
        yield Item(found["Name"], "schema", found["Name"] == "information_schema")


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views of a database whose names begin with a prefix; names are in lower case."""
    scope = {"CatalogName": target.database or CATALOG, "DatabaseName": target.schema or "default"}
    for found in _pages(handle, "list_table_metadata", "TableMetadataList", **scope):
        if found["Name"].startswith(prefix.lower()):
            yield Item(found["Name"], "view" if found.get("TableType") == "VIRTUAL_VIEW" else "table")
