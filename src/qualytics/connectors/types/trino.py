"""Trino through its own client, over https, or plain http without a password; Presto is the same but for its client."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.codes import SERVER_FAULT, ErrorTable, by_code
from qualytics.connectors.contract import Connector, Param, Server, Target, Verdict, refuse, tls_params
from qualytics.connectors.foreign import (
    QUERY,
    USUAL_AIRFLOW,
    USUAL_DBT,
    USUAL_JDBC,
    USUAL_ODBC,
    USUAL_URL,
    Environment,
    Foreign,
    Form,
)
from qualytics.connectors.shared.http import (
    BASIC_USER,
    HEADER,
    HTTP,
    LATIN,
    NOT_THIS_PROTOCOL,
    bracketed,
    by_class,
    by_status,
    pin,
    roots_of,
)
from qualytics.connectors.shared.sql import fetched, identifier, like_escaped, literal
from qualytics.model import Item
from qualytics.structs import replace

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping

# `source` binds: gateways choose a cluster by such headers (Trino Gateway, "Routing rules").
PARAMS = (*tls_params(), Param("source", str, "name shown in the server's list of queries (our choice)", max_length=63))
# Both become headers of each request; Python writes those as Latin-1.
GRAMMAR = {"username": LATIN, "password": HEADER, "source": LATIN}
# Both keep rules in files or in the catalogs (documentation, "File-based system access control").
PRIVILEGES = (
    "the right to execute queries, and read-only access to the catalog",
    "GRANT SELECT ON main.sales.orders TO USER reader, for tables to show up",
)
AUTHENTICATION = (
    ("BASIC", "username and password, over https alone"),
    ("NONE", "username alone, for a server that checks nobody"),
)


def greet(sock: socket.socket) -> bool:
    """Ask whether the server speaks https or plain http."""
    from qualytics.connectors.shared.preamble import is_http, offers_tls

    return offers_tls(sock, "HTTP", is_http)


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Refuse a password without encryption, as the servers and their clients do."""
    mode = (values.get("parameters") or {}).get("ssl_mode")
    if "password" in secrets_set and not BASIC_USER.fit(values.get("username") or ""):
        yield "username", "must not have a colon with a password", "HTTP takes what follows it for the password"
    if "password" in secrets_set and mode == "disable":
        yield "parameters.ssl_mode", "must not be disable with a password", "the password goes over https only"


def common_arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments that both clients' connect takes; the password is not among them."""
    return {
        "host": bracketed(target.host),
        "port": target.port,
        "user": target.username,
        "source": target.parameters.get("source", "qualytics"),
        "http_scheme": "https" if target.tls.active else "http",
        "max_attempts": 1,
        "request_timeout": target.timeout_s,
    }


def credentials(target: Target) -> tuple[str | bytes, str | bytes] | None:
    """Return user and password for basic authentication, None without a password.

    Text goes out as ISO-8859-1, which is how the servers read it; what that cannot hold goes as UTF-8.
    """
    if target.password is None:
        return None
    if not target.tls.active:
        raise refuse(
            "tls",
            "the server offers no TLS, and a password goes over https only",
            "turn https on at the server, or leave the password out",
        )
    return _wire_text(target.username or ""), _wire_text(target.password.reveal())


def _wire_text(text: str) -> str | bytes:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()
    return text


def session_of(session: Any, target: Target) -> Any:
    """Return a requests session that reaches this one server; a port that goes without saying may be left out."""
    options = common_arguments(target)
    scheme, port = options["http_scheme"], options["port"]
    origins = [f"{scheme}://{options['host']}:{port}"]
    if (scheme, port) in {("https", 443), ("http", 80)}:
        origins.append(f"{scheme}://{options['host']}")
    return pin(session, *origins, roots=roots_of(target))


