"""Databricks Unity Catalog through Databricks' SDK: metadata over REST, without a warehouse."""

from __future__ import annotations

from qualytics.connectors.contract import Connector, Server, Target
from qualytics.connectors.shared import databricks
from qualytics.connectors.shared.databricks_errors import classify
from qualytics.connectors.shared.grammar import BASIC_USER, HEADER, UNITY
from qualytics.connectors.shared.https import ENDPOINT_URL, endpoint_of
from qualytics.connectors.types import _unity_listing
from qualytics.connectors.types._unity_client import Catalogs, connect


def check(handle: Catalogs, target: Target) -> Server:
    """List the first of what the connection is for: schemas of its catalog, or catalogs; there is no version."""
    if target.catalog is not None:
        next(iter(handle.schemas.list(target.catalog, max_results=1)), None)
    else:
        next(iter(handle.catalogs.list(max_results=1)), None)
    return Server("Databricks Unity Catalog", None)


CONNECTOR = Connector(
    type="databricks_native",
    title="Databricks Unity Catalog",
    kind="native",
    default_port=443,
    extra="databricks_native",
    driver="databricks.sdk",
    distribution="databricks-sdk",
    fields=("host", "catalog", "catalog_type", "username", "password"),
    identity="client id",
    proof="the access token",
    required=("host",),
    username_optional=True,
    params=(ENDPOINT_URL, *databricks.PARAMS),
    grammar={"password": HEADER, "username": BASIC_USER} | dict.fromkeys(("catalog", "database", "schema"), UNITY),
    scope=("schema",),
    example="--host dbc-1234.cloud.databricks.com --catalog main --password '${DATABRICKS_TOKEN}'",
    endpoint=lambda values: endpoint_of(values, values.get("host") or ""),
    requires=databricks.requires,
    tls="direct",
    open=connect,
    select=_unity_listing.select,
    check=check,
    close=lambda handle: handle.session.close(),
    classify=classify,
    catalogs=_unity_listing.catalogs,
    schemas=_unity_listing.schemas,
    tables=_unity_listing.tables,
    verified="emulator: minilake, which takes any token",
    authentication=databricks.AUTHENTICATION,
    privileges=databricks.PRIVILEGES,
    pinned="resolver",  # requests; tokens for service principals come from the workspace itself
)
