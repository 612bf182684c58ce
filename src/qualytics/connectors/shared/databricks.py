"""What both Databricks types share: personal access tokens, and OAuth for service principals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Param, Target, refuse
from qualytics.connectors.shared.databricks_errors import TokenRefusedError
from qualytics.connectors.shared.grammar import TOKEN
from qualytics.connectors.shared.objects import TLS_PARAMS, base_url
from qualytics.connectors.shared.requests import pin, roots_of

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