def connect(target: Target) -> Any:
    """Open a session and run the cheapest query: connecting alone sends nothing."""
    from qualytics.connectors.shared.preamble import expect_silence

    expect_silence(target)
    import requests
    import trino.auth
    import trino.dbapi

    dbapi: Any = trino.dbapi
    basic: Any = trino.auth.BasicAuthentication
    login = credentials(target)
    session = session_of(requests.Session(), target)
    handle = dbapi.connect(**arguments(target), auth=basic(*login) if login else None, http_session=session)
    first(handle, "select 1")
    return handle


def lift_limits(handle: Any, _target: Target) -> None:
    """Take the time limit from each request; both clients give it to their next cursor."""
    handle.request_timeout = None


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of trino.dbapi.connect but for the session and the login.

    Without an encoding the server sends results itself, not by addresses in an object store.
    """
    return {**common_arguments(target), "encoding": None, "legacy_prepared_statements": True}


NOT_FOUND = "check the spelling; qualytics connections catalogs lists what there is"
_DENIED = Verdict("permission")
_NO_CATALOG = Verdict("unknown_db", "there is no such catalog", NOT_FOUND, "database")
_NO_SCHEMA = Verdict("unknown_db", "there is no such schema", NOT_FOUND, "database")
_STARTING = Verdict("transient", "the server is starting up")
# By name, StandardErrorCode.java of presto-spi and trino-spi.
_NAMES = by_code({
    "CATALOG_NOT_FOUND": _NO_CATALOG,
    "SCHEMA_NOT_FOUND": _NO_SCHEMA,
    "NOT_FOUND": Verdict("unknown_db"),
    "MISSING_CATALOG_NAME MISSING_SCHEMA_NAME": Verdict("config", "the query needs a catalog, or a schema", "give them with --database and --schema"),
    "PERMISSION_DENIED": _DENIED,
    "QUERY_QUEUE_FULL": Verdict("quota", "the server's queue of queries is full"),
    "QUERY_REJECTED EXCEEDED_FUNCTION_MEMORY_LIMIT CLUSTER_OUT_OF_MEMORY GENERIC_INSUFFICIENT_RESOURCES EXCEEDED_GLOBAL_MEMORY_LIMIT EXCEEDED_LOCAL_MEMORY_LIMIT EXCEEDED_MEMORY_LIMIT EXCEEDED_CPU_LIMIT EXCEEDED_SPILL_LIMIT EXCEEDED_SCAN_LIMIT EXCEEDED_SCAN_RAW_BYTES_READ_LIMIT EXCEEDED_OUTPUT_SIZE_LIMIT EXCEEDED_OUTPUT_POSITIONS_LIMIT CLUSTER_HAS_TOO_MANY_RUNNING_TASKS EXCEEDED_TASK_DESCRIPTOR_STORAGE_CAPACITY EXCEEDED_REVOCABLE_MEMORY_LIMIT": Verdict("quota"),
    "EXCEEDED_TIME_LIMIT OPTIMIZER_TIMEOUT PAGE_TRANSPORT_TIMEOUT": Verdict("timeout"),
    "SERVER_STARTING_UP": _STARTING,
    "SERVER_SHUTTING_DOWN": Verdict("transient", "the server is shutting down"),
    "NO_NODES_AVAILABLE": Verdict("transient", "the server has no worker that could answer"),
    "REMOTE_TASK_ERROR REMOTE_BUFFER_CLOSE_FAILED REMOTE_TASK_MISMATCH REMOTE_TASK_FAILED REMOTE_HOST_GONE TOO_MANY_REQUESTS_FAILED PAGE_TRANSPORT_ERROR ABANDONED_QUERY ABANDONED_TASK USER_CANCELED ADMINISTRATIVELY_KILLED ADMINISTRATIVELY_PREEMPTED CATALOG_UNAVAILABLE TRANSACTION_CONFLICT": Verdict("transient"),
    "SYNTAX_ERROR": Verdict("config", "the server does not know the test's query", "check that it is the right kind of server"),
    "NOT_SUPPORTED GENERIC_USER_ERROR INVALID_SESSION_PROPERTY INVALID_CATALOG_PROPERTY UNKNOWN_TRANSACTION TABLE_NOT_FOUND COLUMN_NOT_FOUND FUNCTION_NOT_FOUND TYPE_NOT_FOUND ROLE_NOT_FOUND TYPE_MISMATCH INVALID_ARGUMENTS INVALID_PARAMETER_USAGE CONFIGURATION_INVALID CONFIGURATION_UNAVAILABLE EXCHANGE_MANAGER_NOT_CONFIGURED": Verdict("config"),
    "INVALID_FUNCTION_ARGUMENT INVALID_CAST_ARGUMENT INVALID_VIEW INVALID_LITERAL INVALID_ROLE NUMERIC_VALUE_OUT_OF_RANGE DIVISION_BY_ZERO VIEW_IS_STALE VIEW_IS_RECURSIVE QUERY_TEXT_TOO_LARGE UNSUPPORTED_ISOLATION_LEVEL INCOMPATIBLE_CLIENT SUBQUERY_MULTIPLE_ROWS MULTI_CATALOG_WRITE_CONFLICT AUTOCOMMIT_WRITE_CONFLICT READ_ONLY_VIOLATION TRANSACTION_ALREADY_ABORTED ALREADY_EXISTS CATALOG_ALREADY_EXISTS SCHEMA_ALREADY_EXISTS TABLE_ALREADY_EXISTS SCHEMA_NOT_EMPTY MISSING_TABLE AMBIGUOUS_NAME FUNCTION_IMPLEMENTATION_MISSING": Verdict("config"),
    "GENERIC_INTERNAL_ERROR COMPILER_ERROR": SERVER_FAULT,
})  # fmt: skip
# By HTTP status, where it says more than with other servers; both clients say only "error 401: b'…'".
_NO_STATEMENTS = Verdict(
    "config", "the server has no statement endpoint", "check host and port: this may be another kind of server"
)
_STATUS = {
    400: Verdict(
        "config", "the server does not take the request", "check host and port: this may be another kind of server"
    ),
    403: Verdict("permission", "the server lets this user run nothing", "ask for the right to execute queries"),
    404: _NO_STATEMENTS,
    405: _NO_STATEMENTS,
}
_ELSEWHERE = Verdict(
    "config",
    "the server redirects to another address, which is not followed",
    "give the address of the server itself; behind a proxy let it process the Forwarded headers",
)
# Class names that mean something else, or more, than with other servers.
_CLASSES = {
    "TooManyRedirects": _ELSEWHERE,
    "InvalidSchema": _ELSEWHERE,
    "UnicodeEncodeError": Verdict("config", "the username has characters that no HTTP header can carry", "check --username"),
}  # fmt: skip
_REFUSED = Verdict("auth", stage="login")
# A name as the server and its clients write it, and an HTTP status; the words are of the command lines and JDBC drivers.
ERRORS = ErrorTable(
    codes={**_NAMES, **{str(status): verdict for status, verdict in _STATUS.items()}},
    words=(
        (r"No valid credentials provided|Kerberos", Verdict("auth", "the tool that said this found no ticket of Kerberos")),
        (r"(password|authentication) not allowed for insecure|only allowed (over|via) (https|ssl|tls)|requires? (https|ssl|tls)", Verdict("tls", "the server takes no login without TLS")),
        (r"JWT (is )?expired|Authentication failed|Invalid credentials|Access Denied: Invalid", _REFUSED),
        (r"Access Denied|cannot impersonate|Cannot access catalog", _DENIED),
        (r"(catalog|schema|property \S{1,40}) must be (specified|set)|mismatched input|syntax error", Verdict("config")),
        (r"Catalog .* (does not exist|not found)", _NO_CATALOG),
        (r"Schema .* (does not exist|not found)", _NO_SCHEMA),
        (r"is still initializing", _STARTING),
        (r"connect to (the )?metastore|query .{0,60}abandoned", Verdict("transient")),
        (r"failed communicating with server", Verdict("network")),
        (r"memory (limit|size)|out of memory|Too many queued queries|exceeded .{0,40}(limit of \d+\.?\d*[kMGT]?B|cpu)", Verdict("quota")),
        (r"maximum (execution|run) time|exceeded the maximum time", Verdict("timeout")),
        (r"No nodes available|insufficient (active )?worker", _NAMES["NO_NODES_AVAILABLE"]),
        (r"\bline \d+:\d+: ", Verdict("config")),  # what is wrong with a statement
        (r"Failed to connect to \S+:\d+", Verdict("refused")),
    ),
    inside=r"(?-i:\b(?P<weak>[A-Z]+_[A-Z_]+)\b)|\b(?:error|code|status|http)\W{1,3}([45]\d\d)\b",
    alone=r"[A-Z_]{8,60}|\d{3}",
)  # fmt: skip


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the engine's error name, the HTTP status, the class of the exception, last by its words."""
    if name := getattr(exc, "error_name", None):
        return ERRORS.judge([name], "")
    class_name, text = type(exc).__name__, str(exc)
    if class_name.startswith("Http") and (status := re.match(r"error (\d{3})", text)):
        return _by_status(status[1])
    if verdict := _CLASSES.get(class_name) or by_class(exc):
        return verdict
    return NOT_THIS_PROTOCOL if "empty response from server" in text else None


