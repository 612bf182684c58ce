"""Teradata through teradatasql, the vendor's proprietary driver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.codes import SERVER_FAULT, ErrorTable, by_code
from qualytics.connectors.contract import (
    Chars,
    Connector,
    Endpoint,
    Param,
    Protocol,
    Server,
    Target,
    Verdict,
    refuse,
    tls_params,
)
from qualytics.connectors.foreign import USUAL_AIRFLOW, USUAL_DBT, USUAL_URL, Foreign, Form, Properties
from qualytics.connectors.shared.preamble import leave_to_driver
from qualytics.connectors.shared.sql import one_row, rows
from qualytics.model import Item

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PLAIN_PORT, _TLS_PORT = 1025, 443
# The driver reads such a text as the names of two files (its documentation, "Stored Password Protection").
_FILES = "ENCRYPTED_PASSWORD("

# It stands in quotes behind user and password (docs.teradata.com, "Account String Expansion").
ACCOUNT = Chars(r"[A-Za-z0-9_ $#&@%./+:-]+", "letters, digits, blanks and _ $ # & @ % . / + : -")

PARAMS = (
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
        "tmode",
        str,
        "transaction mode (the driver's name)",
        choices=("DEFAULT", "ANSI", "TERA"),
        default="DEFAULT",
        harmless="how transactions end, once the user has logged in",
    ),
    Param("account", str, "account to charge (the driver's name)", max_length=128),
)


def endpoint(values: Mapping[str, Any]) -> Endpoint:
    """Return where the gateway listens: TLS has a port of its own."""
    mode = (values.get("parameters") or {}).get("ssl_mode")
    default = _TLS_PORT if mode in {"verify", "require"} else PLAIN_PORT
    return Endpoint(values.get("host") or "", values.get("port") or default)


def sslmode(target: Target) -> str:
    """Return the driver's mode; under auto the port says whether TLS is offered."""
    mode = target.tls.mode
    if mode == "auto":
        mode = "verify" if target.port == _TLS_PORT else "disable"
    return {"verify": "VERIFY-FULL", "require": "REQUIRE", "disable": "DISABLE"}[mode]


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of teradatasql.connect; it takes every value as a text.

    Raises:
        Refusal: the driver would take user or password for something else.

    """
    mode = sslmode(target)
    port = "dbs_port" if mode == "DISABLE" else "https_port"
    options: dict[str, Any] = {
        "host": target.host if mode == "VERIFY-FULL" else target.dialled,
        port: str(target.port),
        "user": target.username,
        "password": target.password_text,
        "sslmode": mode,
        "logmech": target.parameters.get("logmech", "TD2"),
        "encryptdata": "true" if target.parameters.get("encryptdata") else "false",
        "tmode": target.parameters.get("tmode", "DEFAULT"),
        "cop": "false",  # no second host by name
        "sslcrc": "DISABLE",  # no request to an address that the certificate names
        "connect_timeout": str(int(target.timeout_s * 1_000)),
        "logon_timeout": str(max(1, int(target.timeout_s))),
    }
    if mode == "VERIFY-FULL" and target.tls.ca_file:
        options["sslca"] = target.tls.ca_file
    if "account" in target.parameters:
        options["account"] = target.parameters["account"]
    if any(str(options[name]).startswith(_FILES) for name in ("user", "password")):
        raise refuse(
            "config",
            "the driver takes a user name or password that begins so for the names of files",
            "choose another password",
        )
    return options


_OTHER_KIND = Verdict(
    "config", "the server is another kind of server", "check host and port; TLS is on port 443, plain on 1025"
)
# docs.teradata.com, "Analytics Database Messages", one page a number; below 1000 the driver's own ("Teradata SQL Driver for
# Python", and as they were seen).
_NUMBERS = by_code({
    "3002 3003 3004 8017": Verdict("auth", stage="login"),
    "3032 3001": Verdict("auth", "the password has expired", "set a new password on the server"),
    "3055": Verdict("permission", "the server takes no logons of this user now", "ask for logons to be enabled"),  # as a user reported it
    "3149 3523 3524 5315": Verdict("permission"),
    "3802": Verdict("unknown_db", stage="database"),
    "3807": Verdict("unknown_db"),
    "2507 2646 2644 2843 3130 9804 3151 3710 8024": Verdict("quota"),
    "2631 2640 2641 2654 3134 3603 8055 2825 2826 2828 3111 3120 3598 3897 7453": Verdict("transient"),
    "3110 3156": Verdict("timeout"),
    "3504 3577 3704 3705 3706 3707 3708 3709 3737 3803 3804 3809 3810 3822 3824 5628 6705 6706": Verdict("config"),
    "3610 7487": SERVER_FAULT,
    "493": Verdict("dns"),
    "441": _OTHER_KIND,
})  # fmt: skip
# The driver is written in Go: below its own umbrellas (444 not connected, 446 not connected to an address, 395 no answer,
# 301 connection lost, 441 another server's HTTP) stand the words of Go's net, crypto/tls and crypto/x509.
_UMBRELLAS = by_code({"301 395 444 446 8063": Verdict("network")})
ERRORS = ErrorTable(
    codes=_NUMBERS,
    umbrellas=_UMBRELLAS,
    words=(
        (r"Invalid (user )?password", Verdict("auth", stage="login")),  # Security Administration, "Using Logon Error Handling Options"
        (r"TDGSS_ERR|GSSException|EM_SSO\w{0,20}FAIL", Verdict("auth", stage="login")),
        (r"BADLOGON|Invalid (argument|connection parameter)|Unable to parse|unknown field|too many colons", Verdict("config")),
        (r"cannot agree on|policy requires|(required|requires) by .{0,40}policy", Verdict("config")),
        (r"no logons|logons? (are |is )?(disabled|not allowed)", Verdict("permission")),
        (r"SESSOVER|EM_MAXSESS|virtual circuits", Verdict("quota")),  # CLIv2's
        (r"no such host|EM_NOHOST|WSA ?E ?HostNotFound", Verdict("dns")),
        (r"connection refused|WSA ?E ?ConnRefused", Verdict("refused")),
        (r"log(in|on) timeout|EM_TIMEOUT|i/o timeout|deadline exceeded|timed out", Verdict("timeout")),
        (r"does not match any SANs|cannn?ot match missing Subject CN|x509:|certificate verification failed", Verdict("tls")),
        (r"first record does not look like a TLS handshake|unexpected .*HTTP response", _OTHER_KIND),
        (r"tls: |remote error", Verdict("tls")),
        (r"login failure for connection|WSA ?E ?(Host|Net)\w+|connection reset|broken pipe|\bEOF\b|EM_\w{0,10}(NODBC|CRASH)|BADCONNECT|currently be reached", Verdict("network")),
    ),
    # As BTEQ ("Failure 8017") and the drivers ("[Error 8017]") write them.
    inside=r"\b(?:Failure|Error|Code)\W{1,3}(?P<weak>\d{3,4})\b",
    alone=r"(?:failure |error )?(\d{3,4})",
)  # fmt: skip


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the number of the database or the driver, else by the words of the driver and of Go below them."""
    text = str(exc)
    return ERRORS.explain(text) if "[Teradata " in text else None


