"""Hive, and what speaks its protocol, through impyla: HiveServer2 over plain sockets or HTTP; without Kerberos."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from qualytics.connectors.codes import ErrorTable, by_code
from qualytics.connectors.contract import (
    CLEAR_TEXT_HINT,
    Connector,
    Param,
    Protocol,
    Server,
    Target,
    Verdict,
    refuse,
    tls_params,
)
from qualytics.connectors.foreign import (
    SEMICOLONS,
    USUAL_AIRFLOW,
    USUAL_DBT,
    USUAL_JDBC,
    USUAL_ODBC,
    USUAL_URL,
    Foreign,
    Form,
)
from qualytics.connectors.shared.http import BASIC_USER, HTTP, PATH
from qualytics.connectors.shared.sql import fetched, like_escaped
from qualytics.model import Item

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping

# A login of SASL by a mechanism that does not exist (thrift_sasl: status 1 is START): it is refused in so many words.
_QUESTION = b"\x01\x00\x00\x00\x04NONE"
# SASL status 3 BAD or 4 ERROR with a text; Thrift's binary protocol, a reply or an exception, framed or not.
PROTOCOL = Protocol(
    "a HiveServer2",
    rb"[\x03\x04]\0\0[\0-\x0f][\s\S][\x20-\x7e]|(?:\0\0[\s\S]{2})?\x80\x01\0[\x02\x03]",
    _QUESTION,
    type="hive",
    within_tls=True,
)


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Refuse what the given transport or mechanism has no use for."""
    parameters = values.get("parameters") or {}
    if "http_path" in parameters and parameters.get("transport") != "http":
        yield "parameters.http_path", "is for transport http only", "set transport to http"
    if parameters.get("transport") == "http" and not BASIC_USER.fit(values.get("username") or ""):
        yield "username", "must not have a colon over transport http", "HTTP takes what follows it for the password"
    if parameters.get("auth_mechanism") == "NOSASL" and "password" in secrets_set:
        hint = "set it to PLAIN, or leave the password out"
        yield "parameters.auth_mechanism", "must not be NOSASL with a password", hint


def is_plain(answer: bytes) -> bool:
    """Say whether a server without TLS could have answered a question for TLS so."""
    from qualytics.connectors.shared.preamble import is_http

    # SASL status 3 is BAD, 4 ERROR (thrift_sasl); is_http: the HTTP transport.
    return answer[:1] in {b"\x03", b"\x04"} or is_http(answer)


def greet(sock: socket.socket) -> bool:
    """Ask whether the server speaks TLS; over sockets without TLS it hangs up, but not on a question of its own."""
    from qualytics.connectors.shared.preamble import offers_tls

    return offers_tls(sock, "Hive's protocol", is_plain, question=_QUESTION)


def connect(target: Target) -> Any:
    """Open a session: with HTTP, connecting alone sends nothing."""
    from qualytics.connectors.shared.preamble import expect_silence

    if target.parameters.get("transport") != "http":
        target.protocols = (PROTOCOL,)  # what speaks HTTP here is not what these settings say
    expect_silence(target, "Hive's protocol")
    import impala.dbapi

    tls = target.tls
    if target.password is not None and not tls.active and tls.mode == "auto":
        raise refuse("tls", "the server offers no TLS, and the password would go out in clear text", CLEAR_TEXT_HINT)
    handle = impala.dbapi.connect(**arguments(target))
    handle.cursor().close()  # opens the session
    return handle