def explain(text: str) -> Verdict | None:
    """Judge by the name of the engine's error, else by an HTTP status, else by the server's words."""
    verdict = ERRORS.explain(text)
    code = verdict.code if verdict is not None else None
    unknown = verdict is not None and verdict.failure_class == "unknown"
    return _by_status(code) if unknown and code and code.isdigit() else verdict


def _by_status(status: str) -> Verdict | None:
    verdict = _STATUS.get(int(status)) or by_status(int(status))
    return verdict and replace(verdict, code=status)


def rows(handle: Any, sql: str, size: int = 1_000) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query, fetched by `size`."""
    cursor = handle.cursor()
    cursor.arraysize = size
    cursor.execute(sql)
    yield from fetched(cursor, size)


def first(handle: Any, sql: str, size: int = 1_000) -> Any:
    """Return the first value of a query."""
    return next(rows(handle, sql, size), (None,))[0]


def select(handle: Any, target: Target) -> None:
    """Check that the catalog exists, and the schema in it; both are kept in lower case."""
    if target.database is None:
        return
    catalog = target.database.lower()
    if target.schema is None:
        if catalog not in {row[0] for row in rows(handle, "show catalogs")}:
            raise refuse("unknown_db", f"there is no catalog {target.database!r}", NOT_FOUND)
        return
    where = f"where schema_name = {literal(target.schema.lower())}"
    if not first(handle, f"select count(*) from {identifier(catalog)}.information_schema.schemata {where}"):  # noqa: S608 - quoted
        raise refuse("unknown_db", f"there is no schema {target.schema!r} in {target.database!r}", "check --schema")


def catalogs(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the catalogs; `system` is the engine's own."""
    for (name,) in rows(handle, "show catalogs", target.fetch_size):
        yield Item(name, "catalog", name in {"system", "jmx"})


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the schemas of a catalog."""
    for (name,) in rows(handle, f"show schemas from {identifier(target.database or '')}", target.fetch_size):
        yield Item(name, "schema", name == "information_schema")


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views of a schema whose names begin with a prefix."""
    schema = (target.schema or "").lower()
    pattern = f"{like_escaped(prefix.lower())}%"
    sql = (
        f"select table_name, table_type from {identifier(target.database or '')}.information_schema.tables "  # noqa: S608 - quoted
        f"where table_schema = {literal(schema)} and table_name like {literal(pattern)} escape '\\' order by 1"
    )
    for name, kind in rows(handle, sql, target.fetch_size):
        yield Item(name, "view" if kind == "VIEW" else "table", schema == "information_schema")


