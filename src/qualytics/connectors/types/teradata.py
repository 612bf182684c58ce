"""Teradata through teradatasql, the vendor's proprietary driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Connector, Server
from qualytics.connectors.shared.preamble import leave_to_driver
from qualytics.connectors.shared.sql import one_row
from qualytics.connectors.types._teradata_arguments import ACCOUNT, PARAMS, PLAIN_PORT, arguments, endpoint
from qualytics.connectors.types._teradata_catalog import schemas, select, tables
from qualytics.connectors.types._teradata_errors import classify, explain

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target


def connect(target: Target) -> Any:
    """Log in, to the user's own database."""
    found = arguments(target)
    if target.tls is not None:
        target.tls.active = found["sslmode"] != "DISABLE"
    leave_to_driver(target, "the Teradata protocol")
    import teradatasql  # takes a second: not for another kind of server

    handle: Any = teradatasql.connect(**found)  # type: ignore[no-untyped-call]  # the driver has no types
    return handle


def check(handle: Any, target: Target) -> Server:  # noqa: ARG001 - the contract's own signature
    """Read the server's version."""
    version = one_row(handle, "select InfoData from DBC.DBCInfoV where InfoKey = 'VERSION'")
    return Server("Teradata", str(version[0]).strip() if version else None)


CONNECTOR = Connector(
    type="teradata",
    title="Teradata",
    kind="jdbc",
    default_port=PLAIN_PORT,
    extra="teradata",
    driver="teradatasql",
    distribution="teradatasql",
    params=PARAMS,
    grammar={"account": ACCOUNT},
    scope=("schema",),
    scope_optional=("database",),
    example="--host td.example.com --username '${DB_USER}' --password '${DB_PASSWORD}'",
    verified="driver only: login and discovery never run",
    tls="own",
    endpoint=endpoint,
    implied=lambda values: {"port": endpoint(values).port},
    open=connect,
    select=select,
    check=check,
    classify=classify,
    explain=explain,
    schemas=schemas,
    tables=tables,
    authentication=(
        ("TD2", "username and password, checked by the database"),
        ("LDAP", "username and password, checked by a directory"),
        ("TDNEGO", "username and password, checked by whom the server names"),
    ),
    # docs.teradata.com, "Default PUBLIC Privileges": a site may have revoked them.
    privileges=(
        "GRANT SELECT ON DBC.DBCInfoV TO reader (PUBLIC has it by default)",
        "GRANT SELECT ON DBC.DatabasesVX TO reader, and on DBC.TablesVX (PUBLIC has it by default); they show what the user may see",
    ),
    # ssl_mode=verify gives the driver the name, for the certificate, and it looks that up by itself, proxy or none.
    pinned=None,
    forks=False,  # Go runs from the import on
)
