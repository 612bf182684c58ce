"""Azure Synapse Analytics, dedicated and serverless SQL pools, through mssql-python."""

from __future__ import annotations

from dataclasses import replace

from qualytics.connectors.shared import tds
from qualytics.connectors.types.sqlserver import CONNECTOR as SQLSERVER

CONNECTOR = replace(
    SQLSERVER,
    type="synapse",
    title="Azure Synapse",
    aliases=(),
    extra="synapse",
    # Azure's gateways take no connection without TLS.
    params=tds.params(("auto", "verify", "require"), (tds.BASIC, tds.PRINCIPAL)),
    example="--host workspace.sql.azuresynapse.net --username '${DB_USER}' --password '${DB_PASSWORD}'",
)