def lift_limits(handle: Any, target: Target) -> None:
    """Take the time limit from the socket, which lies below what logs in."""
    if target.parameters.get("transport") != "http":
        transport = handle.service.client._iprot.trans  # noqa: SLF001 - there is no other way
        below = "_trans" if hasattr(transport, "_trans") else f"_{type(transport).__name__}__trans"
        getattr(transport, below).setTimeout(None)


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of impala.dbapi.connect; it has no timeout over HTTP."""
    tls, parameters = target.tls, target.parameters
    http = parameters.get("transport") == "http"
    encrypted = bool(tls.active)
    return {
        "host": target.host,
        "port": target.port,
        "user": target.username,
        "password": target.password.reveal() if target.password is not None else None,
        "auth_mechanism": parameters.get("auth_mechanism", "PLAIN"),
        "kerberos_service_name": "hive",
        "use_http_transport": http,
        "http_path": parameters.get("http_path", "cliservice").lstrip("/") if http else "",
        "use_ssl": encrypted,
        "ca_cert": tls.ca_file if encrypted and tls.verified else None,
        "verify_cert": encrypted and tls.verified,
        "timeout": None if http else target.timeout_s,
        "retries": 1,
        "user_agent": "qualytics",
    }


_NOT_HIVE = Verdict(
    "config",
    "the server does not speak Hive's protocol as these settings say",
    "check host and port, then transport, http_path and auth_mechanism in --parameters",
)
_MECHANISM = Verdict(
    "config",
    "the server asks for another way of logging in than auth_mechanism says, such as Kerberos, which is not offered here",
    "set auth_mechanism in --parameters to what the server has, or ask for a HiveServer2 that takes a password (LDAP)",
)
_HUNG_UP = Verdict(
    "network", None, "check host and port, then that transport and auth_mechanism in --parameters are the server's"
)

_NO_DATABASE = Verdict("unknown_db", stage="database")
_NO_PATH = Verdict("config", "there is no HiveServer2 under this http_path", "check http_path in --parameters")
# Hive's ErrorMsg.java and its SQLSTATEs (08S01 stands for all that breaks), and the status of the HTTP transport.
# The words are of impyla, thrift_sasl and Thrift (their sources), of HiveServer2 (its runs), and of Spark's.
ERRORS = ErrorTable(
    codes=by_code({
        "401": Verdict("auth", stage="login"),
        "403": Verdict("permission"),
        "404 405": _NO_PATH,
        "429": Verdict("quota"),
        "502 503 504": Verdict("transient"),
        "10072": _NO_DATABASE,
        "10001 10003 10004": Verdict("config"),
    }),
    words=(
        (r"SCHEMA_NOT_FOUND|database .* (does not exist|not found)|NoSuchDatabaseException|Database not found", _NO_DATABASE),
        (r"No valid credentials provided|no Kerberos credentials|GSS initiate failed|find any Kerberos tgt", Verdict("auth", "the tool that said this found no ticket of Kerberos")),
        (r"LDAP.{0,20}error code 49|validating LDAP user|Invalid status 401|token .{0,60}(is )?expired", Verdict("auth")),
        (r"Server not found in Kerberos|Clock skew|client_protocol|(illegal|bad) principal|Invalid method name|KeeperErrorCode = NoNode|principal should have|Cannot modify .{0,80} at runtime", Verdict("config")),
        (r"(connect to|MetaException).{0,80}meta ?store|meta ?store.{0,40}(unavailable|connect)", Verdict("transient")),
        (r"HiveServer2 (configs|uri) from ZooKeeper|KeeperErrorCode = (ConnectionLoss|SessionExpired)|TTransportException: null|Tried all existing", Verdict("network")),
        (r"Unsupported (authentication )?mechanism|Bad status.*(GSS|Kerberos)", _MECHANISM),
        (r"Error validating the login|Peer indicated failure|Bad status.*(auth|login|valid)", Verdict("auth")),
        (r"permission denied|PERMISSION_DENIED|AccessControlException|INSUFFICIENT_PRIVILEGES|No valid privileges|not allowed to impersonate|does not have (the )?privilege|proxy privilege", Verdict("permission")),
        (r"too many (connections|sessions)|limit.* reached|Connection limit", Verdict("quota")),
        (r"not.*active passive|Invalid SessionHandle|server is (starting|shutting)|safe ?mode", Verdict("transient")),
        (r"SemanticException|ParseException", Verdict("config")),
        (r"Length exceeded max|Bad SASL|invalid status|SASL|HTTP code 4", _NOT_HIVE),
        (r"read 0 bytes|Connection reset|unexpected exception|closed|EOF", _HUNG_UP),
    ),
    inside=r"\bHTTP (?:response )?code:? ?(?P<weak>\d{3})\b|\[Error (\d{5})\]",
    alone=r"\d{3}|\d{5}",
)  # fmt: skip


def classify(exc: BaseException) -> Verdict | None:
    """Judge by class, then by words, last by the number of Thrift's exception (TTransport.py)."""
    if isinstance(exc, struct.error) or type(exc).__name__ in {"TProtocolException", "BadStatusLine"}:
        return _NOT_HIVE
    if type(exc).__module__.startswith(("impala", "thrift", "puresasl")):
        number = getattr(exc, "type", None)
        return ERRORS.explain(str(exc)) or {3: Verdict("timeout"), 4: _HUNG_UP}.get(number or 0)
    return None


