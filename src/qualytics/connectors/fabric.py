"""Microsoft Fabric warehouses and lakehouses through mssql-python; service principals only."""

from __future__ import annotations

from dataclasses import replace

from qualytics.connectors import _tds
from qualytics.connectors.sqlserver import CONNECTOR as SQLSERVER

CONNECTOR = replace(
    SQLSERVER,
    type="fabric",
    title="Microsoft Fabric",
    aliases=(),
    extra="fabric",
    params=_tds.params(("auto", "verify", "require"), (_tds.PRINCIPAL,)),
    requires=_tds.requires(_tds.PRINCIPAL),
    example=(
        "--host xyz.datawarehouse.fabric.microsoft.com --username '${CLIENT_ID}' --password '${CLIENT_SECRET}' "
        '--parameters \'{"tenant_id": "contoso.onmicrosoft.com"}\''
    ),
    verified="driver only: login and discovery never run",
)
