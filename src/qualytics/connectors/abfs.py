"""Azure Data Lake Storage through obstore, which speaks the Blob API of the same account."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors import _objects
from qualytics.connectors._base import Connector, Endpoint, Param, Target, Verdict
from qualytics.connectors._https import ENDPOINT_URL, endpoint_of
from qualytics.connectors._sql import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_EXAMPLE = "abfss://container@account.dfs.core.windows.net or the same with /path"
_LOGIN_HOST = "login.microsoftonline.com"
# Azure "Naming and referencing containers" and "Storage account overview": 3 to 63, and 3 to 24 characters.
_PLACE = re.compile(r"(\$web|\$root|[a-z0-9](?:-?[a-z0-9]){2,62})@([a-z0-9]{3,24})\.dfs\.core\.windows\.net\Z")
_TENANT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_UNREACHED = frozenset({"dns", "refused", "network", "timeout", "tls"})


def split(uri: str) -> tuple[str, str, str, str]:
    """Return scheme, container, account and path of a uri.

    Raises:
        ValueError: it is not one of Azure Data Lake.

    """
    scheme, authority, path = _objects.split_uri(uri, ("abfs", "abfss"), _EXAMPLE)
    found = _PLACE.match(authority)
    if found is None:
        raise ValueError(f"must be such as {_EXAMPLE}")
    return scheme, found[1], found[2], path


def clean_uri(uri: str) -> str:
    """Return the uri without a slash at its end."""
    scheme, container, account, path = split(uri)
    return f"{scheme}://{container}@{account}.dfs.core.windows.net" + (f"/{path}" if path else "")


def endpoint(values: Mapping[str, Any]) -> Endpoint:
    """Return the account's Blob endpoint, which the driver speaks to, else `endpoint_url`."""
    return endpoint_of(values, f"{split(str(values.get('uri')))[2]}.blob.core.windows.net")


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Ask for an account key, or for a client id with its secret and tenant."""
    found = values.get("parameters") or {}
    if "secret_key" not in secrets_set:
        yield "secret_key", "is needed for abfs", "give the account key, or a client secret, with --secret-key"
    if found.get("authentication_type") != "SERVICE_PRINCIPAL":
        if "tenant_id" in found:
            yield "parameters.tenant_id", "is for SERVICE_PRINCIPAL alone", "set authentication_type, too"
        if values.get("access_key") and values["access_key"] != split(values["uri"])[2]:
            yield "access_key", "is not the account in the uri", "leave it out, or give the account's name"
        return
    if "access_key" not in secrets_set:
        yield "access_key", "is needed for SERVICE_PRINCIPAL", "give the client id with --access-key"
    if not _TENANT.match(found.get("tenant_id", "")):
        yield "parameters.tenant_id", "is needed for SERVICE_PRINCIPAL", "give the tenant's id or domain"


def arguments(target: Target) -> dict[str, Any]:
    """Return the arguments of obstore's AzureStore; `credential_type` keeps it from looking for other ones."""
    _, container, account, _ = split(target.uri or "")
    config = {
        "container_name": container,
        "account_name": account,
        "endpoint": _objects.base_url(target),
        "authority_host": f"https://{_LOGIN_HOST}",
        "skip_signature": False,
    }
    if target.parameters.get("authentication_type") == "SERVICE_PRINCIPAL":
        config |= {
            "credential_type": "client_secret",
            "client_id": _objects.secret_of(target, "access_key"),
            "client_secret": _objects.secret_of(target, "secret_key"),
            "tenant_id": target.parameters.get("tenant_id", ""),
        }
    else:
        if target.access_key is not None and target.access_key.reveal() != account:
            raise refuse("config", "the access key is not the account in the uri", "unset it, or give the account")
        config |= {"credential_type": "access_key", "account_key": _objects.secret_of(target, "secret_key")}
    return {"config": config, **_objects.driver_options(target)}


def connect(target: Target) -> _objects.Opened:
    """Build the store and list its first page."""
    from obstore.store import AzureStore

    found = _objects.fenced(arguments(target), target, _LOGIN_HOST)
    with _objects.plainly():
        store = AzureStore(**found)
    return _objects.first_page(store, target, split(target.uri or "")[3])


def classify(exc: BaseException) -> Verdict | None:
    """Judge as for every store, and say when it was Microsoft's login that could not be reached."""
    verdict = _objects.verdict_of(exc, "check --secret-key, and --access-key where a client id is in it")
    if verdict is not None and verdict.failure_class in _UNREACHED and _LOGIN_HOST in str(exc):
        cause = f"{_LOGIN_HOST} could not be reached"
        return dataclasses.replace(verdict, cause=cause, hint="a service principal needs it")
    return verdict


CONNECTOR = Connector(
    type="abfs",
    title="Azure Data Lake Storage",
    kind="dfs",
    extra="abfs",
    driver="obstore",
    distribution="obstore",
    fields=("uri", "access_key", "secret_key"),
    required=("uri",),
    params=(
        Param("authentication_type", str, "SHARED_KEY: the account's key; SERVICE_PRINCIPAL: a client id and its secret", choices=("SHARED_KEY", "SERVICE_PRINCIPAL"), default="SHARED_KEY"),
        Param("tenant_id", str, "tenant of the service principal", max_length=253),
        ENDPOINT_URL,
        *_objects.TLS_PARAMS,
    ),
    scope=("root_path",),
    example="--uri abfss://container@account.dfs.core.windows.net/path --access-key account --secret-key '${AZURE_KEY}'",
    clean_uri=clean_uri,
    endpoint=endpoint,
    requires=requires,
    tls="direct",
    open=connect,
    check=lambda handle, target: _objects.check(handle, target, "Azure Blob Storage"),
    close=lambda _handle: None,
    classify=classify,
    tables=_objects.tables,
    verified="emulator: azurite, which checks the account key; service principal: login never run",
)  # fmt: skip
