"""Microsoft SQL Server and Azure SQL through mssql-python."""

from __future__ import annotations

from qualytics.connectors.contract import SSL_MODES, Connector
from qualytics.connectors.shared import tds

CONNECTOR = Connector(
    type="sqlserver",
    title="SQL Server",
    kind="jdbc",
    aliases=("mssql",),
    default_port=tds.PORT,
    extra="sqlserver",
    driver="mssql_python",
    distribution="mssql-python",
    params=tds.params(SSL_MODES, (tds.BASIC, tds.PRINCIPAL)),
    grammar=tds.GRAMMAR,
    scope=("database", "schema"),
    example="--host sql.example.com --port 1433 --username '${DB_USER}' --password '${DB_PASSWORD}'",
    verified="driver only: login answers come from a stub of the protocol; queries and discovery never run",
    tls="own",
    requires=tds.requires(tds.BASIC),
    open=tds.connect,
    select=tds.select,
    check=tds.check,
    classify=tds.classify,
    explain=tds.explain,
    catalogs=tds.catalogs,
    schemas=tds.schemas,
    tables=tds.tables,
    authentication=(
        ("BASIC", "username and password of a SQL login"),
        ("SERVICE_PRINCIPAL", "tenant_id; its client id in username, its client secret in password"),
    ),
    # learn.microsoft.com, "CREATE USER", "VIEW ANY DATABASE Permission" and "VIEW DEFINITION Permission".
    privileges=(
        "CREATE USER reader FOR LOGIN reader, in each database that is to be used; a service principal: FROM EXTERNAL PROVIDER",
        "GRANT VIEW ANY DATABASE TO reader, to list databases (public has it by default)",
        "GRANT VIEW DEFINITION ON SCHEMA::finance TO reader, to list tables, or SELECT on them",
    ),
    # A server may route a login to another host, and the driver follows with user and password ([MS-TDS], ENVCHANGE of
    # type 20). Nor would the address do in place of the name: Azure's gateways look at the name.
    pinned=None,
)