def check(handle: Any, target: Target) -> Server:
    """Read the version (Trino documentation, "System information")."""
    return Server("Trino", first(handle, "select version()", target.fetch_size))


def complete(values: dict[str, str]) -> None:
    """Drop the words for a login by password, or for none."""
    for key in ("method", "auth"):
        if values.get(key, "").lower() in {"none", "ldap", "basic"}:
            del values[key]


_PLACE = {"database": "catalog", "schema": "schema"}
_SCHEME = {"ssl_mode": {"verify": "https", "disable": "http"}}
_SWITCH = {"ssl_mode": {"verify": "true", "disable": "false"}}
# apache-airflow-providers-trino, "Trino Connection"; docs.getdbt.com, "Starburst/Trino setup"; Trino documentation,
# "JDBC driver"; the README of the client for Python, "SQLAlchemy"; Simba's guide of its driver for ODBC.
FORMS = {
    "airflow": Form("trino", {**USUAL_AIRFLOW, **_PLACE, "ssl_mode": "protocol"}, _SCHEME),
    "dbt": Form(
        "trino",
        {**USUAL_DBT, "database": "database", "schema": "schema", "ssl_mode": "http_scheme"},
        _SCHEME,
        needs=("database", "schema"),
        fixed={"method": "ldap"},
    ),
    "jdbc": Form(
        "jdbc:trino",
        {**USUAL_JDBC, "schema": "schema", "ssl_mode": "SSL", "source": "source"},
        _SWITCH,
        path=("database", "schema"),
        properties=replace(QUERY, refused="&"),  # its driver decodes the query first, and then divides it
        driver="io.trino.jdbc.TrinoDriver",
    ),
    "odbc": Form(
        "odbc",
        {**USUAL_ODBC, "database": "Catalog", "schema": "Schema", "ssl_mode": "SSL"},
        {"ssl_mode": {"verify": "1", "disable": "0"}},
        fixed={"Driver": "Simba Trino ODBC Driver", "AuthenticationType": "LDAP Authentication"},
    ),
    "sqlalchemy": Form("trino", {**USUAL_URL, "schema": "schema", "source": "source"}, path=("database", "schema")),
}