# docs.teradata.com: Database Administration, "About User DBC"; Security Administration, "Other System-Generated Users";
# Data Dictionary, "Overview". The second half is from the default of DataHub's Teradata source. Case does not count.
_SYSTEM = frozenset((
    "ALL", "CRASHDUMPS", "DBC", "DBCEXTENSION", "DEFAULT", "EXTERNAL_AP", "EXTUSER", "PUBLIC", "SQLJ", "SYSADMIN",
    "SYSLIB", "SYSSPATIAL", "SYSTEMFE", "SYSUDTLIB", "SYSUIF", "SYS_CALENDAR", "TDMAPS", "TDPUSER", "TD_SYSFNLIB",
    "DBCMNGR", "GLOBAL_FUNCTIONS", "LOCKLOGSHREDDER", "SYSBAR", "SYSJDBC", "TDAAS_DB", "TDBCMGMT", "TDQCD", "TDSTATS",
    "TDWM", "TD_ANALYTICS_DB", "TD_SERVER_DB", "TD_SYSGPL", "TD_SYSXML",
))  # fmt: skip


def _is_system(database: str | None) -> bool:
    return (database or "").rstrip().upper() in _SYSTEM


def select(handle: Any, target: Target) -> None:
    """Check that the database exists; Teradata's schema is its database."""
    wanted = target.schema or target.database
    sql = "select 1 from DBC.DatabasesVX where DatabaseName = ?"
    if wanted is not None and not one_row(handle, sql, (wanted,)):
        raise refuse(
            "unknown_db", f"there is no database {wanted!r} that user {target.username!r} may see", "check --schema"
        )


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """List the databases and users that this user may see."""
    for (name,) in rows(handle, "select DatabaseName from DBC.DatabasesVX order by 1", size=target.fetch_size):
        yield Item(name.rstrip(), "schema", _is_system(name))


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """List the tables and views of a database; T and O are tables with and without a primary index."""
    sql = "select TableName, TableKind from DBC.TablesVX where DatabaseName = ? and TableKind in ('T', 'O', 'V') and (? = '' or position(? in TableName) = 1) order by 1"
    for name, kind in rows(handle, sql, (target.schema, prefix, prefix), target.fetch_size):
        yield Item(name.rstrip(), "view" if kind.strip() == "V" else "table", _is_system(target.schema))


