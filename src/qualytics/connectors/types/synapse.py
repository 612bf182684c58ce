"""Azure Synapse Analytics, dedicated and serverless SQL pools, through mssql-python."""

from __future__ import annotations

from qualytics.connectors.shared import tds
from qualytics.connectors.types import sqlserver
from qualytics.structs import replace

CONNECTOR = replace(
    sqlserver.CONNECTOR,
    type="synapse",
    title="Azure Synapse",
    aliases=(),
    # Azure's gateways take no connection without TLS.
    params=sqlserver.params(("auto", "verify", "require"), (sqlserver.BASIC, sqlserver.PRINCIPAL)),
    example="--host workspace.sql.azuresynapse.net --username '${DB_USER}' --password '${DB_PASSWORD}'",
    snapshots="none",
    foreign=tds.named("synapse", "azure_synapse", dbt="synapse"),
)
