"""What Presto, Trino and their clients say, as verdicts."""

from __future__ import annotations

import re

from qualytics.connectors.contract import Verdict, by_text
from qualytics.connectors.shared.requests import by_class

NOT_FOUND = "check the spelling; qualytics connections catalogs lists what there is"
# By name, StandardErrorCode.java of presto-spi and trino-spi.
_NAMES = {
    "CATALOG_NOT_FOUND": Verdict("unknown_db", "there is no such catalog", NOT_FOUND, "database"),
    "SCHEMA_NOT_FOUND": Verdict("unknown_db", "there is no such schema", NOT_FOUND, "database"),
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
# Class names that mean something else, or more, than with other servers.
_CLASSES = {
    "TooManyRedirects": _ELSEWHERE,
    "InvalidSchema": _ELSEWHERE,
    "UnicodeEncodeError": Verdict("config", "the username has characters that no HTTP header can carry", "check --username"),
}  # fmt: skip
# As the clients write them without a name (presto and trino: their command lines and JDBC drivers).
_WORDS = (
    (r"Authentication failed|Invalid credentials|Access Denied: Invalid", _STATUS[401]),
    (r"Access Denied", _NAMES["PERMISSION_DENIED"]),
    (r"Catalog .* (does not exist|not found)", _NAMES["CATALOG_NOT_FOUND"]),
    (r"Schema .* does not exist", _NAMES["SCHEMA_NOT_FOUND"]),
    (r"is still initializing", _NAMES["SERVER_STARTING_UP"]),
)


def classify(exc: BaseException) -> Verdict | None:
    """Judge by the engine's error name, the HTTP status, the class of the exception, last by its words."""
    if verdict := _NAMES.get(getattr(exc, "error_name", None) or ""):
        return verdict
    kind = type(exc).__name__
    text = str(exc)
    if kind.startswith("Http") and (found := re.match(r"error (\d{3})", text)):
        status = int(found[1])
        return _STATUS.get(status) or Verdict("transient" if status >= 500 else "config")
    if verdict := _CLASSES.get(kind) or by_class(exc):
        return verdict
    if "empty response from server" in text:
        return _ANOTHER
    return None


def explain(text: str) -> Verdict | None:
    """Judge by the name of the engine's error, else by an HTTP status, else by the server's words."""
    name = next((found for found in re.findall(r"[A-Z_]{8,}", text) if found in _NAMES), "")
    status = re.search(r"\b(?:error|code|status|http)\W{1,3}(\d{3})\b", text, re.IGNORECASE)
    return _NAMES.get(name) or _STATUS.get(int(status[1]) if status else 0) or by_text(text, _WORDS)
