"""Google BigQuery through its own client, over its REST interface, with a service account's key."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from qualytics.connectors._base import Connector, Endpoint, Item, Param, Server, Target
from qualytics.connectors._google import clean_service_account
from qualytics.connectors._google_errors import classify, explain
from qualytics.connectors._google_token import KEY_HINT, key_of, token_of
from qualytics.connectors._https import ENDPOINT_URL, endpoint_of, is_loopback
from qualytics.connectors._objects import TLS_PARAMS, base_url
from qualytics.connectors._requests import pin, roots_of
from qualytics.connectors._sql import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What the client loads for data frames, notebooks, gRPC and traces; without it, it loads in a quarter of the time.
_UNUSED = ("IPython", "db_dtypes", "geopandas", "grpc", "opentelemetry", "pandas", "pyarrow", "tqdm")
_NAME = re.compile(r"\w{1,1024}\Z", re.ASCII)


def endpoint(values: Mapping[str, Any]) -> Endpoint:
    """Return Google's endpoint, else `endpoint_url`."""
    return endpoint_of(values, "bigquery.googleapis.com")


def requires(values: Mapping[str, Any], secrets_set: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """Ask for the key of a service account; only an emulator on this machine goes without one."""
    if "password" not in secrets_set:
        if not is_loopback(endpoint(values).host):
            yield "password", "is needed for bigquery", KEY_HINT
    elif values.get("password"):  # else it is stored already, and was checked then
        try:
            clean_service_account(values["password"])
        except ValueError as exc:
            yield "password", str(exc), KEY_HINT
    name = (values.get("parameters") or {}).get("temp_dataset")
    if name is not None and not _NAME.match(name):
        yield "parameters.temp_dataset", "is not the name of a dataset", "letters, digits and _ alone, without project"


def arguments(target: Target) -> dict[str, Any]:
    """Return the keyword arguments of bigquery.Client but for the session and its login.

    Jobs run in the project of the key, which pays for them; the datastore's database may be another one.
    """
    project = key_of(target).get("project_id") or target.database
    if not project:
        raise refuse("config", "no project is known", "give one with --database")
    return {
        "project": project,
        "location": target.parameters.get("location"),
        "client_options": {"api_endpoint": base_url(target)},
    }


def connect(target: Target) -> Any:
    """Trade the key for a token at Google's pinned address, then ask the service what the token may see."""
    for name in _UNUSED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # the import system's own word for "absent"
    import requests
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import bigquery

    given = arguments(target)
    session = pin(requests.Session(), base_url(target), roots=roots_of(target))
    if target.password is not None:
        session.headers["Authorization"] = f"Bearer {token_of(target)}"
    anonymous: Any = AnonymousCredentials
    handle = bigquery.Client(**given, credentials=anonymous(), _http=session)
    next(handle.list_projects(max_results=1, **_limits(target)).pages, None)
    return handle


def _limits(target: Target) -> dict[str, Any]:
    return {"retry": None, "timeout": target.timeout_s}


def _datasets(handle: Any, target: Target, **more: Any) -> Any:
    return handle.list_datasets(target.database or handle.project, **more, **_limits(target))


def _dataset(handle: Any, project: str | None, name: str) -> Any:
    from google.cloud.bigquery import DatasetReference

    return DatasetReference(project or handle.project, name)


def select(handle: Any, target: Target) -> None:
    """Check that the project, the dataset and the temporary dataset are there for this account."""
    if target.schema is not None:
        handle.get_dataset(_dataset(handle, target.database, target.schema), **_limits(target))
    elif target.database is not None:
        next(iter(_datasets(handle, target, max_results=1)), None)
    if name := target.parameters.get("temp_dataset"):
        handle.get_dataset(_dataset(handle, None, name), **_limits(target))


def check(handle: Any, target: Target) -> Server:
    """Run a query that reads no byte and so costs nothing; BigQuery has no version."""
    limit = target.timeout_s
    found = handle.query_and_wait(
        "select 1", api_timeout=limit, wait_timeout=limit, retry=None, job_retry=None, page_size=target.fetch_size
    )
    next(iter(found))
    return Server("Google BigQuery", None)


def catalogs(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the projects that the account has a role in."""
    for page in handle.list_projects(**_limits(target)).pages:
        for found in page.raw_page.get("projects", ()):
            yield Item(found["projectReference"]["projectId"], "catalog")


def schemas(handle: Any, target: Target) -> Iterator[Item]:
    """Yield the datasets of a project; hidden ones begin with an underscore."""
    for found in _datasets(handle, target, include_all=True):
        yield Item(found.dataset_id, "schema", found.dataset_id.startswith("_"))


def tables(handle: Any, target: Target, prefix: str) -> Iterator[Item]:
    """Yield the tables and views of a dataset whose names begin with a prefix."""
    for found in handle.list_tables(_dataset(handle, target.database, target.schema or ""), **_limits(target)):
        if found.table_id.startswith(prefix):
            yield Item(found.table_id, "view" if "VIEW" in (found.table_type or "") else "table")


CONNECTOR = Connector(
    type="bigquery",
    title="Google BigQuery",
    kind="jdbc",
    default_port=443,
    extra="bigquery",
    driver="google.cloud.bigquery",
    distribution="google-cloud-bigquery",
    fields=("password",),
    params=(
        Param("location", str, "where jobs run, as EU or us-east1 (our choice)", max_length=63),
        Param(
            "temp_dataset", str, "dataset of the key's project for intermediate results (our choice)", max_length=1_024
        ),
        ENDPOINT_URL,
        *TLS_PARAMS,
    ),
    session_params=("temp_dataset",),
    scope=("database", "schema"),
    example="--password '${GOOGLE_KEY_JSON}'",
    endpoint=endpoint,
    requires=requires,
    tls="direct",
    open=connect,
    select=select,
    check=check,
    close=lambda handle: handle._http.close(),  # noqa: SLF001 - the session that `connect` made
    classify=classify,
    explain=explain,
    catalogs=catalogs,
    schemas=schemas,
    tables=tables,
    verified="emulator: bqemulator; Google's exchange of tokens against a server of the tests",
)
