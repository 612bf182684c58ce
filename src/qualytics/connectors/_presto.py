"""What Presto and Trino share: one HTTP server and no other, their errors, and discovery by SQL."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors._base import Item, Param, Target, Verdict, tls_params
from qualytics.connectors._hello import is_http, offers_tls
from qualytics.connectors._sql import by_text, refuse

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping

PARAMS = (*tls_params(), Param("source", str, "name shown in the server's list of queries (our choice)", max_length=63))

_NOT_FOUND = "check the spelling; qualytics connections catalogs lists what there is"
# By name, StandardErrorCode.java of presto-spi and trino-spi.
_NAMES = {
    "CATALOG_NOT_FOUND": Verdict("unknown_db", "there is no such catalog", _NOT_FOUND, "database"),
    "SCHEMA_NOT_FOUND": Verdict("unknown_db", "there is no such schema", _NOT_FOUND, "database"),
    "MISSING_CATALOG_NAME": Verdict("config", "the query needs a catalog", "give one with --database"),
    "PERMISSION_DENIED": Verdict("permission"),
    "QUERY_REJECTED": Verdict("quota"),
    "QUERY_QUEUE_FULL": Verdict("quota", "the server's queue of queries is full"),
    "CLUSTER_OUT_OF_MEMORY": Verdict("quota"),
    "GENERIC_INSUFFICIENT_RESOURCES": Verdict("quota"),
    "EXCEEDED_TIME_LIMIT": Verdict("timeout"),
    "SERVER_STARTING_UP": Verdict("transient", "the server is starting up"),
    "SERVER_SHUTTING_DOWN": Verdict("transient", "the server is shutting down"),
    "NO_NODES_AVAILABLE": Verdict("transient", "the server has no worker that could answer"),
    "REMOTE_TASK_ERROR": Verdict("transient"),
    "TOO_MANY_REQUESTS_FAILED": Verdict("transient"),
    "SYNTAX_ERROR": Verdict("config", "the server does not know the test's query", "check that it is the right kind of server"),
    "NOT_SUPPORTED": Verdict("config"),
}  # fmt: skip
# By HTTP status; both clients say only "error 401: b'…'".
_STATUS = {
    400: Verdict("config", "the server does not take the request", "check host and port: this may be another kind of server"),
    401: Verdict("auth", stage="login"),
    403: Verdict("permission", "the server lets this user run nothing", "ask for the right to execute queries"),
    404: Verdict("config", "the server has no statement endpoint", "check host and port: this may be another kind of server"),
    405: Verdict("config", "the server has no statement endpoint", "check host and port: this may be another kind of server"),
    407: Verdict("config", "a proxy stands before the server and wants a login"),
    429: Verdict("quota", "the server takes no more requests right now"),
}  # fmt: skip
_ELSEWHERE = Verdict(
    "config",
    "the server sends on to another address, which is not followed",
    "give the address of the server itself; behind a proxy let it process the Forwarded headers",
)
_ANOTHER = Verdict("config", "the server does not speak the protocol of this type", "check host and port")
# Class names of requests, urllib3 and http.client.
_CLASSES = {
    "TooManyRedirects": _ELSEWHERE,
    "InvalidSchema": _ELSEWHERE,
    "BadStatusLine": _ANOTHER,
    "LineTooLong": _ANOTHER,
    "JSONDecodeError": _ANOTHER,
    "ReadTimeoutError": Verdict("timeout"),
    "IncompleteRead": Verdict("network"),
    "UnicodeEncodeError": Verdict("config", "the username has characters that no HTTP header can carry", "check --username"),
}  # fmt: skip


def greet(sock: socket.socket) -> bool:
    """Ask whether the server speaks https or plain http."""
    return offers_tls(sock, "HTTP", is_http)


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Refuse a password without encryption, as the servers and their clients do."""
    mode = (values.get("parameters") or {}).get("ssl_mode")
    if "password" in secrets_set and mode == "disable":
        yield "parameters.ssl_mode", "must not be disable with a password", "the password goes over https only"


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments that both clients' connect takes; the password is not among them."""
    return {
        "host": f"[{target.host}]" if ":" in target.host else target.host,
        "port": target.port,
        "user": target.username,
        "source": target.parameters.get("source", "qualytics"),
        "http_scheme": "https" if target.tls is not None and target.tls.active else "http",
        "max_attempts": 1,
        "request_timeout": target.timeout_s,
    }


def credentials(target: Target) -> tuple[str | bytes, str | bytes] | None:
    """Return user and password for basic authentication, None without a password.

    Text goes out as ISO-8859-1, which is how the servers read it; what that cannot hold goes as UTF-8.
    """
    if target.password is None:
        return None
    if target.tls is None or not target.tls.active:
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


