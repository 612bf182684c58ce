"""Azure Data Lake Storage through obstore, which speaks the Blob API of the same account."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Endpoint, Param, Target, refuse
from qualytics.connectors.foreign import Environment, Foreign, Form
from qualytics.connectors.shared import object_store
from qualytics.connectors.shared.http import ENDPOINT_URL, HEADER, SEGMENT, TENANT, TLS_PARAMS, base_url, endpoint_of
from qualytics.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LOGIN_HOST = "login.microsoftonline.com"
_EXAMPLE = "abfss://container@account.dfs.core.windows.net or the same with /path"
# Azure "Naming and referencing containers" and "Storage account overview": 3 to 63, and 3 to 24 characters.
_AUTHORITY = re.compile(r"(\$web|\$root|[a-z0-9](?:-?[a-z0-9]){2,62})@([a-z0-9]{3,24})\.dfs\.core\.windows\.net\Z")


def split_uri(uri: str) -> tuple[str, str, str, str]:
    """Return scheme, container, account and path of a uri.

    Raises:
        ValueError: it is not one of Azure Data Lake.

    """
    scheme, authority, path = object_store.split_uri(uri, ("abfs", "abfss"), _EXAMPLE)
    names = _AUTHORITY.match(authority)
    if names is None:
        raise ValueError(f"must be such as {_EXAMPLE}")
    return scheme, names[1], names[2], path


def clean_uri(uri: str) -> str:
    """Return the uri without a slash at its end; raises as `split_uri`."""
    scheme, container, account, path = split_uri(uri)
    return f"{scheme}://{container}@{account}.dfs.core.windows.net" + (f"/{path}" if path else "")


def endpoint(values: Mapping[str, Any]) -> Endpoint:
    """Return the account's Blob endpoint, which the driver speaks to, else `endpoint_url`."""
    return endpoint_of(values, f"{split_uri(str(values.get('uri')))[2]}.blob.core.windows.net")


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Ask for an account key, or for a client id with its secret and tenant."""
    parameters = values.get("parameters") or {}
    if "secret_key" not in secrets_set:
        yield "secret_key", "is needed for abfs", "give the account key, or a client secret, with --secret-key"
    if parameters.get("authentication_type") != "SERVICE_PRINCIPAL":
        if "tenant_id" in parameters:
            yield "parameters.tenant_id", "is for SERVICE_PRINCIPAL alone", "set authentication_type, too"
        if values.get("access_key") and values["access_key"] != split_uri(values["uri"])[2]:
            yield "access_key", "is not the account in the uri", "leave it out, or give the account's name"
        return
    if "access_key" not in secrets_set:
        yield "access_key", "is needed for SERVICE_PRINCIPAL", "give the client id with --access-key"
    if not parameters.get("tenant_id"):
        yield "parameters.tenant_id", "is needed for SERVICE_PRINCIPAL", "give the tenant's id or domain"


def config(target: Target) -> dict[str, Any]:
    """Return the settings of obstore's AzureStore."""
    _, container, account, _ = split_uri(target.uri)
    return {
        "container_name": container,
        "account_name": account,
        "endpoint": base_url(target),
        "authority_host": f"https://{_LOGIN_HOST}",
        "skip_signature": False,
        **_credentials(target, account),
    }


def _credentials(target: Target, account: str) -> dict[str, str]:
    # `credential_type` keeps the driver from looking for other credentials.
    if target.parameters.get("authentication_type") == "SERVICE_PRINCIPAL":
        return {
            "credential_type": "client_secret",
            "client_id": object_store.secret_of(target, "access_key"),
            "client_secret": object_store.secret_of(target, "secret_key"),
            "tenant_id": target.parameters.get("tenant_id", ""),
        }
    if target.access_key is not None and target.access_key.reveal() != account:
        raise refuse("config", "the access key is not the account in the uri", "unset it, or give the account")
    return {"credential_type": "access_key", "account_key": object_store.secret_of(target, "secret_key")}


def connect(target: Target) -> object_store.OpenStore:
    """Build the store and list its first page."""
    from obstore.store import AzureStore

    principal = target.parameters.get("authentication_type") == "SERVICE_PRINCIPAL"
    login_hosts = {_LOGIN_HOST: "Microsoft Entra logs the service principal in"} if principal else {}
    return object_store.open_store(AzureStore, object_store.arguments(config(target), target, login_hosts), target)


