"""Microsoft SQL Server and Azure SQL through mssql-python, which brings Microsoft's ODBC driver."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.codes import SERVER_FAULT, STATE, STATE_ALONE, ErrorTable, by_code
from qualytics.connectors.contract import (
    SSL_MODES,
    Connector,
    Param,
    Protocol,
    Refusal,
    Server,
    Target,
    Verdict,
    refuse,
    tls_params,
)
from qualytics.connectors.shared.http import ENTRA, TENANT
from qualytics.connectors.shared.sql import in_transactions, named, one_row, rows
from qualytics.connectors.shared.tds import FOREIGN
from qualytics.model import Item
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PORT = 1433
# PRELOGIN with a version and "no encryption", and the answer ([MS-TDS] 2.2.3.1 and 2.2.6.5).
PROTOCOL = Protocol(
    "a Microsoft SQL Server",
    rb"\x04\x01[\s\S]{2}\0\0[\s\S]{2}[\0\xaa]",
    bytes.fromhex("12 01 001a 0000 01 00 00 000b 0006 01 0011 0001 ff 000000000000 02"),
    type="sqlserver",
)
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
    parameters, mode = target.parameters, target.tls.mode
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
    if database := target.database or next(iter(target.login_databases), None):
        options["Database"] = database
    if not _is_principal(target):
        options |= {"UID": target.username, "PWD": target.password_text}
    return options


def credential(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of azure.identity.ClientSecretCredential."""
    return {
        "tenant_id": target.parameters.get("tenant_id"),
        "client_id": target.username,
        "client_secret": target.password_text,
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
    if target.tls.verified and target.tls.ca_file:
        os.environ["SSL_CERT_FILE"] = target.tls.ca_file  # where the ODBC driver's OpenSSL looks for roots
    options = arguments(target)
    if _is_principal(target):
        options["token_provider"] = _Provider(_token(target))
    return mssql_python.connect(**options)


def _is_principal(target: Target) -> bool:
    # As `requires` sees to: whoever else logs in has no tenant, whatever the type's default is.
    return target.parameters.get("tenant_id") is not None


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
            if verdict := ENTRA.explain(str(exc)):
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

_SUSPENDED = Verdict("transient", None, _RETRY)
_LOGIN = Verdict(
    "auth", None, "check --username and --password; a user of one database alone needs --database", "login"
)
_KIND = Verdict("auth", "the server takes no login of this kind")
_EXPIRED = Verdict("auth", "the password has expired", "set a new password on the server")
_CHANGE = Verdict("auth", "the password must be changed", "set a new password on the server")
_LOCKED = Verdict("auth", "the account is locked", "run on the server: alter login … with password = … unlock")
_DISABLED = Verdict("auth", "the account is disabled", "run on the server: alter login … enable")
_NO_DATABASE = Verdict("unknown_db", "the database does not exist, or this user may not open it", stage="database")
_NO_DEFAULT = Verdict("unknown_db", "the user's default database cannot be opened", "name one with --database", "database", authenticated=True)  # fmt: skip
_CLOSED = Verdict("permission", "the server's firewall does not let this address in", _FIREWALL)
_PRIVATE = Verdict("permission", "the server takes no connections from public networks", "use its private endpoint")
_OTHER_SERVER = Verdict("config", "the service knows no server of this name", "check --host")
_NOT_TDS = Verdict("config", "the server does not speak the TDS protocol", "check host and port")
# sys.messages (learn.microsoft.com, "Database engine events and errors"); "Troubleshoot transient connection errors in SQL
# Database" and "Resource limits" (4xxxx, 10928); "SqlException.Number" (negative, and Windows' own, in the umbrellas);
# DB-Library (200xx).
_NUMBERS = by_code({
    "18456": _LOGIN,
    "40620 40623": _LOGIN,
    "17806 18450 18452 18463 18464 18465 18466 18467 18468 40607": _KIND,
    "18470": _DISABLED,
    "18486": _LOCKED,
    "18487": _EXPIRED,
    "18488": _CHANGE,
    "229 230 262 297 300 4834 13807 16561 40651 15151 15247 17892 18451 40914": Verdict("permission"),
    "916": Verdict("permission", stage="database"),
    "40615": _CLOSED,
    "47073": _PRIVATE,
    "911 2702 2760 4063": Verdict("unknown_db", stage="database"),
    "4060": _NO_DATABASE,
    "4064": _NO_DEFAULT,
    "40532": _OTHER_SERVER,
    "701 802 1105 1204 8651 8657 9002 10928 10929 10930 10936 17809 17810 18458 18459 18460": Verdict("quota"),
    "1101 3959 8623 17803 40648 40652 40847 41805 41823 41841 41842": Verdict("quota"),
    "40544 40549 40550 40551 40552 40553 49918 49919 49920 45168 45169 45170": Verdict("quota"),
    "596 617 669 955 958 988 997 1203 1807 3935 3960 3966 10922 14355 17187 17188 20041 22225 35250 40642": Verdict("transient"),
    "41301 41302 41305 41325 41839": Verdict("transient"),  # conflicts of transactions in memory
    "615 921 18461 922 924 927 942 952 954 976 979 982 983 1205 1222 4221 18401 6005 6006 17142 17147 17148": Verdict("transient"),
    "40143 40166 40197 40501 40540 40613 40627 40671 40675 42108 42109": _SUSPENDED,
    "-2 8628 8645 17197 20003 35201": Verdict("timeout"),
    "17835": Verdict("tls", "the server demands TLS", "set ssl_mode=auto, verify or require in --parameters"),
    "978 102 156 207 208 195 2812 17886 40515 40617 40618 40631 40636 40645 40647 15807 15808 15809 15810 15811 15812 15813 15814 15815 15816 103010 105001 105002 105019 111212 111214": Verdict("config"),
    "17828 17832 17836 20017": _NOT_TDS,
    "823 824 825 926 945 9001": SERVER_FAULT,
    "11001 11004": Verdict("dns"),
    "10060": Verdict("timeout"),
    "10061": Verdict("refused"),
    "4014 17830 10051 10053 10054 10065": Verdict("network"),
})  # fmt: skip
_UMBRELLAS = by_code(
    {
        "ELOGIN": _LOGIN,
        "ETIMEOUT": Verdict("timeout"),
        "ESOCKET EINSTLOOKUP ECONNCLOSED -1 2 53 64 121 233 258 20002 20004 20006 20009 20047": Verdict("network"),
    }
)
# What a log of the server adds to 18456 (learn.microsoft.com, "MSSQLSERVER_18456"); clients are told 1 alone.
_STATES = by_code({
    "7": _DISABLED,
    "11 12": Verdict("permission", "the login is right, but may not connect to this server", "run on the server: grant connect sql to …"),
    "13 23": Verdict("transient", "the server is paused or shutting down"),
    "16 27 38 40 46 126": _NO_DATABASE,
    "18": _CHANGE,
    "6 58": _KIND,
})  # fmt: skip

# mssql-python passes neither the server's error number nor, after login, a SQLSTATE: the words decide. They are those of
# sys.messages (number in the comment) and of the ODBC driver itself (msodbcsqlr18.rll).
_MESSAGES = (
    (r"is not allowed to access the server", _CLOSED),  # 40615
    (r"Deny Public Network Access", _PRIVATE),  # 47073
    (r"password of the account has expired", _EXPIRED),  # 18487
    (r"password of the account must be changed", _CHANGE),  # 18488
    (r"account is currently locked out", _LOCKED),  # 18486
    (r"account is disabled", _DISABLED),  # 18470
    (r"Only one administrator can connect", Verdict("transient")),  # 18461
    (r"maximum number of .* user connections", Verdict("quota")),  # 17809
    (r"server .* requested by the login", _OTHER_SERVER),  # 40532
    (r"database .* requested by the login", _NO_DATABASE),  # 4060
    (r"Cannot open user default database", _NO_DEFAULT),  # 4064
    (r"Database .* does not exist", Verdict("unknown_db", stage="database")),  # 911
    (r"is not able to access the database", Verdict("permission", stage="database")),  # 916
    (r"capacity .{0,60}(exceeded|limit|throttl)|CapacityLimitExceeded|concurrency slot", Verdict("quota")),
    (r"(is|was|been|currently) paused|capacity is not active|is (offline|warming up|resuming)|currently unavailable", Verdict("transient")),
    (r"Content of directory|cannot be (opened|listed) because|is not accessible because|Cannot find the CREDENTIAL", Verdict("permission")),
    (r"Could not login because|token-identified principal", _LOGIN),
    (r"is not currently available|service is currently busy|encountered an error processing your request", _SUSPENDED),  # 40613, 40501, 40197
    (r"incorrect syntax near|invalid (object|column) name|could not find stored procedure|Parse error at line|external file: |schema cannot be determined|conversion (failed|error)|cannot find (the )?(external )?data source|create a master key", Verdict("config")),  # 102, 208, 207, 2812, 103010, 15813, 15809
    (r"database limit|maximum number of (sessions|logins|requests)|resource constraints|unable to allocate|insufficient (disk space|memory)", Verdict("quota")),
    (r"(currently|being) scal(ed|ing)|is in transition|obtain exclusive lock|MSDTC .{1,160} unavailable|quer(y|ies) (was |has been )?cancell?ed", Verdict("transient")),  # 1807, 8501
    (r"access check for .{1,80} failed|^credential .{1,200} cannot be found", Verdict("permission")),
    (r"internal DMS error", SERVER_FAULT),
    (r"service has been paused|is (shutting down|being recovered)|in recovery", Verdict("transient")),  # 17142, 6005, 922
    (r"(limit|quota) .*has been reached|Not enough resources to process|Too many (create|operations)", Verdict("quota")),  # 10928, 40544, 49918-49920
    (r"SSPI (Provider|context)|integrated authentication|No Kerberos credentials|Failed to authenticate the user .* in Active Directory", _KIND),
    (r"untrusted domain|Windows logins are not supported", _KIND),  # 18452, 40607
    (r"Login failed", _LOGIN),  # 18456
    (r"permission was denied|permission denied", Verdict("permission")),  # 229, 262
    (r"deadlocked on lock", Verdict("transient")),  # 1205
    (r"certificate|Encryption not supported|SSL Provider|SSL Security error|The target principal name is incorrect", Verdict("tls")),
    (r"Error code 0x2AF9", Verdict("dns")),  # WSAHOST_NOT_FOUND
    (r"Error code 0x(2749|274D)\b", Verdict("refused")),  # WSAENOTCONN, WSAECONNREFUSED
    (r"Timeout error \[258\]|Login timeout expired|Query timeout expired|Error code 0x274C", Verdict("timeout")),
    (r"error was encountered during handshakes before login|Communication link failure|Error code 0x(2746|68|20)\b", Verdict("network")),
    (r"network-related or instance-specific", Verdict("network")),
    (r"Protocol error in TDS stream|Unknown token received", _NOT_TDS),
    (r"Failed to load the driver", Verdict("driver_missing", "a library that mssql-python needs is not installed", "apt-get install libltdl7 libgssapi-krb5-2")),
)  # fmt: skip
# Of a SQLSTATE the driver leaves its own English (mssql_python/exceptions.py); the server's words may be in any language.
_ENGLISH = {
    "Invalid authorization specification": "28000",
    "Server rejected the connection": "08004",
    "Communication link failure": "08S01",
    "Connection failure during transaction": "08007",
    "Timeout expired": "HYT00",
    "Connection timeout expired": "HYT01",
}
ERRORS = ErrorTable(
    codes=_NUMBERS,
    umbrellas=_UMBRELLAS,
    words=_MESSAGES,
    states=True,
    # As sqlcmd ("Msg 18456"), ODBC ("(18456)"), JDBC ("ErrorCode(18456)"), .NET ("Error Number:18456"), tedious ("number:
    # 18456", "code: 'ELOGIN'") and logs write them.
    inside=rf"(?:\bMsg |\bDB-Lib error message |(?:\b|Sql)Error(?: ?(?:Number|Code))?[:( =]{{1,3}}|\bnumber\W{{1,3}}|\(|[:\uff1a] ?(?=\d{{3,5}}\)))(?P<weak>-?\d{{1,6}})\b(?![.:])|\bcode\W{{1,3}}(E[A-Z]{{4,12}})\b|{STATE}",
    alone=rf"(?:error )?(-?\d{{1,6}}|E[A-Z]{{4,12}})|({STATE_ALONE})",
)


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the words, else by the SQLSTATE that the driver's inner error starts with."""
    text = str(exc)
    state = re.match(r"SQLSTATE:(\w{5}):", text)
    return ERRORS.judge([state[1] if state else _ENGLISH.get(str(getattr(exc, "driver_error", "")))], text)


def explain(text: str) -> Verdict | None:
    """Judge by the codes of Microsoft Entra, a login's state in the log of a server, then by the server's numbers."""
    entra, state = ENTRA.explain(text), re.search(r"\b18456\b.{0,60}?\bState:? ?(\d+)", text, re.IGNORECASE)
    if entra is not None or state is None or state[1] not in _STATES:
        return entra or ERRORS.explain(text)
    return replace(_STATES[state[1]], code="18456")


CONNECTOR = Connector(
    type="sqlserver",
    title="SQL Server",
    aliases=("mssql",),
    default_port=PORT,
    driver="mssql_python",
    distribution="mssql-python",
    params=params(SSL_MODES, (BASIC, PRINCIPAL)),
    grammar=GRAMMAR,
    scope=("database", "schema"),
    example="--host sql.example.com --port 1433 --username '${DB_USER}' --password '${DB_PASSWORD}'",
    verified="driver only: login answers come from a stub of the protocol; queries and discovery never run",
    protocols=(PROTOCOL,),
    tls="own",
    requires=requires(BASIC),
    open=connect,
    select=select,
    check=check,
    hand_over=in_transactions,
    classify=classify,
    explain=explain,
    signature=r"\bMsg \d{3,5}, Level|sqlserver|SQL Server|\bmssql|tedious|SqlClient|\bAADSTS\d+|\bErrorCode\(\d{4,5}\)",
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
    reads="sqlserver",
    snapshots="session",
    foreign=FOREIGN,
)