def bind(session: Any, target: Target) -> Any:
    """Return a requests session that reaches this one server: no proxy, no netrc, no redirect, no other host."""
    from requests.adapters import HTTPAdapter

    tls = target.tls
    session.trust_env = False
    session.max_redirects = 0
    session.verify = tls.ca_file or True if tls is not None and tls.verified else False
    given = arguments(target)
    origins = [f"{given['http_scheme']}://{given['host']}:{given['port']}/"]
    if (given["http_scheme"], given["port"]) in {("https", 443), ("http", 80)}:
        origins.append(f"{given['http_scheme']}://{given['host']}/")
    session.adapters.clear()
    for origin in origins:
        session.mount(origin, HTTPAdapter(max_retries=0))
    return session


def rows(handle: Any, sql: str, size: int = 1_000) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query, fetched by `size`."""
    cursor = handle.cursor()
    cursor.arraysize = size
    cursor.execute(sql)
    while found := cursor.fetchmany():
        yield from (tuple(row) for row in found)


def first(handle: Any, sql: str, size: int = 1_000) -> Any:
    """Return the first value of a query."""
    return next(rows(handle, sql, size), (None,))[0]


def name(text: str) -> str:
    """Return a quoted identifier."""
    return '"' + text.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a quoted string."""
    return "'" + text.replace("'", "''") + "'"


def select(handle: Any, target: Target) -> None:
    """Check that the catalog exists, and the schema in it; both are kept in lower case."""
    if target.database is None:
        return
    catalog = target.database.lower()
    if target.schema is None:
        if (catalog,) not in set(rows(handle, "show catalogs")):
            raise refuse("unknown_db", f"there is no catalog {target.database!r}", _NOT_FOUND)
        return
    where = f"where schema_name = {literal(target.schema.lower())}"
    if not first(handle, f"select count(*) from {name(catalog)}.information_schema.schemata {where}"):  # noqa: S608 - quoted
        raise refuse("unknown_db", f"there is no schema {target.schema!r} in {target.database!r}", "check --schema")


def catalogs(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the catalogs; `system` is the engine's own."""
    for (found,) in rows(handle, "show catalogs", target.fetch_size):
        yield Item(found, "catalog", found in {"system", "jmx"})


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the schemas of a catalog."""
    for (found,) in rows(handle, f"show schemas from {name(target.database or '')}", target.fetch_size):
        yield Item(found, "schema", found == "information_schema")


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views of a schema whose names begin with a prefix."""
    schema = (target.schema or "").lower()
    pattern = re.sub(r"([\\%_])", r"\\\1", prefix.lower()) + "%"
    sql = (
        f"select table_name, table_type from {name(target.database or '')}.information_schema.tables "  # noqa: S608 - quoted
        f"where table_schema = {literal(schema)} and table_name like {literal(pattern)} escape '\\' order by 1"
    )
    for found, kind in rows(handle, sql, target.fetch_size):
        yield Item(found, "view" if kind == "VIEW" else "table", schema == "information_schema")


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the engine's error name, the HTTP status, the class of the exception, last by its words."""
    if verdict := _NAMES.get(getattr(exc, "error_name", None) or ""):
        return verdict
    kind = type(exc).__name__
    text = str(exc)
    if kind.startswith("Http") and (found := re.match(r"error (\d{3})", text)):
        status = int(found[1])
        return _STATUS.get(status) or Verdict("transient" if status >= 500 else "config")
    if verdict := _CLASSES.get(kind):
        return verdict
    if "empty response from server" in text:
        return _ANOTHER
    return None


def explain(text: str) -> Verdict | None:
    """Judge by the name of the engine's error, else by an HTTP status, else by the server's words."""
    name = next((found for found in re.findall(r"[A-Z_]{8,}", text) if found in _NAMES), "")
    status = re.search(r"\b(?:error|code|status|http)\W{1,3}(\d{3})\b", text, re.IGNORECASE)
    return _NAMES.get(name) or _STATUS.get(int(status[1]) if status else 0) or by_text(text, _WORDS)


# As the clients write them without a name (presto and trino: their command lines and JDBC drivers).
_WORDS = (
    (r"Authentication failed|Invalid credentials|Access Denied: Invalid", _STATUS[401]),
    (r"Access Denied", _NAMES["PERMISSION_DENIED"]),
    (r"Catalog .* (does not exist|not found)", _NAMES["CATALOG_NOT_FOUND"]),
    (r"Schema .* does not exist", _NAMES["SCHEMA_NOT_FOUND"]),
    (r"is still initializing", _NAMES["SERVER_STARTING_UP"]),
)
