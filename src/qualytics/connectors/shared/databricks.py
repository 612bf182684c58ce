"""What both Databricks types share: personal access tokens, OAuth for service principals, and the words of errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.codes import STATE, STATE_ALONE, ErrorTable, by_code, spelled_as
from qualytics.connectors.contract import Param, Target, Verdict, refuse
from qualytics.connectors.foreign import SEMICOLONS, USUAL_URL, Environment, Form
from qualytics.connectors.shared.http import (
    BASIC_USER,
    HEADER,
    TLS_PARAMS,
    TOKEN,
    base_url,
    by_class,
    by_status,
    pin,
    roots_of,
)
from qualytics.errors import UsageError
from qualytics.structs import replace

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
GRAMMAR = {"password": HEADER, "username": BASIC_USER}
AUTHENTICATION = (
    ("PAT", "password: a personal access token"),
    ("OAUTH_M2M", "username: a service principal's client id; password: its OAuth secret"),
)
# Databricks documentation, "Unity Catalog privileges and securable objects".
PRIVILEGES = (
    "GRANT USE CATALOG, BROWSE ON CATALOG main TO `reader`",
    "GRANT USE SCHEMA ON SCHEMA main.sales TO `reader`",
)


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Ask for what a mode of authentication needs, and refuse what it has no use for."""
    mode = (values.get("parameters") or {}).get("authentication_type", "PAT")
    if "password" not in secrets_set:
        what = "a personal access token" if mode == "PAT" else "the service principal's OAuth secret"
        yield "password", f"is needed for {mode}: {what}", "no profile, browser or login of this machine is used"
    if mode == "PAT" and "password" in values and not TOKEN.fit(values["password"]):
        yield "password", "must be a token", f"it may have {TOKEN.words}"
    if mode == "OAUTH_M2M" and not values.get("username"):
        yield "username", "is needed for OAUTH_M2M: the service principal's client id", "give it with --username"
    if mode == "PAT" and values.get("username"):
        hint = "leave it out, or set authentication_type to OAUTH_M2M for a service principal"
        yield "username", "is not used with a personal access token", hint


def bearer(target: Target) -> str:
    """Return the token that goes with each request: the given one, or a service principal's from this same host.

    Raises:
        Refusal: nothing is set, or no HTTP header can carry it.

    """
    secret = target.password_text
    if not secret:  # the driver would open a browser
        raise refuse("config", "no password is set", "give a token, or a service principal's secret, with --password")
    token = (
        _token_of_principal(target, secret) if target.parameters.get("authentication_type") == "OAUTH_M2M" else secret
    )
    if not token.isascii() or not token.isprintable() or token != token.strip():
        raise refuse("config", "the token has characters that no HTTP header can carry", "check --password")
    return token


