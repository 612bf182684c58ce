"""Teradata through teradatasql, the vendor's proprietary driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors._base import Connector, Endpoint, Item, Param, Server, Target, tls_params
from qualytics.connectors._quiet import reject_talker
from qualytics.connectors._rows import rows
from qualytics.connectors._sql import one_row, refuse
from qualytics.connectors._teradata_errors import classify, explain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PROTOCOL = "the Teradata protocol"
_PLAIN_PORT, _TLS_PORT = 1025, 443
# The driver reads such a text as the names of two files (its documentation, "Stored Password Protection").
_FILES = "ENCRYPTED_PASSWORD("


def endpoint(values: Mapping[str, Any]) -> Endpoint:
    """Return where the gateway listens: TLS has a port of its own."""
    mode = (values.get("parameters") or {}).get("ssl_mode")
    default = _TLS_PORT if mode in {"verify", "require"} else _PLAIN_PORT
    return Endpoint(values.get("host") or "", values.get("port") or default)


def sslmode(target: Target) -> str:
    """Return the driver's mode; under auto the port says whether TLS is offered."""
    mode = target.tls.mode if target.tls is not None else "disable"
    if mode == "auto":
        mode = "verify" if target.port == _TLS_PORT else "disable"
    return {"verify": "VERIFY-FULL", "require": "REQUIRE", "disable": "DISABLE"}[mode]


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of teradatasql.connect; it takes every value as a text."""
    mode = sslmode(target)
    port = "dbs_port" if mode == "DISABLE" else "https_port"
    found: dict[str, Any] = {
        "host": target.host if mode == "VERIFY-FULL" else target.address or target.host,
        port: str(target.port),
        "user": target.username,
        "password": target.password.reveal() if target.password is not None else "",
        "sslmode": mode,
        "logmech": target.parameters.get("logmech", "TD2"),
        "encryptdata": "true" if target.parameters.get("encryptdata") else "false",
        "tmode": target.parameters.get("tmode", "DEFAULT"),
        "cop": "false",  # no second host by name
        "sslcrc": "DISABLE",  # no request to an address that the certificate names
        "connect_timeout": str(int(target.timeout_s * 1_000)),
        "logon_timeout": str(max(1, int(target.timeout_s))),
    }
    if mode == "VERIFY-FULL" and target.tls is not None and target.tls.ca_file:
        found["sslca"] = target.tls.ca_file
    if "account" in target.parameters:
        found["account"] = target.parameters["account"]
    return found


def connect(target: Target) -> Any:
    """Log in, to the user's own database."""
    found = arguments(target)
    if any(str(found[name]).startswith(_FILES) for name in ("user", "password")):
        raise refuse(
            "config",
            f"the driver takes a text that starts with {_FILES} for the names of files",
            "choose another password",
        )
    import teradatasql

    if target.tls is not None:
        target.tls.active = found["sslmode"] != "DISABLE"
    reject_talker(target, _PROTOCOL)
    handle: Any = teradatasql.connect(**found)  # type: ignore[no-untyped-call]  # the driver has no types
    return handle


def select(handle: Any, target: Target) -> None:
    """Check that the database exists; Teradata's schema is its database."""
    wanted = target.schema or target.database
    sql = "select 1 from DBC.DatabasesVX where DatabaseName = ?"
    if wanted is not None and not one_row(handle, sql, (wanted,)):
        raise refuse(
            "unknown_db", f"there is no database {wanted!r} that user {target.username!r} may see", "check --schema"
        )


def check(handle: Any, target: Target) -> Server:  # noqa: ARG001 - the contract's own signature
    """Read the server's version."""
    version = one_row(handle, "select InfoData from DBC.DBCInfoV where InfoKey = 'VERSION'")
    return Server("Teradata", str(version[0]).strip() if version else None)


# Databases that every system is installed with (docs.teradata.com, "Database Administration", "System users").
_SYSTEM = frozenset((
    "All", "Console", "Crashdumps", "DBC", "DBCMNGR", "Default", "EXTUSER", "External_AP", "GLOBAL_FUNCTIONS",
    "LockLogShredder", "PUBLIC", "SQLJ", "SYSBAR", "SYSJDBC", "SYSLIB", "SYSSPATIAL", "SYSUDTLIB", "SYSUIF",
    "SysAdmin", "Sys_Calendar", "SystemFe", "TDBCMgmt", "TDMaps", "TDPUSER", "TDQCD", "TDStats", "TD_ANALYTICS_DB",
    "TD_SERVER_DB", "TD_SYSFNLIB", "TD_SYSGPL", "TD_SYSXML", "TDaaS_DB", "tdwm", "dbcmngr", "viewpoint",
))  # fmt: skip


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """List the databases and users that this user may see."""
    for (name,) in rows(handle, "select DatabaseName from DBC.DatabasesVX order by 1", size=target.fetch_size):
        yield Item(name.rstrip(), "schema", name.rstrip() in _SYSTEM)


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """List the tables and views of a database; T and O are tables with and without a primary index."""
    sql = "select TableName, TableKind from DBC.TablesVX where DatabaseName = ? and TableKind in ('T', 'O', 'V') and (? = '' or position(? in TableName) = 1) order by 1"
    for name, kind in rows(handle, sql, (target.schema, prefix, prefix), target.fetch_size):
        yield Item(name.rstrip(), "view" if kind.strip() == "V" else "table", target.schema in _SYSTEM)


CONNECTOR = Connector(
    type="teradata",
    title="Teradata",
    kind="jdbc",
    default_port=_PLAIN_PORT,
    extra="teradata",
    driver="teradatasql",
    distribution="teradatasql",
    fields=("host", "port", "username", "password"),
    required=("host",),
    params=(
        *tls_params(),
        Param(
            "logmech",
            str,
            "who checks the password (the driver's name)",
            choices=("TD2", "LDAP", "TDNEGO"),
            default="TD2",
        ),
        Param("encryptdata", bool, "encrypt what is sent without TLS (the driver's name)", default="false"),
        Param(
            "tmode", str, "transaction mode (the driver's name)", choices=("DEFAULT", "ANSI", "TERA"), default="DEFAULT"
        ),
        Param("account", str, "account to charge (the driver's name)", max_length=128),
    ),
    scope=("schema",),
    scope_optional=("database",),
    example="--host td.example.com --username '${DB_USER}' --password '${DB_PASSWORD}'",
    verified="driver only: login and discovery never run",
    tls="own",
    endpoint=endpoint,
    open=connect,
    select=select,
    check=check,
    close=lambda handle: handle.close(),
    classify=classify,
    explain=explain,
    schemas=schemas,
    tables=tables,
)
