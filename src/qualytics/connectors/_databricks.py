"""What both Databricks types share: personal access tokens, OAuth for service principals, and verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors._base import Param, Target, Verdict
from qualytics.connectors._objects import TLS_PARAMS, base_url
from qualytics.connectors._requests import by_class, by_status, pin, roots_of
from qualytics.connectors._sql import by_text, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PARAMS = (
    Param(
        "authentication_type",
        str,
        "PAT: a personal access token in password; OAUTH_M2M: a service principal's client id in username and "
        "its OAuth secret in password (our choice)",
        choices=("PAT", "OAUTH_M2M"),
        default="PAT",
    ),
    *TLS_PARAMS,
)
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


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Ask for what a mode of authentication needs, and refuse what it has no use for."""
    mode = (values.get("parameters") or {}).get("authentication_type", "PAT")
    if "password" not in secrets_set:
        what = "a personal access token" if mode == "PAT" else "the service principal's OAuth secret"
        yield "password", f"is needed for {mode}: {what}", "no profile, browser or login of this machine is used"
    if mode == "OAUTH_M2M" and not values.get("username"):
        yield "username", "is needed for OAUTH_M2M: the service principal's client id", "give it with --username"
    if mode == "PAT" and values.get("username"):
        hint = "leave it out, or set authentication_type to OAUTH_M2M for a service principal"
        yield "username", "is of no use with a personal access token", hint


def bearer(target: Target) -> str:
    """Return the token that goes with each request: the given one, or a service principal's from this same host.

    Raises:
        Refusal: nothing is set, or no HTTP header can carry it.

    """
    secret = target.password.reveal() if target.password is not None else ""
    if not secret:  # the driver would open a browser
        raise refuse("config", "no password is set", "give a token, or a service principal's secret, with --password")
    token = _exchange(target, secret) if target.parameters.get("authentication_type") == "OAUTH_M2M" else secret
    if not token.isascii() or not token.isprintable() or token != token.strip():
        raise refuse("config", "the token has characters that no HTTP header can carry", "check --password")
    return token


def _exchange(target: Target, secret: str) -> str:
    """Trade a service principal's secret for a token, at the workspace itself and nowhere else.

    Source: Databricks documentation, "Authorize service principal access with OAuth", manual generation.
    """
    import requests

    origin = base_url(target)
    session = pin(requests.Session(), origin, roots=roots_of(target))
    answer = session.post(
        f"{origin}/oidc/v1/token",
        auth=((target.username or "").encode(), secret.encode()),
        data={"grant_type": "client_credentials", "scope": "all-apis"},
        timeout=target.timeout_s,
    )
    if answer.status_code in {400, 401}:
        raise TokenRefusedError(answer.text)
    if answer.status_code == 404:
        raise refuse(
            "config",
            "the server issues no tokens to service principals",
            "check that the host is a Databricks workspace",
        )
    answer.raise_for_status()
    return str(answer.json().get("access_token") or "")


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
