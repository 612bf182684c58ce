"""Microsoft SQL Server and Azure SQL through mssql-python, which brings Microsoft's ODBC driver."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qualytics.connectors.codes import by_sqlstate
from qualytics.connectors.contract import (
    SSL_MODES,
    Connector,
    Param,
    Refusal,
    Server,
    Target,
    Verdict,
    by_text,
    refuse,
    tls_params,
)
from qualytics.connectors.shared.http import TENANT
from qualytics.connectors.shared.sql import named, one_row, rows
from qualytics.model import Item

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PORT = 1433
BASIC, PRINCIPAL = "BASIC", "SERVICE_PRINCIPAL"
# The audience of Azure SQL, Synapse and Fabric (learn.microsoft.com, "Microsoft Entra authentication for Azure SQL").
_SCOPE = "https://database.windows.net/.default"
_AUTHORITY = "login.microsoftonline.com"
# The tenant is a segment of the URL that gives tokens.
GRAMMAR = {"tenant_id": TENANT}

# Server property EngineEdition (learn.microsoft.com, "SERVERPROPERTY").
_EDITIONS = {5: "Azure SQL Database", 6: "Azure Synapse Analytics", 8: "Azure SQL Managed Instance"}
_SYSTEM_CATALOGS = ("master", "model", "msdb", "tempdb")
_SYSTEM_SCHEMAS = ("INFORMATION_SCHEMA", "guest", "sys")


def params(modes: tuple[str, ...], authentication: tuple[str, ...]) -> tuple[Param, ...]:
    """Return the parameters of a type that can do these modes of TLS and of authentication."""
    # All bind: read-only intent, too, lets the server name another one, to which the login then goes.
    return (
        *tls_params(modes),
        Param("authentication_type", str, "how to log in", choices=authentication, default=authentication[0]),
        Param("tenant_id", str, "the Microsoft Entra tenant of a service principal: its id or domain"),
        Param("application_intent", str, "read-only goes to a readable secondary (our choice of name)", choices=("ReadWrite", "ReadOnly"), default="ReadWrite"),
        Param("multi_subnet_failover", bool, "dial all addresses of an availability group's listener (our choice of name)", default="false"),
    )  # fmt: skip


def requires(default: str) -> Callable[[Mapping[str, Any], frozenset[str]], Iterator[tuple[str, str, str]]]:
    """Return the check of what an authentication mode lacks; `default` is the type's mode."""

    def lacks(values: Mapping[str, Any], secrets: frozenset[str]) -> Iterator[tuple[str, str, str]]:
        parameters = values.get("parameters") or {}
        tenant = parameters.get("tenant_id")
        principal = (parameters.get("authentication_type") or default) == PRINCIPAL
        if not principal:
            if tenant is not None:
                yield "parameters.tenant_id", "is for a service principal", f'add "authentication_type": "{PRINCIPAL}"'
            return
        if tenant is None:
            yield "parameters.tenant_id", "is needed for a service principal", "add its tenant's id or domain"
        if values.get("username") is None:
            yield "username", "is needed for a service principal", "give its client id with --username"
        if "password" not in secrets:
            yield "password", "is needed for a service principal", "give its client secret with --password"

    return lacks


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of mssql_python.connect, which brace-quotes each value by itself.

    The host goes in by name: Azure's gateways look at it.
    """
    parameters, mode = target.parameters, target.tls.mode if target.tls is not None else "disable"
    options: dict[str, Any] = {
        "Server": f"tcp:{target.host},{target.port}",
        "Encrypt": "Optional" if mode == "disable" else "Mandatory",
        "TrustServerCertificate": "Yes" if mode == "require" else "No",
        "ApplicationIntent": parameters.get("application_intent", "ReadWrite"),
        "MultiSubnetFailover": "Yes" if parameters.get("multi_subnet_failover") else "No",
        "ConnectRetryCount": "0",
        "autocommit": True,
        "timeout": max(1, int(target.timeout_s)),
    }
    if database := target.database or next(iter(target.entrances), None):
        options["Database"] = database
    if not _is_principal(target):
        options |= {"UID": target.username, "PWD": target.password.reveal() if target.password is not None else ""}
    return options


def credential(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of azure.identity.ClientSecretCredential."""
    return {
        "tenant_id": target.parameters.get("tenant_id"),
        "client_id": target.username,
        "client_secret": target.password.reveal() if target.password is not None else "",
        "authority": _AUTHORITY,  # never one that the server names
        "disable_instance_discovery": True,
        "retry_total": 0,
        "connection_timeout": target.timeout_s,
        "read_timeout": target.timeout_s,
    }


