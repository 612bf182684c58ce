"""What only clients of other servers of this API ask for: short lists, old names of fields, notes on datastores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import delete, get, patch

from qualytics.errors import UsageError
from qualytics.server import bodies
from qualytics.server.datastores import change
from qualytics.server.operations import service_of
from qualytics.server.parameters import AnyRequest, Page, Reply, Size
from qualytics.server.runtime import opened
from qualytics.service import documents
from qualytics.service.connections.verbs import Connections
from qualytics.service.rights import READ, WRITE
from qualytics.settings import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_STUBS = 10_000
_STUB_KEYS = ("created", "id", "name", "connection_type", "type")


@get("/connections/listing", sync_to_thread=True, opt={"reply": "ConnectionStubs", "right": READ})
def list_stubs(request: AnyRequest) -> Reply:
    """List connections in short, by name; where there are very many, GET /connections has pages."""
    with opened(request) as context:
        stubs = list(Connections(context).list(sort="name", limit=_MAX_STUBS + 1))
        if len(stubs) > _MAX_STUBS:
            raise UsageError(f"there are more than {_MAX_STUBS:,} connections", "GET /connections lists them in pages")
        return bodies.reply([{key: dict[str, Any](document)[key] for key in _STUB_KEYS} for document in stubs])


@patch(
    "/datastores/{datastore_id:int}/enrichment/{enrichment_id:int}",
    sync_to_thread=True,
    opt={"reply": "Datastore", "right": WRITE, "versioned": True},
)
def link_enrichment(request: AnyRequest, datastore_id: int, enrichment_id: int) -> Reply:
    """Note which datastore keeps the enrichment of another; nothing else depends on it."""
    with opened(request) as context:
        service_of(context).get(enrichment_id)
    return change(request, datastore_id, {"enrichment_datastore_id": enrichment_id})


@delete(
    "/datastores/{datastore_id:int}/enrichment",
    sync_to_thread=True,
    status_code=204,
    opt={"reply": None, "right": WRITE, "versioned": True},
)
def unlink_enrichment(request: AnyRequest, datastore_id: int) -> None:
    """Forget which datastore keeps the enrichment of another."""
    change(request, datastore_id, {"enrichment_datastore_id": None})


@patch(
    "/datastores/{datastore_id:int}/favorite",
    sync_to_thread=True,
    opt={"body": "Favorite", "reply": "Datastore", "right": WRITE, "versioned": True},
)
def set_favorite(request: AnyRequest, datastore_id: int, body: bytes) -> Reply:
    """Note whether a datastore is a favourite."""
    given = bodies.fields(request, body)
    bodies.require(given, "favorite")
    return change(request, datastore_id, {"favorite": given["favorite"]})


@patch(
    "/datastores/{datastore_id:int}/assign-group",
    sync_to_thread=True,
    opt={"body": "Group", "reply": "Datastore", "right": WRITE, "versioned": True},
)
def assign_group(request: AnyRequest, datastore_id: int, body: bytes) -> Reply:
    """Note the group of a datastore; null takes it out of its group."""
    return change(request, datastore_id, {"group_id": bodies.fields(request, body).get("group_id")})


@get("/containers", sync_to_thread=True, opt={"reply": "EmptyPage", "right": READ})
def list_containers(request: AnyRequest, page: Page = 1, size: Size = PAGE_SIZE) -> Reply:
    """Return an empty page: this product holds connections and datastores, and no containers."""
    return _empty(request, page, size)


@get("/quality-checks", sync_to_thread=True, opt={"reply": "EmptyPage", "right": READ})
def list_checks(request: AnyRequest, page: Page = 1, size: Size = PAGE_SIZE) -> Reply:
    """Return an empty page: this product holds connections and datastores, and no checks."""
    return _empty(request, page, size)


def _empty(request: AnyRequest, page: int, size: int) -> Reply:
    with opened(request) as context:
        context.require(READ)
        return bodies.reply(documents.page([], 0, page, size))


ROUTES: list[Callable[..., Any]] = [
    *(list_stubs, link_enrichment, unlink_enrichment, set_favorite, assign_group),
    *(list_containers, list_checks),
]