def connect(target: Target) -> Any:
    """Log in, to the user's own database."""
    options = arguments(target)
    target.tls.active = options["sslmode"] != "DISABLE"
    leave_to_driver(target, "the Teradata protocol")
    import teradatasql  # takes a second: not for another kind of server

    handle: Any = teradatasql.connect(**options)  # type: ignore[no-untyped-call]  # the driver has no types
    return handle


def check(handle: Any, target: Target) -> Server:  # noqa: ARG001 - the contract's own signature
    """Read the server's version."""
    version = one_row(handle, "select InfoData from DBC.DBCInfoV where InfoKey = 'VERSION'")
    return Server("Teradata", str(version[0]).strip() if version else None)


_TLS = {"ssl_mode": {"disable": "DISABLE", "auto": "PREFER", "require": "REQUIRE", "verify": "VERIFY-FULL"}}
_OPTIONS = {"logmech": "logmech", "tmode": "tmode", "ssl_mode": "sslmode"}
# Teradata JDBC Driver Reference, "Connecting"; the README of teradatasqlalchemy; docs.getdbt.com, "Teradata setup";
# apache-airflow-providers-teradata, "Teradata Connection"; ODBC Driver for Teradata User Guide, "Keywords".
FORMS = {
    "airflow": Form("teradata", {**USUAL_AIRFLOW, "schema": "schema", **_OPTIONS}, _TLS),
    "dbt": Form("teradata", {**USUAL_DBT, "schema": "schema", **_OPTIONS}, _TLS, needs=("schema",)),
    "jdbc": Form(
        "jdbc:teradata:",
        {
            "host": "host",
            "port": "DBS_PORT",
            "schema": "DATABASE",
            "username": "USER",
            "password": "PASSWORD",
            **{name: key.upper() for name, key in _OPTIONS.items()},
        },
        _TLS,
        place=lambda values: f"//{values.pop('host')}",
        properties=Properties("/", ",", quotes="''"),
        driver="com.teradata.jdbc.TeraDriver",
    ),
    "odbc": Form(
        "odbc",
        {"host": "DBCName", "schema": "DefaultDatabase", "username": "UID", "password": "PWD", "ssl_mode": "SSLMode"},
        _TLS,
        fixed={"Driver": "Teradata Database ODBC Driver 20.00"},
    ),
    "sqlalchemy": Form(
        "teradatasql", {**USUAL_URL, "port": "dbs_port", "schema": "database", **_OPTIONS}, _TLS, path=()
    ),
}


CONNECTOR = Connector(
    type="teradata",
    title="Teradata",
    default_port=PLAIN_PORT,
    driver="teradatasql",
    params=PARAMS,
    grammar={"account": ACCOUNT},
    scope=("schema",),
    scope_optional=("database",),
    example="--host td.example.com --username '${DB_USER}' --password '${DB_PASSWORD}'",
    verified="driver only: login and discovery never run",
    protocols=(Protocol("a Teradata server", rb"(?!)", within_tls=True),),  # how one answers stands nowhere
    tls="own",
    endpoint=endpoint,
    implied=lambda values: {"port": endpoint(values).port},
    open=connect,
    select=select,
    check=check,
    classify=classify,
    explain=ERRORS.explain,
    signature=r"(?i)teradata|\*\*\* Failure \d{4}\b",
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
    reads="teradata",
    snapshots="none",
    foreign=Foreign(
        names=("teradata", "teradatasql"),
        odbc=("teradata",),
        forms=FORMS,
        keys={
            "dbs_port": "port",
            "dbcname": "host",
            "database": "schema",
            "defaultdatabase": "schema",
            "sslmode": "ssl_mode",
        },
    ),
)