def connect(target: Target) -> Any:
    """Log in, to the given database or to the user's own."""
    import mssql_python

    from qualytics.connectors.shared.preamble import leave_to_driver

    leave_to_driver(target, "the TDS protocol")
    mssql_python.pooling(enabled=False)
    if target.tls is not None and target.tls.verified and target.tls.ca_file:
        os.environ["SSL_CERT_FILE"] = target.tls.ca_file  # where the ODBC driver's OpenSSL looks for roots
    options = arguments(target)
    if _is_principal(target):
        options["token_provider"] = _Provider(_token(target))
    return mssql_python.connect(**options)


def _is_principal(target: Target) -> bool:
    # A type that knows only service principals has no other default.
    default = PRINCIPAL if target.type == "fabric" else BASIC
    return bool(target.parameters.get("authentication_type", default) == PRINCIPAL)


class _Provider:
    """Gives the driver a token that was fetched before."""

    def __init__(self, token: Any) -> None:
        self._token = token

    def get_token(self, *_scopes: str, **_options: Any) -> Any:
        """Return the token, whatever is asked for: it is for Azure SQL."""
        return self._token


def _token(target: Target) -> Any:
    from azure.core.exceptions import AzureError
    from azure.identity import ClientSecretCredential

    with target.asking(_AUTHORITY, "Microsoft Entra logs the service principal in"):
        try:
            return ClientSecretCredential(**credential(target)).get_token(_SCOPE)
        except AzureError as exc:
            if verdict := by_text(str(exc), ENTRA):
                raise Refusal(replace(verdict, stage="login")) from exc
            raise


def select(handle: Any, target: Target) -> None:
    """Check that the schema exists; the database was chosen at login."""
    if target.schema is not None and one_row(handle, "select schema_id(?)", (target.schema,))[:1] == (None,):
        cause = f"there is no schema {target.schema!r} here that user {target.username!r} may see"
        raise refuse("unknown_db", cause, "check --schema")


def check(handle: Any, target: Target) -> Server:  # noqa: ARG001 - the contract's own signature
    """Ask for the server's edition and version."""
    sql = "select cast(serverproperty('EngineEdition') as int), cast(serverproperty('ProductVersion') as nvarchar(128))"
    edition, version = one_row(handle, sql)
    return Server(_EDITIONS.get(edition, "Microsoft SQL Server"), version)


def catalogs(handle: Any, target: Target) -> Iterator[Item]:
    """List the databases of the server."""
    names = rows(handle, "select name from sys.databases order by name", size=target.fetch_size)
    return named(names, "catalog", _SYSTEM_CATALOGS)


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """List the schemas of the database; those of the fixed roles (db_owner …) are the engine's own."""
    names = rows(handle, "select name from sys.schemas order by name", size=target.fetch_size)
    return named(names, "schema", _SYSTEM_SCHEMAS, ("db_",))


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """List the tables and views of a schema."""
    sql = (
        "select name, type, is_ms_shipped from sys.objects where type in ('U', 'V') and schema_id = schema_id(?) "
        "and left(name, len(?)) = ? order by name"
    )
    for name, kind, shipped in rows(handle, sql, (target.schema, prefix, prefix), target.fetch_size):
        yield Item(name, "view" if kind.strip() == "V" else "table", bool(shipped))


_RETRY = "try again in a moment; paused databases take about a minute to wake"
_FIREWALL = "allow the local_address of this report, as the service sees it, in the server's firewall"

