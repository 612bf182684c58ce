"""Databricks SQL warehouses and clusters through Databricks' own connector."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Connector, Param, Server, Target
from qualytics.connectors.shared import databricks
from qualytics.connectors.shared.databricks_errors import classify
from qualytics.connectors.shared.grammar import BASIC_USER, HEADER
from qualytics.connectors.shared.sql import one_row
from qualytics.connectors.types import _databricks_listing
from qualytics.connectors.types._databricks_client import connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PATH = re.compile(r"/?(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._/-]*(\?o=\d{1,20})?\Z")


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Ask for the path of a warehouse or cluster, and for what the mode of authentication needs."""
    path = (values.get("parameters") or {}).get("path")
    if path is None:
        hint = "as in /sql/1.0/warehouses/1234567890abcdef, from the warehouse's connection details"
        yield "parameters.path", "is needed for databricks", hint
    elif not _PATH.match(path):
        yield "parameters.path", "is not an HTTP path", "as in /sql/1.0/warehouses/1234567890abcdef"
    yield from databricks.requires(values, secrets_set)


def check(handle: Any, _target: Target) -> Server:
    """Ask for the version (Databricks SQL reference, "current_version function"); a cluster has only the second."""
    row = one_row(handle, "select current_version().dbsql_version, current_version().dbr_version")
    return Server("Databricks SQL" if row[0] else "Databricks", row[0] or row[1])


CONNECTOR = Connector(
    type="databricks",
    title="Databricks",
    kind="jdbc",
    default_port=443,
    extra="databricks",
    driver="databricks.sql",
    distribution="databricks-sql-connector",
    fields=("host", "port", "username", "password"),
    identity="client id",
    proof="the access token",
    required=("host",),
    username_optional=True,
    params=(
        Param(
            "path", str, "HTTP path of the warehouse or cluster", max_length=1_024, same=lambda path: path.lstrip("/")
        ),
        *databricks.PARAMS,
    ),
    grammar={"password": HEADER, "username": BASIC_USER},
    scope=("database", "schema"),
    example="""--host dbc-1234.cloud.databricks.com --password '${DATABRICKS_TOKEN}' --parameters '{"path": "/sql/1.0/warehouses/1234567890abcdef"}'""",
    requires=requires,
    tls="direct",
    open=connect,
    select=_databricks_listing.select,
    check=check,
    close=lambda handle: handle.close(),
    classify=classify,
    catalogs=_databricks_listing.catalogs,
    schemas=_databricks_listing.schemas,
    tables=_databricks_listing.tables,
    verified="driver only: login and discovery never run",
    authentication=databricks.AUTHENTICATION,
    privileges=("CAN USE on the SQL warehouse, or CAN ATTACH TO on the cluster", *databricks.PRIVILEGES),
    pinned="resolver",  # urllib3 and requests; tokens for service principals come from the workspace itself
)