def complete_environment(values: dict[str, str]) -> None:
    """Name the account of the uri, and its key or a service principal."""
    values["account"] = split_uri(values["uri"])[2]
    if values.get("authentication_type") == "SERVICE_PRINCIPAL":
        values["client_id"], values["client_secret"] = values.get("access_key", ""), values.get("secret_key", "")
    else:
        values["account_key"] = values.get("secret_key", "")


def complete(values: dict[str, str]) -> None:
    """Make the uri of account and container, and see a service principal."""
    for part in values.pop("connection_string", "").split(";"):
        key, _, value = part.partition("=")
        if key.lower() in {"accountname", "accountkey"}:
            values[key.lower()] = value
    names = ("account", "account_name", "accountname", "login", "username")
    account = next((values.pop(name) for name in names if name in values), "")
    container = values.pop("container", "") or values.pop("filesystem", "")
    if account and container and "uri" not in values:
        values["uri"] = f"abfss://{container}@{account}.dfs.core.windows.net"
    if "client_id" in values and "client_secret" in values:
        values["authentication_type"] = "SERVICE_PRINCIPAL"


def require_key(values: dict[str, Any]) -> None:
    """Raise UsageError for a service principal: the forms have the key of an account."""
    if values.pop("authentication_type", "SHARED_KEY") == "SERVICE_PRINCIPAL":
        raise UsageError(
            "this form holds the key of an account, no service principal", "qualytics run has variables for both"
        )


def complete_airflow(values: dict[str, Any]) -> None:
    """Name the account of the uri."""
    require_key(values)
    values["account"] = split_uri(values["uri"])[2]


# apache-airflow-providers-microsoft-azure, "Azure Blob Storage Connection"; Hadoop's documentation of ABFS.
FORMS = {
    "airflow": Form("wasb", {"account": "login", "secret_key": "password"}, complete=complete_airflow),
    "spark": Form(
        "abfss",
        {"uri": "path", "secret_key": "spark.hadoop.fs.azure.account.key"},
        place=lambda values: values.pop("uri"),
        complete=require_key,
    ),
}

CONNECTOR = object_store.OBJECT_STORE(
    type="abfs",
    title="Azure Data Lake Storage",
    fields=("uri", "access_key", "secret_key"),
    proof="the account key or client secret",
    params=(
        Param(
            "authentication_type",
            str,
            "SHARED_KEY: the account's key; SERVICE_PRINCIPAL: a client id and its secret",
            choices=("SHARED_KEY", "SERVICE_PRINCIPAL"),
            default="SHARED_KEY",
        ),
        Param("tenant_id", str, "tenant of the service principal", max_length=253),
        ENDPOINT_URL,
        *TLS_PARAMS,
    ),
    grammar={"access_key": SEGMENT, "secret_key": HEADER, "tenant_id": TENANT},
    example="--uri abfss://container@account.dfs.core.windows.net/path --access-key account --secret-key '${AZURE_KEY}'",
    clean_uri=clean_uri,
    endpoint=endpoint,
    requires=requires,
    open=connect,
    check=lambda handle, target: object_store.check(handle, target, "Azure Blob Storage"),
    classify=object_store.classify("check --secret-key, and --access-key where a client id is in it"),
    signature=r"(?i)abfss?://|dfs\.core\.windows|blob\.core\.windows|\bErrorCode:\w+|adlfs|\A(?:ContainerNotFound|AuthorizationPermissionMismatch)\Z",
    verified="emulator: azurite, which checks the account key; service principal: login never run",
    authentication=(
        ("SHARED_KEY", "secret_key: a key of the storage account; access_key may name the account"),
        ("SERVICE_PRINCIPAL", "access_key: the client id; secret_key: the client secret; tenant_id in parameters"),
    ),
    privileges=(
        "SHARED_KEY: none beside the key, which may do everything in the account",
        "SERVICE_PRINCIPAL: the role Storage Blob Data Reader on the container",
    ),
    foreign=Foreign(
        names=("abfs", "azure", "adls", "wasb", "azure_data_lake"),
        keys={
            **dict.fromkeys(("account_key", "accountkey", "password", "client_secret"), "secret_key"),
            "client_id": "access_key",
        },
        complete=complete,
        # Those of the Azure command line, and of the Azure Identity libraries.
        environment=Environment(
            texts={
                "AZURE_STORAGE_ACCOUNT": "{account}",
                "AZURE_STORAGE_KEY": "{account_key}",
                "AZURE_TENANT_ID": "{tenant_id}",
                "AZURE_CLIENT_ID": "{client_id}",
                "AZURE_CLIENT_SECRET": "{client_secret}",
            },
            cleared=("AZURE_*",),
            complete=complete_environment,
        ),
        forms=FORMS,
    ),
)