def _token_of_principal(target: Target, secret: str) -> str:
    """Return a token for a service principal's secret, from the workspace itself and nowhere else.

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
_NOT_READY = Verdict("transient", "the warehouse or cluster is not ready", "start it, and give it time with --timeout")
# Error classes and codes of Databricks: docs.databricks.com/en/error-messages and the REST API's error_code.
_CODES = by_code({
    "NO_SUCH_CATALOG_EXCEPTION NO_SUCH_CATALOG CATALOG_DOES_NOT_EXIST CATALOG_NOT_FOUND SCHEMA_NOT_FOUND SCHEMA_DOES_NOT_EXIST RESOURCE_DOES_NOT_EXIST": _MISSING,
    "42704": _MISSING,
    "INSUFFICIENT_PERMISSIONS PERMISSION_DENIED UNAUTHORIZED_ACCESS UC_COMMAND_NOT_SUPPORTED": Verdict("permission"),
    "UNAUTHENTICATED CUSTOMER_UNAUTHORIZED": _TOKEN,
    "invalid_client invalid_grant": _PRINCIPAL,
    "TEMPORARILY_UNAVAILABLE SERVICE_UNDER_MAINTENANCE": _NOT_READY,
    "REQUEST_LIMIT_EXCEEDED RESOURCE_EXHAUSTED QUOTA_EXCEEDED RESOURCE_LIMIT_EXCEEDED": Verdict("quota"),
    "DEADLINE_EXCEEDED": Verdict("timeout"),
    "INTERNAL_ERROR ABORTED": Verdict("transient"),
    "INVALID_PARAMETER_VALUE MALFORMED_REQUEST INVALID_STATE FEATURE_DISABLED TABLE_OR_VIEW_NOT_FOUND PARSE_SYNTAX_ERROR": Verdict("config"),
})  # fmt: skip
# Names of several faults: the words decide.
_UMBRELLAS = by_code({"BAD_REQUEST INVALID_REQUEST": Verdict("config"), "NOT_FOUND ENDPOINT_NOT_FOUND": _MISSING})
_MESSAGES = (
    (r"client authentication failed", _PRINCIPAL),
    (r"(catalog|schema|database) '.*' (does not exist|not found)", _MISSING),
    (r"does not have .* (permission|privilege|USE)|lacks? .*privilege|SecurityException", Verdict("permission")),
    (r"(401\b.*unauthorized|unauthorized.*\b401|invalid access token|token is (invalid|expired)|invalid status 401|credential was not sent)", _TOKEN),
    (r"blocked by databricks ip acl", Verdict("permission", "an IP access list keeps this machine out", "ask an administrator to add the local_address of this report, or its public address")),
    (r"BAD_REQUEST: .*(workspace|endpoint) .*(disabled|deleted)|warehouse .* (was deleted|is not active)", Verdict("config", "the warehouse was deleted or is switched off", "check path in --parameters")),
    (r"(?<!a:)\b503\b|cluster .* (is starting|pending|terminated)", _NOT_READY),
    (r"retry request would exceed retry policy", Verdict("transient", "the server is busy, or redirects to another address", "try again in a moment; check that the host is the workspace's own")),
    (r"(?<!a:)\b429\b|too many requests", Verdict("quota")),  # not Bar.scala:429
    (r"Databricks Runtime|SPARK_CLI_SERVICE_PROTOCOL|expected server to use a protocol", Verdict("config", "the server speaks another protocol than Databricks", "check host and path")),
    (r"Reyden|databricks-sql-kernel|use_kernel", Verdict("config", "this kind of warehouse is not reached by the driver", "give the path of a pro, serverless or classic warehouse")),
)  # fmt: skip
ERRORS = ErrorTable(
    codes=_CODES,
    umbrellas=_UMBRELLAS,
    words=_MESSAGES,
    states=True,
    inside=rf"(?-i:\[([A-Z]+_[A-Z_]+)(?:\.[A-Z_]+)?\]|\berror_?[cC]ode\W{{1,5}}([A-Z]+_[A-Z_]+))|\b(?P<weak>[a-z]+_[a-z_]+)\b|{STATE}",
    alone=rf"[a-z]+_[a-z_]+|UNAUTHENTICATED|ABORTED|{STATE_ALONE}",
    spell=spelled_as(_CODES, _UMBRELLAS),
)
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
    text, status = str(exc), getattr(getattr(exc, "response", None), "status_code", None)
    if isinstance(context := getattr(exc, "context", None), dict):
        # databricks.sql.exc: what is not said to the user stands here
        text, status = f"{text} {context.get('error-message') or ''}", context.get("http-code")
    own = ERRORS.explain(text)
    if own is not None and own.failure_class != "unknown":
        return own
    verdict = _PRINCIPAL if isinstance(exc, TokenRefusedError) else _CLASSES.get(type(exc).__name__)
    code = int(status or 0)
    verdict = verdict or _STATUS.get(code) or by_status(code) or by_class(exc)
    return replace(verdict, code=own.code if own else str(code) if code else None) if verdict else own


# What other tools call the fields of a workspace or warehouse.
FOREIGN_KEYS = {
    "server_hostname": "host",
    **dict.fromkeys(("token", "access_token", "pwd", "client_secret", "oauth2secret"), "password"),
    **dict.fromkeys(("client_id", "oauth2clientid"), "username"),
    **dict.fromkeys(("authmech", "auth_flow", "thrifttransport", "transportmode"), ""),
}


def complete(values: dict[str, str]) -> None:
    """Take the scheme off the host, see a service principal, and drop the name that stands beside a token."""
    for key in ("host", "server_hostname"):
        if key in values:
            values[key] = values[key].split("://")[-1].rstrip("/")
    if warehouse := values.pop("warehouse_id", ""):
        values.setdefault("path", f"/sql/1.0/warehouses/{warehouse}")
    for key in ("user", "uid", "username", "login"):
        if values.get(key) == "token":
            del values[key]
    if values.get("ssl") == "1":  # as it always is here
        del values["ssl"]
    principal = {"client_id", "client_secret"} <= values.keys() or {"oauth2clientid", "oauth2secret"} <= values.keys()
    if principal and "token" not in values:
        values["authentication_type"] = "OAUTH_M2M"
    if values.get("auth_type", "").lower() in {"pat", "oauth-m2m"}:
        del values["auth_type"]


def complete_environment(values: dict[str, str]) -> None:
    """Name a token, or a service principal."""
    values["workspace"] = values.get("endpoint_url") or f"https://{values['host']}"
    if values.get("authentication_type") == "OAUTH_M2M":
        values["client_id"], values["client_secret"] = values.get("username", ""), values.get("password", "")
    else:
        values["token"] = values.get("password", "")


# Databricks documentation, "Environment variables and fields for client unified authentication"; dbt and the SQL
# connector's examples name the last two.
ENVIRONMENT = Environment(
    texts={
        "DATABRICKS_HOST": "{workspace}",
        "DATABRICKS_TOKEN": "{token}",
        "DATABRICKS_CLIENT_ID": "{client_id}",
        "DATABRICKS_CLIENT_SECRET": "{client_secret}",
        "DATABRICKS_SERVER_HOSTNAME": "{host}",
        "DATABRICKS_HTTP_PATH": "{path}",
    },
    cleared=("DATABRICKS_*",),
    complete=complete_environment,
)


def _complete_dbt(values: dict[str, Any]) -> None:
    if values.pop("authentication_type", "PAT") == "OAUTH_M2M":
        values["auth_type"] = "oauth"
        for name, key in (("username", "client_id"), ("password", "client_secret")):
            if name in values:
                values[key] = values.pop(name)


def _complete_token(values: dict[str, Any]) -> None:
    if values.pop("authentication_type", "PAT") == "OAUTH_M2M":
        raise UsageError("this form holds a token, no service principal", "qualytics run has variables for both")
    values["username"] = "token"


_PLACE = {"host": "host", "port": "port"}
# docs.getdbt.com, "Databricks setup"; apache-airflow-providers-databricks, "Databricks Connection"; Databricks'
# documentation of its drivers for JDBC and ODBC, and of its dialect for SQLAlchemy. Each has the user "token".
FORMS = {
    "airflow": Form(
        "databricks",
        {
            **_PLACE,
            "username": "login",
            "password": "password",
            "path": "http_path",
            "database": "catalog",
            "schema": "schema",
        },
        complete=_complete_token,
    ),
    "dbt": Form(
        "databricks",
        {
            "host": "host",
            "path": "http_path",
            "password": "token",
            "auth_type": "auth_type",
            "client_id": "client_id",
            "client_secret": "client_secret",
            "database": "catalog",
            "schema": "schema",
        },
        needs=("schema",),
        complete=_complete_dbt,
    ),
    "jdbc": Form(
        "jdbc:databricks",
        {
            **_PLACE,
            "path": "httpPath",
            "username": "UID",
            "password": "PWD",
            "database": "ConnCatalog",
            "schema": "ConnSchema",
        },
        fixed={"AuthMech": "3", "transportMode": "http"},
        path=(),
        properties=SEMICOLONS,
        driver="com.databricks.client.jdbc.Driver",
        complete=_complete_token,
    ),
    "odbc": Form(
        "odbc",
        {
            "host": "Host",
            "port": "Port",
            "path": "HTTPPath",
            "username": "UID",
            "password": "PWD",
            "database": "Catalog",
            "schema": "Schema",
        },
        fixed={"Driver": "Simba Spark ODBC Driver", "AuthMech": "3", "ThriftTransport": "2", "SSL": "1"},
        complete=_complete_token,
    ),
    "sqlalchemy": Form(
        "databricks",
        {**USUAL_URL, "database": "catalog", "path": "http_path", "schema": "schema"},
        path=(),
        complete=_complete_token,
    ),
}
