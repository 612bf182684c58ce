"""Oracle Database through oracledb in thin mode: no client libraries, no wallets, no tnsnames.ora."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Connector, Server
from qualytics.connectors.shared.preamble import leave_to_driver
from qualytics.connectors.shared.rows import rows
from qualytics.connectors.types._oracle_arguments import PARAMS, SERVICE, arguments, implied, is_encrypted, requires
from qualytics.connectors.types._oracle_catalog import schemas, select, tables
from qualytics.connectors.types._oracle_errors import classify

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target


def connect(target: Target) -> Any:
    """Log in to the service."""
    import oracledb

    if target.tls is not None:
        target.tls.active = is_encrypted(target)
    leave_to_driver(target, "Oracle Net")
    handle = oracledb.connect(**arguments(target))
    handle.call_timeout = max(1, int(target.timeout_s * 1_000))
    return handle


def check(handle: Any, target: Target) -> Server:
    """Read one row; the server told its version at login."""
    next(rows(handle, "select 1 from dual", size=target.fetch_size))
    return Server("Oracle Database", handle.version)


CONNECTOR = Connector(
    type="oracle",
    title="Oracle",
    kind="jdbc",
    default_port=1521,
    extra="oracle",
    driver="oracledb",
    distribution="oracledb",
    params=PARAMS,
    grammar={"service_name": SERVICE, "sid": SERVICE},
    scope=("schema",),
    example="--host db.example.com --username '${DB_USER}' --password '${DB_PASSWORD}' --parameters '{\"service_name\": \"ORCLPDB1\"}'",
    verified="driver only: refusals come from a stub of the listener; login and discovery never run",
    tls="own",
    requires=requires,
    implied=implied,
    open=connect,
    select=select,
    check=check,
    classify=classify,
    schemas=schemas,
    tables=tables,
    authentication=(("BASIC", "username and password"),),
    # Oracle Database Security Guide, "CREATE SESSION"; Database Reference, "ALL_USERS" and "ALL_OBJECTS".
    privileges=(
        "GRANT CREATE SESSION TO reader",
        "GRANT READ ON finance.orders TO reader, for each table that is to be found: ALL_OBJECTS shows no others",
    ),
    # A listener may redirect, and the driver follows; those names and addresses, too, go through Python's look-ups.
    pinned="resolver",
)