def rows(handle: Any, target: Target, sql: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query."""
    with handle.cursor() as cursor:
        cursor.arraysize = target.fetch_size
        cursor.execute(sql)
        yield from fetched(cursor, target.fetch_size)


def select(handle: Any, target: Target) -> None:
    """Check that the database exists: Hive has one level, and calls it database or schema."""
    for name in dict.fromkeys(filter(None, (target.database, target.schema))):
        if not any(row[0].lower() == name.lower() for row in rows(handle, target, "show databases")):
            raise refuse("unknown_db", f"there is no database {name!r}", "check --database and --schema")


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the databases."""
    for name, *_ in rows(handle, target, "show databases"):
        yield Item(name, "schema", name in {"information_schema", "sys"})


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield tables and views of a database whose names begin with a prefix, by the protocol's own call."""
    schema = target.schema or target.database or "default"
    with handle.cursor() as cursor:
        cursor.arraysize = target.fetch_size
        cursor.get_tables(like_escaped(schema))
        for _, database, name, kind, *_ in fetched(cursor, target.fetch_size):
            if database.lower() == schema.lower() and name.lower().startswith(prefix.lower()):
                yield Item(name, "view" if "VIEW" in (kind or "") else "table")


def check(handle: Any, target: Target) -> Server:
    """Read the version: "3.1.3 r4df4d75b…" in Hive and, with another number, in Spark."""
    version = next(rows(handle, target, "select version()"))[0]
    return Server("HiveServer2", version.split()[0])


_AUTH = {"PLAIN": "LDAP", "NOSASL": "NOSASL"}
_SWITCH = {"verify": "true", "disable": "false"}
# Apache Hive, "HiveServer2 Clients"; apache-airflow-providers-apache-hive, "Hive Server2 Thrift Connection"; the README
# of PyHive; Cloudera's guide of its driver for ODBC, and its documentation of dbt-hive.
FORMS = {
    "airflow": Form("hiveserver2", {**USUAL_AIRFLOW, "auth_mechanism": "auth"}, {"auth_mechanism": _AUTH}),
    "dbt": Form(
        "hive",
        {**USUAL_DBT, "database": "schema", "auth_mechanism": "auth_type", "ssl_mode": "use_ssl"},
        {"auth_mechanism": {"PLAIN": "ldap"}, "ssl_mode": {"verify": True, "disable": False}},
        needs=("database",),
    ),
    "jdbc": Form(
        "jdbc:hive2",
        {
            **USUAL_JDBC,
            "ssl_mode": "ssl",
            "transport": "transportMode",
            "http_path": "httpPath",
            "auth_mechanism": "auth",
        },
        {"ssl_mode": _SWITCH, "auth_mechanism": {"NOSASL": "noSasl"}},
        properties=SEMICOLONS,
        driver="org.apache.hive.jdbc.HiveDriver",
    ),
    "odbc": Form(
        "odbc",
        {**USUAL_ODBC, "database": "Schema", "ssl_mode": "SSL", "http_path": "HTTPPath"},
        {"ssl_mode": {"verify": "1", "disable": "0"}},
        fixed={"Driver": "Cloudera ODBC Driver for Apache Hive", "AuthMech": "3"},
    ),
    "sqlalchemy": Form("hive", {**USUAL_URL, "auth_mechanism": "auth"}, {"auth_mechanism": _AUTH}),
}


CONNECTOR = Connector(
    type="hive",
    title="Apache Hive",
    default_port=10_000,
    driver="impala",
    distribution="impyla",
    params=(
        *tls_params(),
        Param("transport", str, "binary, or http as through a gateway (our choice)", choices=("binary", "http"), default="binary"),
        Param("http_path", str, "path of the HTTP transport (our choice: the driver's name)", default="cliservice", same=lambda path: path.lstrip("/")),
        Param("auth_mechanism", str, "PLAIN: user and password, LDAP's too; NOSASL: a server without authentication (our choice: the driver's name)", choices=("PLAIN", "NOSASL"), default="PLAIN"),
    ),
    grammar={"http_path": PATH},
    scope=("database",),
    scope_optional=("schema",),
    example="--host hive.example.com --port 10000 --username '${DB_USER}' --password '${DB_PASSWORD}'",
    protocols=(PROTOCOL, HTTP),
    tls="direct",
    greet=greet,
    requires=requires,
    open=connect,
    lift_limits=lift_limits,
    select=select,
    check=check,
    classify=classify,
    explain=ERRORS.explain,
    signature=r"(?i)\bhive|impyla|\bimpala\.|beeline|TTransport",
    schemas=schemas,
    tables=tables,
    verified="real server: Spark's HiveServer2, which takes any password; not Hive's own; Kerberos is not offered",
    authentication=(
        ("PLAIN", "username and password, which the server checks itself or by LDAP or PAM; no Kerberos"),
        ("NOSASL", "username alone, for a server that checks nobody"),
    ),
    privileges=(
        "none for the test itself: SHOW DATABASES and SELECT version() touch no table",
        "GRANT SELECT ON TABLE sales.orders TO USER reader, where the server shows a user only what it may read",
    ),
    pinned="resolver",  # Thrift's and Python's own HTTP sockets
    reads="hive",
    snapshots="none",
    foreign=Foreign(
        names=("hive", "hive2", "hiveserver2", "hive_cli"),
        odbc=("hive",),
        keys={
            "schema": "database",  # which are one
            "transportmode": "transport",
            "httppath": "http_path",
            **dict.fromkeys(("auth", "authmechanism"), "auth_mechanism"),
            **dict.fromkeys(("ssl", "use_ssl"), "ssl_mode"),
        },
        forms=FORMS,
        words={"auth_mechanism": dict.fromkeys(("plain", "ldap", "none", "custom"), "PLAIN") | {"nosasl": "NOSASL"}},
    ),
)  # fmt: skip
