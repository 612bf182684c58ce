"""Google Cloud Storage through obstore, with a service account's key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors import _objects
from qualytics.connectors._base import Connector, Endpoint, Target
from qualytics.connectors._google import clean_service_account
from qualytics.connectors._https import ENDPOINT_URL, endpoint_of
from qualytics.connectors._sql import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_KEY_HINT = 'give the key file of a service account, as in --secret-key "$(cat key.json)"'


def clean_uri(uri: str) -> str:
    """Return gs://bucket or gs://bucket/path."""
    return "gs://" + "/".join(filter(None, _objects.split_bucket(uri, "gs")))


def endpoint(values: Mapping[str, Any]) -> Endpoint:
    """Return Google's endpoint, else `endpoint_url`."""
    return endpoint_of(values, "storage.googleapis.com")


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Ask for the key of a service account, and of nothing else."""
    if "secret_key" not in secrets_set:
        yield "secret_key", "is needed for gcs", _KEY_HINT
    elif values.get("secret_key"):  # else it is stored already, and was checked then
        try:
            clean_service_account(values["secret_key"])
        except ValueError as exc:
            yield "secret_key", str(exc), _KEY_HINT


def arguments(target: Target) -> dict[str, Any]:
    """Return the arguments of obstore's GCSStore.

    The driver signs a token with the key by itself and sends it with each request; the key's
    token_uri is never asked.
    """
    bucket, _ = _objects.split_bucket(target.uri or "", "gs")
    try:
        key = clean_service_account(_objects.secret_of(target, "secret_key"))
    except ValueError as exc:
        raise refuse("config", f"the secret key {exc}", _KEY_HINT) from exc
    config = {
        "bucket": bucket,
        "base_url": _objects.base_url(target),
        "service_account_key": key,
        "skip_signature": False,
    }
    return {"config": config, **_objects.driver_options(target)}


def connect(target: Target) -> _objects.Opened:
    """Build the store and list its first page."""
    from obstore.store import GCSStore

    found = _objects.fenced(arguments(target), target)
    with _objects.plainly():
        store = GCSStore(**found)
    return _objects.first_page(store, target, _objects.split_bucket(target.uri or "", "gs")[1])


CONNECTOR = Connector(
    type="gcs",
    title="Google Cloud Storage",
    kind="dfs",
    extra="gcs",
    driver="obstore",
    distribution="obstore",
    fields=("uri", "secret_key"),
    required=("uri",),
    params=(ENDPOINT_URL, *_objects.TLS_PARAMS),
    scope=("root_path",),
    example="--uri gs://bucket/path --secret-key '${GOOGLE_KEY_JSON}'",
    clean_uri=clean_uri,
    endpoint=endpoint,
    requires=requires,
    tls="direct",
    open=connect,
    check=lambda handle, target: _objects.check(handle, target, "Google Cloud Storage"),
    close=lambda _handle: None,
    classify=lambda exc: _objects.verdict_of(exc, "check --secret-key: the key may have been deleted or disabled"),
    tables=_objects.tables,
    verified="emulator: fake-gcs-server, which checks no credentials",
)
