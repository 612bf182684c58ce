"""Azure Data Lake Storage through obstore, which speaks the Blob API of the same account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Connector, Endpoint, Target
from qualytics.connectors.shared import objects
from qualytics.connectors.shared.grammar import HEADER, SEGMENT, TENANT
from qualytics.connectors.shared.https import ENDPOINT_URL, endpoint_of
from qualytics.connectors.types import _abfs_login, _abfs_uri

if TYPE_CHECKING:
    from collections.abc import Mapping


def endpoint(values: Mapping[str, Any]) -> Endpoint:
    """Return the account's Blob endpoint, which the driver speaks to, else `endpoint_url`."""
    return endpoint_of(values, f"{_abfs_uri.split(str(values.get('uri')))[2]}.blob.core.windows.net")


def arguments(target: Target) -> dict[str, Any]:
    """Return the arguments of obstore's AzureStore."""
    _, container, account, _ = _abfs_uri.split(target.uri or "")
    config = {
        "container_name": container,
        "account_name": account,
        "endpoint": objects.base_url(target),
        "authority_host": f"https://{_abfs_login.LOGIN_HOST}",
        "skip_signature": False,
        **_abfs_login.credentials(target, account),
    }
    return {"config": config, **objects.driver_options(target)}


def connect(target: Target) -> objects.Opened:
    """Build the store and list its first page."""
    from obstore.store import AzureStore

    principal = target.parameters.get("authentication_type") == "SERVICE_PRINCIPAL"
    second = {_abfs_login.LOGIN_HOST: _abfs_login.PURPOSE} if principal else {}
    return objects.opened(AzureStore, objects.fenced(arguments(target), target, second), target)


CONNECTOR = Connector(
    type="abfs",
    title="Azure Data Lake Storage",
    kind="dfs",
    extra="abfs",
    driver="obstore",
    distribution="obstore",
    fields=("uri", "access_key", "secret_key"),
    proof="the account key or client secret",
    required=("uri",),
    params=(*_abfs_login.PARAMS, ENDPOINT_URL, *objects.TLS_PARAMS),
    grammar={"access_key": SEGMENT, "secret_key": HEADER, "tenant_id": TENANT},
    scope=("root_path",),
    example="--uri abfss://container@account.dfs.core.windows.net/path --access-key account --secret-key '${AZURE_KEY}'",
    clean_uri=_abfs_uri.clean,
    endpoint=endpoint,
    requires=_abfs_login.requires,
    tls="direct",
    open=connect,
    check=lambda handle, target: objects.check(handle, target, "Azure Blob Storage"),
    close=lambda _handle: None,
    classify=_abfs_login.classify,
    tables=objects.tables,
    verified="emulator: azurite, which checks the account key; service principal: login never run",
    authentication=(
        ("SHARED_KEY", "secret_key: a key of the storage account; access_key may name the account"),
        ("SERVICE_PRINCIPAL", "access_key: the client id; secret_key: the client secret; tenant_id in parameters"),
    ),
    privileges=(
        "SHARED_KEY: none beside the key, which may do everything in the account",
        "SERVICE_PRINCIPAL: the role Storage Blob Data Reader on the container",
    ),
    pinned="proxy",  # login.microsoftonline.com, a fixed name, is looked up in Python by the proxy
    forks=False,  # Rust's tokio
)