# mssql-python passes neither the server's error number nor, after login, a SQLSTATE: the words decide. They are those of
# sys.messages (learn.microsoft.com, "Database engine events and errors", number in the comment), of "Troubleshoot
# transient connection errors in SQL Database" (40xxx, 49xxx, 10928), and of the ODBC driver itself (msodbcsqlr18.rll).
_MESSAGES = (
    (r"is not allowed to access the server", Verdict("permission", "the server's firewall does not let this address in", _FIREWALL)),  # 40615
    (r"Deny Public Network Access", Verdict("permission", "the server takes no connections from public networks", "use its private endpoint")),  # 47073
    (r"password of the account has expired", Verdict("auth", "the password has expired", "set a new password on the server")),  # 18487
    (r"password of the account must be changed", Verdict("auth", "the password must be changed", "set a new password on the server")),  # 18488
    (r"account is currently locked out", Verdict("auth", "the account is locked", "run on the server: alter login … with password = … unlock")),  # 18486
    (r"account is disabled", Verdict("auth", "the account is disabled", "run on the server: alter login … enable")),  # 18470
    (r"Only one administrator can connect|maximum number of .* user connections", Verdict("quota")),  # 18461, 17809
    (r"server .* requested by the login", Verdict("config", "the service knows no server of this name", "check --host")),  # 40532
    (r"database .* requested by the login", Verdict("unknown_db", "the database does not exist, or this user may not open it", stage="database")),  # 4060
    (r"Cannot open user default database", Verdict("unknown_db", "the user's default database cannot be opened", "name one with --database", "database", authenticated=True)),  # 4064
    (r"Database .* does not exist", Verdict("unknown_db", stage="database")),  # 911
    (r"is not able to access the database", Verdict("permission", stage="database")),  # 916
    (r"is not currently available|service is currently busy|encountered an error processing your request", Verdict("transient", None, _RETRY)),  # 40613, 40501, 40197
    (r"service has been paused|is (shutting down|being recovered)|in recovery", Verdict("transient")),  # 17142, 6005, 922
    (r"(limit|quota) .*has been reached|Not enough resources to process|Too many (create|operations)", Verdict("quota")),  # 10928, 40544, 49918-49920
    (r"untrusted domain|Windows logins are not supported", Verdict("auth", "the server takes no login of this kind")),  # 18452, 40607
    (r"Login failed", Verdict("auth", None, "check --username and --password; a user of one database alone needs --database", "login")),  # 18456
    (r"permission was denied|permission denied", Verdict("permission")),  # 229, 262
    (r"deadlocked on lock", Verdict("transient")),  # 1205
    (r"certificate|Encryption not supported|SSL Provider|SSL Security error|The target principal name is incorrect", Verdict("tls")),
    (r"Error code 0x2AF9", Verdict("dns")),  # WSAHOST_NOT_FOUND
    (r"Error code 0x(2749|274D)\b", Verdict("refused")),  # WSAENOTCONN, WSAECONNREFUSED
    (r"Timeout error \[258\]|Login timeout expired|Query timeout expired|Error code 0x274C", Verdict("timeout")),
    (r"error was encountered during handshakes before login|Communication link failure|Error code 0x(2746|68|20)\b", Verdict("network")),
    (r"Protocol error in TDS stream|Unknown token received", Verdict("config", "the server does not speak the TDS protocol", "check host and port")),
    (r"Failed to load the driver", Verdict("driver_missing", "a library that mssql-python needs is not installed", "apt-get install libltdl7 libgssapi-krb5-2")),
)  # fmt: skip
# Of a SQLSTATE the driver leaves its own English (mssql_python/exceptions.py); the server's words may be in any language.
_STATES = {
    "Invalid authorization specification": "28000",
    "Server rejected the connection": "08004",
    "Communication link failure": "08S01",
    "Connection failure during transaction": "08007",
    "Timeout expired": "HYT00",
    "Connection timeout expired": "HYT01",
}

# learn.microsoft.com, "Microsoft Entra authentication and authorization error codes".
ENTRA = (
    (r"AADSTS(90002|900021|900023)\b", Verdict("auth", "there is no tenant with this tenant_id", "check tenant_id in --parameters")),
    (r"AADSTS700016\b", Verdict("auth", "the tenant has no application with this client id", "check --username and tenant_id")),
    (r"AADSTS7000222\b", Verdict("auth", "the client secret has expired", "make a new client secret")),
    (r"AADSTS7000215\b", Verdict("auth", "the client secret is wrong", "give the secret's value with --password, not its id")),
    (r"AADSTS7000112\b", Verdict("auth", "the application is disabled in its tenant")),
    (r"AADSTS53003\b", Verdict("permission", "a conditional access policy blocks this sign-in")),
    (r"AADSTS", Verdict("auth", "Microsoft Entra refused the service principal")),
)  # fmt: skip


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the words, else by the SQLSTATE that the driver's inner error starts with."""
    text = str(exc)
    state = re.match(r"SQLSTATE:(\w{5}):", text)
    known = state[1] if state else _STATES.get(str(getattr(exc, "driver_error", "")))
    return by_text(text, _MESSAGES) or by_sqlstate(known)


def explain(text: str) -> Verdict | None:
    """Judge by the words of Microsoft Entra, too."""
    return by_text(text, ENTRA) or classify(Exception(text))


CONNECTOR = Connector(
    type="sqlserver",
    title="SQL Server",
    kind="jdbc",
    aliases=("mssql",),
    default_port=PORT,
    extra="sqlserver",
    driver="mssql_python",
    distribution="mssql-python",
    params=params(SSL_MODES, (BASIC, PRINCIPAL)),
    grammar=GRAMMAR,
    scope=("database", "schema"),
    example="--host sql.example.com --port 1433 --username '${DB_USER}' --password '${DB_PASSWORD}'",
    verified="driver only: login answers come from a stub of the protocol; queries and discovery never run",
    tls="own",
    requires=requires(BASIC),
    open=connect,
    select=select,
    check=check,
    classify=classify,
    explain=explain,
    catalogs=catalogs,
    schemas=schemas,
    tables=tables,
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
