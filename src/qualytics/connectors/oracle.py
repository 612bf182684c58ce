"""Oracle Database through oracledb in thin mode: no client libraries, no wallets, no tnsnames.ora."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors._base import Connector, Item, Param, Server, Target, tls_params
from qualytics.connectors._oracle_errors import classify
from qualytics.connectors._quiet import reject_talker
from qualytics.connectors._rows import rows
from qualytics.connectors._sql import one_row, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PROTOCOL = "Oracle Net"


def requires(values: Mapping[str, Any], _secrets: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Yield what is missing or at odds: a service or a SID, and TLS where the protocol has it."""
    parameters = values.get("parameters") or {}
    named = [name for name in ("service_name", "sid") if parameters.get(name)]
    if not named:
        yield "parameters.service_name", "is needed for oracle", "give the service's name, or sid"
    if len(named) > 1:
        yield "parameters.sid", "stands beside service_name", "keep one of them"
    protocol, mode = parameters.get("protocol"), parameters.get("ssl_mode")
    if protocol == "TCPS" and mode == "disable":
        yield "parameters.ssl_mode", "is disable, but the protocol is TCPS", "remove one of them"
    if protocol == "TCP" and mode in {"verify", "require"}:
        yield (
            "parameters.protocol",
            f"is TCP, but ssl_mode is {mode}",
            'give "protocol": "TCPS" and the port of that listener',
        )


def is_encrypted(target: Target) -> bool:
    """Say whether TLS is spoken: as the protocol says, else when ssl_mode demands it; a TCP port offers none."""
    protocol = target.parameters.get("protocol")
    return protocol == "TCPS" or (
        protocol is None and target.tls is not None and target.tls.mode in {"verify", "require"}
    )


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of oracledb.connect; what names this machine and its user is not sent."""
    found: dict[str, Any] = {
        "user": target.username,
        "password": target.password.reveal() if target.password is not None else "",
        "host": target.address or target.host,
        "port": target.port,
        "protocol": "tcp",
        "tcp_connect_timeout": target.timeout_s,
        "retry_count": 0,
        "config_dir": target.directory,  # an empty one: no tnsnames.ora, no sqlnet.ora
        "externalauth": False,
        **dict.fromkeys(("program", "machine", "terminal", "osuser"), "qualytics"),
    }
    for name in ("service_name", "sid"):
        if name in target.parameters:
            found[name] = target.parameters[name]
    if is_encrypted(target) and target.tls is not None:
        # The certificate is checked against the name.
        found |= {
            "host": target.host,
            "protocol": "tcps",
            "ssl_context": target.tls.context,
            "ssl_server_dn_match": target.tls.verified,
        }
    return found


def connect(target: Target) -> Any:
    """Log in to the service."""
    import oracledb

    if target.tls is not None:
        target.tls.active = is_encrypted(target)
    reject_talker(target, _PROTOCOL)
    handle = oracledb.connect(**arguments(target))
    handle.call_timeout = max(1, int(target.timeout_s * 1_000))
    return handle


def select(handle: Any, target: Target) -> None:
    """Check that the schema, which is a user of the database, exists."""
    if target.schema is not None and not one_row(
        handle, "select 1 from all_users where username = :1", (target.schema,)
    ):
        raise refuse(
            "unknown_db",
            f"there is no schema {target.schema!r}",
            "check --schema; names are in upper case unless they were quoted",
        )


def check(handle: Any, target: Target) -> Server:
    """Read one row; the server told its version at login."""
    next(rows(handle, "select 1 from dual", size=target.fetch_size))
    return Server("Oracle Database", handle.version)


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """List the users of the database; those that Oracle maintains are its own."""
    for name, own in rows(
        handle, "select username, oracle_maintained from all_users order by username", size=target.fetch_size
    ):
        yield Item(name, "schema", own == "Y")


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """List the tables and views of a schema."""
    # Oracle takes an empty text for null.
    sql = "select object_name, object_type, oracle_maintained from all_objects where owner = :1 and object_type in ('TABLE', 'VIEW') and (:2 is null or instr(object_name, :3) = 1) order by object_name"
    for name, kind, own in rows(handle, sql, (target.schema, prefix, prefix), target.fetch_size):
        yield Item(name, kind.lower(), own == "Y")


CONNECTOR = Connector(
    type="oracle",
    title="Oracle",
    kind="jdbc",
    default_port=1521,
    extra="oracle",
    driver="oracledb",
    distribution="oracledb",
    fields=("host", "port", "username", "password"),
    required=("host",),
    params=(
        *tls_params(),
        Param("service_name", str, "the service to connect to (our choice of name)"),
        Param("sid", str, "the SID of the instance, where there is no service"),
        Param(
            "protocol",
            str,
            "of the listener: TCPS speaks TLS; by default TCPS when ssl_mode is verify or require, else TCP (our choice of name)",
            choices=("TCP", "TCPS"),
        ),
    ),
    scope=("schema",),
    example="--host db.example.com --username '${DB_USER}' --password '${DB_PASSWORD}' --parameters '{\"service_name\": \"ORCLPDB1\"}'",
    verified="driver only: refusals come from a stub of the listener; login and discovery never run",
    tls="own",
    requires=requires,
    open=connect,
    select=select,
    check=check,
    close=lambda handle: handle.close(),
    classify=classify,
    schemas=schemas,
    tables=tables,
)
