"""The two ways into a storage account of Azure: its own key, or a service principal of Microsoft Entra."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Param, Target, Verdict, refuse
from qualytics.connectors.shared import objects
from qualytics.connectors.shared.object_errors import verdict_of
from qualytics.connectors.types import _abfs_uri

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LOGIN_HOST = "login.microsoftonline.com"
PURPOSE = "Microsoft Entra logs the service principal in"
PARAMS = (
    Param(
        "authentication_type",
        str,
        "SHARED_KEY: the account's key; SERVICE_PRINCIPAL: a client id and its secret",
        choices=("SHARED_KEY", "SERVICE_PRINCIPAL"),
        default="SHARED_KEY",
    ),
    Param("tenant_id", str, "tenant of the service principal", max_length=253),
)
_TENANT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Ask for an account key, or for a client id with its secret and tenant."""
    found = values.get("parameters") or {}
    if "secret_key" not in secrets_set:
        yield "secret_key", "is needed for abfs", "give the account key, or a client secret, with --secret-key"
    if found.get("authentication_type") != "SERVICE_PRINCIPAL":
        if "tenant_id" in found:
            yield "parameters.tenant_id", "is for SERVICE_PRINCIPAL alone", "set authentication_type, too"
        if values.get("access_key") and values["access_key"] != _abfs_uri.split(values["uri"])[2]:
            yield "access_key", "is not the account in the uri", "leave it out, or give the account's name"
        return
    if "access_key" not in secrets_set:
        yield "access_key", "is needed for SERVICE_PRINCIPAL", "give the client id with --access-key"
    if not _TENANT.match(found.get("tenant_id", "")):
        yield "parameters.tenant_id", "is needed for SERVICE_PRINCIPAL", "give the tenant's id or domain"


def credentials(target: Target, account: str) -> dict[str, str]:
    """Return the part of the driver's settings that logs in; `credential_type` keeps it from looking for other ones."""
    if target.parameters.get("authentication_type") == "SERVICE_PRINCIPAL":
        return {
            "credential_type": "client_secret",
            "client_id": objects.secret_of(target, "access_key"),
            "client_secret": objects.secret_of(target, "secret_key"),
            "tenant_id": target.parameters.get("tenant_id", ""),
        }
    if target.access_key is not None and target.access_key.reveal() != account:
        raise refuse("config", "the access key is not the account in the uri", "unset it, or give the account")
    return {"credential_type": "access_key", "account_key": objects.secret_of(target, "secret_key")}


def classify(exc: BaseException) -> Verdict | None:
    """Judge as for every store."""
    return verdict_of(exc, "check --secret-key, and --access-key where a client id is in it")
