"""What Databricks, its connector and its SDK say, as verdicts."""

from __future__ import annotations

from qualytics.connectors.contract import Verdict, by_text
from qualytics.connectors.shared.requests import by_class, by_status

_PRINCIPAL = Verdict(
    "auth",
    "Databricks refused the service principal",
    "check --username, the client id, and --password, its OAuth secret",
    "login",
)
_TOKEN = Verdict(
    "auth", "Databricks refused the token", "check --password: the token may have expired or been revoked", "login"
)
_MISSING = Verdict(
    "unknown_db",
    "there is no such catalog or schema, or this user may not see it",
    "check the spelling of catalog and schema",
    "database",
)
# Error classes and codes of Databricks: docs.databricks.com/en/error-messages and the REST API's error_code.
_MESSAGES = (
    (r"invalid_client|invalid_grant|client authentication failed", _PRINCIPAL),
    (r"NO_SUCH_CATALOG|CATALOG_DOES_NOT_EXIST|SCHEMA_NOT_FOUND|SCHEMA_DOES_NOT_EXIST|CATALOG_NOT_FOUND|(catalog|schema|database) '.*' (does not exist|not found)", _MISSING),
    (r"INSUFFICIENT_PERMISSIONS|PERMISSION_DENIED|UNAUTHORIZED_ACCESS|does not have .* (permission|privilege|USE)|lacks? .*privilege", Verdict("permission")),
    (r"(401\b.*unauthorized|unauthorized.*\b401|UNAUTHENTICATED|invalid access token|token is (invalid|expired)|credential was not sent)", _TOKEN),
    (r"blocked by databricks ip acl", Verdict("permission", "an IP access list keeps this machine out", "ask an administrator to add the local_address of this report, or its public address")),
    (r"BAD_REQUEST: .*(workspace|endpoint) .*(disabled|deleted)|warehouse .* (was deleted|is not active)", Verdict("config", "the warehouse was deleted or is switched off", "check path in --parameters")),
    (r"TEMPORARILY_UNAVAILABLE|SERVICE_UNDER_MAINTENANCE|\b503\b|cluster .* (is starting|pending|terminated)", Verdict("transient", "the warehouse or cluster is not ready", "start it, and give it time with --timeout")),
    (r"retry request would exceed retry policy", Verdict("transient", "the server asks to come back later, or sends on to another address", "try again in a moment; check that the host is the workspace's own")),
    (r"REQUEST_LIMIT_EXCEEDED|RESOURCE_EXHAUSTED|QUOTA_EXCEEDED|\b429\b|too many requests", Verdict("quota")),
    (r"Databricks Runtime|SPARK_CLI_SERVICE_PROTOCOL|expected server to use a protocol", Verdict("config", "the server speaks another protocol than Databricks", "check host and path")),
    (r"Reyden|databricks-sql-kernel|use_kernel", Verdict("config", "this kind of warehouse is not reached by the driver", "give the path of a pro, serverless or classic warehouse")),
)  # fmt: skip
# databricks/sdk/errors/platform.py and private_link.py, by the name of the class.
_CLASSES = {
    "Unauthenticated": _TOKEN,
    "PermissionDenied": Verdict("permission"),
    "NotFound": Verdict("unknown_db", "there is no such thing in the workspace", "check the spelling", "database"),
    "ResourceDoesNotExist": _MISSING,
    "TooManyRequests": Verdict("quota"),
    "ResourceExhausted": Verdict("quota"),
    "RequestLimitExceeded": Verdict("quota"),
    "TemporarilyUnavailable": Verdict("transient"),
    "DeadlineExceeded": Verdict("timeout"),
    "InternalError": Verdict("transient"),
    "Unknown": Verdict("transient"),
    "BadRequest": Verdict("config"),
    "InvalidParameterValue": Verdict("config"),
    "InvalidState": Verdict("config"),
    "NotImplemented": Verdict("config"),
    "PrivateLinkValidationError": Verdict("permission", "the workspace is reached through Private Link alone", "test from inside its network"),
}  # fmt: skip
_STATUS = {
    401: _TOKEN,
    403: Verdict(
        "permission",
        "the workspace lets this user, or this machine's address, not in",
        "ask an administrator for CAN USE on the warehouse, and about IP access lists",
    ),
    404: Verdict(
        "unknown_db",
        "there is no such warehouse or cluster",
        "check path in --parameters: it stands in the warehouse's connection details",
        "database",
    ),
}


class TokenRefusedError(Exception):
    """The workspace's words on why there is no token."""


def classify(exc: BaseException) -> Verdict | None:
    """Judge by SQLSTATE and error class in the words, the class of the SDK's exception, the HTTP status."""
    kind = type(exc).__name__
    text, status = _told(exc)
    if found := by_text(text, _MESSAGES):
        return found
    if isinstance(exc, TokenRefusedError):
        return _PRINCIPAL
    if kind in _CLASSES:
        return _CLASSES[kind]
    return _STATUS.get(status) or by_status(status) or by_class(exc)


def _told(exc: BaseException) -> tuple[str, int]:
    """Return the words of an exception and the HTTP status that it keeps, 0 for none."""
    context = getattr(exc, "context", None)
    if isinstance(context, dict):  # databricks.sql.exc: what is not said to the user stands here
        return f"{exc} {context.get('error-message') or ''}", int(context.get("http-code") or 0)
    return str(exc), int(getattr(getattr(exc, "response", None), "status_code", None) or 0)
