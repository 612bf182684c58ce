"""Google BigQuery through its own client, over its REST interface, with a service account's key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Chars, Connector, Endpoint, Param, Server, Target
from qualytics.connectors.shared.google import PUBLIC, key_problems
from qualytics.connectors.shared.google_errors import classify, explain
from qualytics.connectors.shared.google_token import KEY_HINT
from qualytics.connectors.shared.grammar import SEGMENT
from qualytics.connectors.shared.https import ENDPOINT_URL, endpoint_of, is_loopback
from qualytics.connectors.shared.objects import TLS_PARAMS
from qualytics.connectors.types import _bigquery_listing
from qualytics.connectors.types._bigquery_client import connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Both are segments of the path of a URL; an old project may have a domain before its name.
PROJECT = Chars(r"[A-Za-z0-9][A-Za-z0-9.:_-]*", "letters, digits and - _ . :")
DATASET = Chars(r"[A-Za-z0-9_]{1,1024}", "letters, digits and _, and no project before it")


def endpoint(values: Mapping[str, Any]) -> Endpoint:
    """Return Google's endpoint, else `endpoint_url`."""
    return endpoint_of(values, "bigquery.googleapis.com")


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Ask for the key of a service account; only an emulator on this machine goes without one."""
    if "password" not in secrets_set and not is_loopback(endpoint(values).host):
        yield "password", "is needed for bigquery", KEY_HINT
    yield from key_problems(values, "password", KEY_HINT)


def check(handle: Any, target: Target) -> Server:
    """Run a query that reads no byte and so costs nothing; BigQuery has no version."""
    limit = target.timeout_s
    found = handle.query_and_wait(
        "select 1", api_timeout=limit, wait_timeout=limit, retry=None, job_retry=None, page_size=target.fetch_size
    )
    next(iter(found))
    return Server("Google BigQuery", None)


CONNECTOR = Connector(
    type="bigquery",
    title="Google BigQuery",
    kind="jdbc",
    default_port=443,
    extra="bigquery",
    driver="google.cloud.bigquery",
    distribution="google-cloud-bigquery",
    fields=("password",),
    required=(),
    proof="the service account's key",
    params=(
        Param("location", str, "where jobs run, as EU or us-east1 (our choice)", max_length=63, harmless="where Google runs a query; the request goes to the same endpoint"),
        Param("temp_dataset", str, "dataset of the key's project for intermediate results (our choice)", max_length=1_024, harmless="where results lie for a while, in the project of the key; the request goes to the same endpoint"),
        ENDPOINT_URL,
        *TLS_PARAMS,
    ),
    session_params=("temp_dataset",),
    grammar={"location": SEGMENT, "temp_dataset": DATASET, "database": PROJECT, "schema": DATASET},
    scope=("database", "schema"),
    example="--password '${GOOGLE_KEY_JSON}'",
    endpoint=endpoint,
    requires=requires,
    tls="direct",
    open=connect,
    select=_bigquery_listing.select,
    check=check,
    close=lambda handle: handle._http.close(),  # noqa: SLF001 - the session that `connect` made
    classify=classify,
    explain=explain,
    catalogs=_bigquery_listing.catalogs,
    schemas=_bigquery_listing.schemas,
    tables=_bigquery_listing.tables,
    verified="emulator: bqemulator; Google's exchange of tokens against a server of the tests",
    authentication=(("service account", "password: the text of its JSON key file"),),
    privileges=(
        "roles/bigquery.jobUser on the key's project, for bigquery.jobs.create",
        "roles/bigquery.metadataViewer on the datasets or their project, for bigquery.datasets.get and bigquery.tables.list",
    ),
    public_members=PUBLIC,
    pinned="resolver",  # requests, for Google's token endpoint too, which has a fixed name
)  # fmt: skip
