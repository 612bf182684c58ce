"""Microsoft Fabric warehouses and lakehouses through mssql-python; service principals only."""

from __future__ import annotations

from qualytics.connectors.shared import tds
from qualytics.connectors.types import sqlserver
from qualytics.structs import replace

CONNECTOR = replace(
    sqlserver.CONNECTOR,
    type="fabric",
    title="Microsoft Fabric",
    aliases=(),
    identity="client id",
    params=sqlserver.params(("auto", "verify", "require"), (sqlserver.PRINCIPAL,)),
    requires=sqlserver.requires(sqlserver.PRINCIPAL),
    example=(
        "--host xyz.datawarehouse.fabric.microsoft.com --username '${CLIENT_ID}' --password '${CLIENT_SECRET}' "
        '--parameters \'{"tenant_id": "contoso.onmicrosoft.com"}\''
    ),
    verified="driver only: login and discovery never run",
    authentication=sqlserver.CONNECTOR.authentication[1:],
    # learn.microsoft.com, "Workspace roles in Fabric data warehousing" and "Secure your Fabric data warehouse".
    privileges=(
        "the item permission Read lets the service principal connect; give it on the warehouse, or the workspace role Viewer",
        "GRANT VIEW DEFINITION ON SCHEMA::finance TO [reader], to list tables, unless the role reads all data",
    ),
    snapshots="none",
    foreign=tds.named("fabric", "fabric_warehouse", dbt="fabric"),
)