FOREIGN = Foreign(
    names=("trino",),
    odbc=("trino",),
    keys={
        "catalog": "database",
        **dict.fromkeys(("http_scheme", "protocol", "ssl"), "ssl_mode"),
        **dict.fromkeys(("extracredentials", "authenticationtype"), ""),
    },
    path=("database", "schema"),
    complete=complete,
    environment=Environment(
        texts={"TRINO_PASSWORD": "{password}"}, url="trino", path=("database", "schema"), cleared=("TRINO_*",)
    ),
    forms=FORMS,
)


CONNECTOR = Connector(
    type="trino",
    title="Trino",
    default_port=8080,
    driver="trino",
    params=PARAMS,
    grammar=GRAMMAR,
    scope=("database", "schema"),
    example="--host trino.example.com --port 8443 --username '${DB_USER}' --password '${DB_PASSWORD}'",
    protocols=(HTTP,),
    tls="direct",
    greet=greet,
    requires=requires,
    open=connect,
    lift_limits=lift_limits,
    select=select,
    check=check,
    classify=classify,
    explain=explain,
    signature=r"(?i)\btrino|presto|\bprestodb",
    catalogs=catalogs,
    schemas=schemas,
    tables=tables,
    verified="emulator: BuenaVista, which checks no password; errors and logins against a script of the protocol",
    authentication=AUTHENTICATION,
    privileges=PRIVILEGES,
    pinned="resolver",
    foreign=FOREIGN,
    reads="trino",
    snapshots="none",
)
