"""Google Cloud Storage through obstore, with a service account's key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Connector, Target, refuse
from qualytics.connectors.shared import objects
from qualytics.connectors.shared.google import PUBLIC, clean_service_account, key_problems
from qualytics.connectors.shared.https import ENDPOINT_URL, endpoint_of
from qualytics.connectors.shared.object_errors import verdict_of
from qualytics.connectors.shared.object_uris import clean_bucket, split_bucket

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_KEY_HINT = 'give the key file of a service account, as in --secret-key "$(cat key.json)"'


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Ask for the key of a service account, and of nothing else."""
    if "secret_key" not in secrets_set:
        yield "secret_key", "is needed for gcs", _KEY_HINT
    yield from key_problems(values, "secret_key", _KEY_HINT)


def arguments(target: Target) -> dict[str, Any]:
    """Return the arguments of obstore's GCSStore.

    The driver signs a token with the key by itself and sends it with each request; the key's
    token_uri is never asked.
    """
    try:
        key = clean_service_account(objects.secret_of(target, "secret_key"))
    except ValueError as exc:
        raise refuse("config", f"the secret key {exc}", _KEY_HINT) from exc
    config = {
        "bucket": split_bucket(target.uri or "", "gs")[0],
        "base_url": objects.base_url(target),
        "service_account_key": key,
        "skip_signature": False,
    }
    return {"config": config, **objects.driver_options(target)}


def connect(target: Target) -> objects.Opened:
    """Build the store and list its first page."""
    from obstore.store import GCSStore

    return objects.opened(GCSStore, objects.fenced(arguments(target), target), target)


CONNECTOR = Connector(
    type="gcs",
    title="Google Cloud Storage",
    kind="dfs",
    extra="gcs",
    driver="obstore",
    distribution="obstore",
    fields=("uri", "secret_key"),
    proof="the service account's key",
    required=("uri",),
    params=(ENDPOINT_URL, *objects.TLS_PARAMS),
    scope=("root_path",),
    example="--uri gs://bucket/path --secret-key '${GOOGLE_KEY_JSON}'",
    clean_uri=lambda uri: clean_bucket(uri, "gs"),
    endpoint=lambda values: endpoint_of(values, "storage.googleapis.com"),
    requires=requires,
    tls="direct",
    open=connect,
    check=lambda handle, target: objects.check(handle, target, "Google Cloud Storage"),
    close=lambda _handle: None,
    classify=lambda exc: verdict_of(exc, "check --secret-key: the key may have been deleted or disabled"),
    tables=objects.tables,
    verified="emulator: fake-gcs-server, which checks no credentials",
    authentication=(("service account", "secret_key: the text of its JSON key file"),),
    privileges=("roles/storage.objectViewer on the bucket, for storage.objects.list and storage.objects.get",),
    public_members=PUBLIC,
    pinned="proxy",
    forks=False,  # Rust's tokio
)
