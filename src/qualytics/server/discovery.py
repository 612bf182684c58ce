"""/api/connections/…/catalogs, schemas and tables: what a connection can see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from litestar import get, post
from litestar.params import Parameter

from qualytics.model import LISTING_SIZE, MAX_LISTING_SIZE, Listing
from qualytics.server import bodies
from qualytics.server.parameters import AnyRequest, Reply, Seconds, Text, record_of, with_names
from qualytics.server.runtime import answer
from qualytics.service.connections.discovery import Discovery
from qualytics.service.rights import TEST

if TYPE_CHECKING:
    from collections.abc import Callable

Limit = Annotated[int, Parameter(ge=1, le=MAX_LISTING_SIZE, description="names of a page")]
After = Annotated[int, Parameter(ge=0, le=1_000_000_000, description="`next` of the page before")]


async def _found(request: AnyRequest, work: Callable[[Discovery], Any]) -> Reply:
    return await answer(request, lambda context: bodies.reply(work(Discovery(context))), is_test=True)


@get("/connections/{connection_id:int}/catalogs", opt={"reply": "Names", "right": TEST})
async def list_catalogs(request: AnyRequest, timeout_s: Seconds = None) -> Reply:
    """List the catalogs (databases) of a connection's server, each with the datastores that read it."""
    return await _found(request, lambda found: found.catalogs(record_of(request), timeout_s=timeout_s)["items"])


@get("/connections/{connection_id:int}/schemas", opt={"reply": "Names", "right": TEST})
async def list_schemas(request: AnyRequest, catalog: Text = None, timeout_s: Seconds = None) -> Reply:
    """List the schemas of a catalog, each with the datastores that read it."""
    return await _found(
        request, lambda found: found.schemas(record_of(request), catalog=catalog, timeout_s=timeout_s)["items"]
    )


@get("/connections/{connection_id:int}/tables", opt={"reply": "Tables", "right": TEST})
async def list_tables(
    request: AnyRequest,
    catalog: Text = None,
    schema: Text = None,
    prefix: Text = None,
    after: After = 0,
    limit: Limit = LISTING_SIZE,
    timeout_s: Seconds = None,
) -> Reply:
    """List the tables and views of a schema, or the prefixes and objects of an object store."""
    listing = Listing("tables", prefix=prefix or "", skip=after, limit=limit)
    return await _found(
        request,
        lambda found: found.tables(record_of(request), listing, catalog=catalog, schema=schema, timeout_s=timeout_s),
    )


@post("/connections/catalogs", status_code=200, opt={"body": "ConnectionCreate", "reply": "Strings", "right": TEST})
async def unsaved_catalogs(request: AnyRequest, body: bytes, timeout_s: Seconds = None) -> Reply:
    """List the catalogs that settings which are not stored can see."""
    given = await bodies.read(request, body)
    return await _found(request, lambda found: found.unsaved(given, "catalogs", timeout_s=timeout_s))


@post("/connections/schemas", status_code=200, opt={"body": "ConnectionCreate", "reply": "Strings", "right": TEST})
async def unsaved_schemas(request: AnyRequest, body: bytes, catalog: Text = None, timeout_s: Seconds = None) -> Reply:
    """List the schemas that settings which are not stored can see."""
    given = await bodies.read(request, body)
    return await _found(request, lambda found: found.unsaved(given, "schemas", catalog=catalog, timeout_s=timeout_s))


ROUTES: list[Callable[..., Any]] = with_names(
    [list_catalogs, list_schemas, list_tables, unsaved_catalogs, unsaved_schemas]
)
