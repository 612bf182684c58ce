"""Two endpoints of the control plane as FastAPI and pydantic would have them: the yardstick of `make bench`.

The same store, leases, token check and service; other routing, other documents. It has no limits, counts,
headers or log of its own, which the control plane has.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Header, HTTPException, Query
from pydantic import BaseModel

from qualytics import settings
from qualytics.errors import QualyticsError
from qualytics.model import ListQuery
from qualytics.service.accounts import tokens
from qualytics.service.connections.verbs import Connections
from qualytics.service.context import Context
from qualytics.settings import ServerPolicy
from qualytics.store import open_pool

if TYPE_CHECKING:
    from collections.abc import Iterator


class Stub(BaseModel):
    """A datastore as it stands inside a connection."""

    id: int
    name: str
    store_type: str
    type: str


class Connection(BaseModel):
    """A connection; which of these a document has depends on its type."""

    id: int
    name: str
    tags: list[str]
    owner: str | None = None
    type: str
    connection_type: str
    host: str | None = None
    port: int | None = None
    uri: str | None = None
    username: str | None = None
    password: str | None = None
    passphrase: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    catalog: str | None = None
    catalog_type: str | None = None
    parameters: dict[str, Any] | None = None
    jdbc_fetch_size: int | None = None
    max_parallelization: int | None = None
    secrets_manager: dict[str, Any] | None = None
    product_name: str | None = None
    product_version: str | None = None
    driver_name: str | None = None
    driver_version: str | None = None
    datastores: list[Stub] | None = None
    created: str


class ConnectionPage(BaseModel):
    """One page of a list."""

    items: list[Connection]
    total: int
    page: int
    size: int
    pages: int


app = FastAPI(openapi_url=None)
_found = settings.load()
_settings = settings.Settings(_found.home, policy=ServerPolicy())
_pool = open_pool(_settings)


@contextlib.contextmanager
def signed_in(authorization: str) -> Iterator[Context]:
    """Give a context for whoever sent a good token."""
    scheme, _, bearer = authorization.partition(" ")
    if scheme.lower() != "bearer":
        raise HTTPException(401)
    try:
        with Context(_settings, lease=_pool.lease) as context:
            context.actor = tokens.authenticate(context, bearer)
            yield context
    except QualyticsError as exc:
        raise HTTPException(exc.http_status, exc.message) from exc


Authorization = Annotated[str, Header()]


@app.get("/api/connections", response_model=ConnectionPage)
def list_connections(
    wanted_types: Annotated[list[str] | None, Query(alias="type", max_length=100)] = None,
    name: Annotated[str | None, Query(max_length=1_000)] = None,
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1, le=100)] = 50,
    authorization: Authorization = "",
) -> Any:
    """List connections, a page at a time."""
    wanted = ListQuery(contains=name, types=tuple(wanted_types or ()))
    with signed_in(authorization) as context:
        return Connections(context).page(wanted, page, size)


@app.get("/api/connections/{connection_id}", response_model=Connection)
def get_connection(connection_id: int, authorization: Authorization = "") -> Any:
    """Return a connection."""
    with signed_in(authorization) as context:
        return Connections(context).get(connection_id)
