"""BigQuery's client on a session of ours, with a service account's key and with nothing of this machine's identity."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import refuse
from qualytics.connectors.shared.google_token import key_of, token_of
from qualytics.connectors.shared.objects import base_url
from qualytics.connectors.shared.preamble import expect_silence
from qualytics.connectors.shared.requests import pin, roots_of
from qualytics.connectors.types._bigquery_listing import limits

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target

# What the client loads for data frames, notebooks, gRPC and traces; without it, it loads in a quarter of the time.
_UNUSED = ("IPython", "db_dtypes", "geopandas", "grpc", "opentelemetry", "pandas", "pyarrow", "tqdm")


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
    expect_silence(target)
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
    next(handle.list_projects(max_results=1, **limits(target)).pages, None)
    return handle
