"""Google Cloud Storage through obstore, with a service account's key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.foreign import Foreign, Form
from qualytics.connectors.shared import google, object_store
from qualytics.connectors.shared.http import ENDPOINT_URL, TLS_PARAMS, base_url, endpoint_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qualytics.connectors.contract import Target


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Ask for the key of a service account, and of nothing else."""
    if "secret_key" not in secrets_set:
        yield "secret_key", "is needed for gcs", google.key_hint("secret_key")
    yield from google.key_problems(values, "secret_key")


def config(target: Target) -> dict[str, Any]:
    """Return the settings of obstore's GCSStore.

    The driver signs a token with the key by itself and sends it with each request; the key's
    token_uri is never asked.
    """
    return {
        "bucket": object_store.split_bucket(target.uri, "gs")[0],
        "base_url": base_url(target),
        "service_account_key": google.checked_key(object_store.secret_of(target, "secret_key"), "secret_key"),
        "skip_signature": False,
    }


def connect(target: Target) -> object_store.OpenStore:
    """Build the store and list its first page."""
    from obstore.store import GCSStore

    return object_store.open_store(GCSStore, object_store.arguments(config(target), target), target)


def complete(values: dict[str, str]) -> None:
    """Make the uri of a bucket, or of the scope of a DuckDB secret."""
    place = values.pop("bucket", "") or values.pop("scope", "")
    if place and "uri" not in values:
        values["uri"] = place if "://" in place else f"gs://{place}"


CONNECTOR = object_store.OBJECT_STORE(
    type="gcs",
    title="Google Cloud Storage",
    fields=("uri", "secret_key"),
    proof="the service account's key",
    params=(ENDPOINT_URL, *TLS_PARAMS),
    example="--uri gs://bucket/path --secret-key '${GOOGLE_KEY_JSON}'",
    clean_uri=lambda uri: object_store.clean_bucket(uri, "gs"),
    endpoint=lambda values: endpoint_of(values, "storage.googleapis.com"),
    requires=requires,
    open=connect,
    check=lambda handle, target: object_store.check(handle, target, "Google Cloud Storage"),
    classify=object_store.classify("check --secret-key: the key may have been deleted or disabled"),
    signature=r"(?i)\bgs://|gcloud\.storage|storage\.googleapis|gcsfs",
    verified="emulator: fake-gcs-server, which checks no credentials",
    authentication=(("service account", "secret_key: the text of its JSON key file"),),
    privileges=("roles/storage.objectViewer on the bucket, for storage.objects.list and storage.objects.get",),
    public_members=google.PUBLIC,
    foreign=Foreign(
        names=("gcs", "gs"),
        keys=dict.fromkeys(google.KEY_TEXTS, "secret_key"),
        files=dict.fromkeys(google.KEY_FILES, "secret_key"),
        complete=complete,
        environment=google.environment("secret_key", STORAGE_EMULATOR_HOST="{endpoint_url}"),
        # apache-airflow-providers-google, "Google Cloud Connection".
        forms={"airflow": Form("google_cloud_platform", {"secret_key": "keyfile_dict"})},
    ),
)
