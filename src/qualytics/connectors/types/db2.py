"""IBM Db2 through ibm-db, which brings IBM's CLI driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Connector, Param, Server, tls_params
from qualytics.connectors.shared.rows import rows
from qualytics.connectors.types._db2_arguments import DATABASE, USER, requires
from qualytics.connectors.types._db2_catalog import schemas, select, tables
from qualytics.connectors.types._db2_errors import classify
from qualytics.connectors.types._db2_login import connect

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target


def check(handle: Any, target: Target) -> Server:
    """Read one row; the server told its name and version at login."""
    next(rows(handle, "select 1 from sysibm.sysdummy1", size=target.fetch_size))
    return Server(handle.dbms_name, handle.dbms_ver)


CONNECTOR = Connector(
    type="db2",
    title="Db2",
    kind="jdbc",
    default_port=50_000,
    extra="db2",
    driver="ibm_db",
    distribution="ibm-db",
    params=(
        *tls_params(("auto", "verify", "disable")),
        Param("ssl", bool, "speak TLS; by default when ssl_mode is verify"),
    ),
    grammar={"database": DATABASE, "username": USER},
    scope=("database", "schema"),
    example="--host db.example.com --port 50000 --username '${DB_USER}' --password '${DB_PASSWORD}'",
    verified="sibling: Derby's DRDA server, as far as wrong password and unknown database; discovery never run",
    tls="own",
    requires=requires,
    implied=lambda values: {"ssl": values["parameters"]["ssl_mode"] == "verify"},
    open=connect,
    select=select,
    check=check,
    classify=classify,
    schemas=schemas,
    tables=tables,
    authentication=(
        ("BASIC", "username and password; sent encrypted, over TLS, or in clear with ssl_mode=disable alone"),
    ),
    # ibm.com/docs, "Default privileges granted on creating a database".
    privileges=(
        "GRANT CONNECT ON DATABASE TO USER reader (PUBLIC has it by default)",
        "GRANT SELECT ON SYSCAT.SCHEMATA TO USER reader, and on SYSCAT.TABLES and SYSIBM.SYSDUMMY1 (PUBLIC has it unless the database is restrictive)",
    ),
    pinned="proxy",  # the tunnel of TLS; a plain connection is given the address
)
