"""/datastores and /connections/7/browse: what is read, and what a connection's server holds that could be."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from litestar import get, post
from litestar.params import QueryParameter

from qualytics import connectors
from qualytics.errors import QualyticsError, VersionChanged
from qualytics.fields import SCOPES
from qualytics.model import MAX_ID, Listing, ListQuery
from qualytics.server import sent_forms
from qualytics.server.operations import service_of
from qualytics.server.parameters import AnyRequest, Text
from qualytics.server.web import forms, session
from qualytics.server.web.connection_pages import connection_of
from qualytics.server.web.pages import shown
from qualytics.server.web.render import Page, redirect
from qualytics.service.connections.discovery import Discovery
from qualytics.service.rights import READ, TEST, WRITE
from qualytics.settings import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qualytics.service.context import Context

# `page` in the query.
Number = Annotated[int, QueryParameter(name="page", ge=1, le=1_000_000_000)]
OneId = Annotated[int | None, QueryParameter(ge=1, le=MAX_ID)]
After = Annotated[int, QueryParameter(ge=0, le=1_000_000_000, description="`next` of the page before")]
_LEVELS = ("catalogs", "schemas", "tables")
_TEXTS = ("name", *SCOPES, "description", "tags")


@get("/datastores", sync_to_thread=True)
def list_datastores(request: AnyRequest, search: Text = None, connection_id: OneId = None, number: Number = 1) -> Page:
    """List datastores, of one connection or of all."""
    with session.opened(request) as context:
        wanted = ListQuery(contains=search or None, connection_id=connection_id, sort="name")
        given = {"search": search, "connection_id": connection_id}
        asked = {name: value for name, value in given.items() if value}
        found = service_of(context).page(wanted, number, PAGE_SIZE)
        names = [one["connection_name"] for one in found["items"]]
        values: dict[str, Any] = {
            "found": found,
            "search": search or "",
            "connection": {"id": connection_id, "name": names[0]} if connection_id and names else None,
            "is_filtered": bool(asked),
            "address_of": lambda page: f"/datastores?{urlencode(asked | {'page': page})}",
        }
        return shown(request, context, "datastores.html", values)


@get("/datastores/new", sync_to_thread=True)
def show_new(request: AnyRequest) -> Page:
    """Show the form of a new datastore on a connection, filled in from the query."""
    with session.opened(request) as context:
        context.require(WRITE)
        typed = {name: value for name, value in request.query_params.items() if name in {*_TEXTS, "connection_id"}}
        return _form(request, context, typed)


@post("/datastores/new", status_code=200)
async def create(request: AnyRequest, body: bytes) -> Page:
    """Store a new datastore."""
    typed = session.form(request, body)
    return await session.answer(request, partial(_saved, request, typed, None))


@get("/datastores/{datastore_id:int}", sync_to_thread=True)
def show_datastore(request: AnyRequest, datastore_id: int) -> Page:
    """Show one datastore; as a form to whoever may change it."""
    with session.opened(request) as context:
        return _form(request, context, None, service_of(context).get(datastore_id))


@post("/datastores/{datastore_id:int}", status_code=200)
async def change(request: AnyRequest, body: bytes, datastore_id: int) -> Page:
    """Store the changes of a datastore."""
    typed = session.form(request, body)
    return await session.answer(request, partial(_saved, request, typed, datastore_id))


@post("/datastores/{datastore_id:int}/delete", status_code=200)
async def remove(request: AnyRequest, body: bytes, datastore_id: int) -> Page:
    """Delete a datastore whose name was typed; its connection stays."""
    typed = session.form(request, body)

    def work(context: Context) -> Page:
        context.require(WRITE)
        document = service_of(context).get(datastore_id)
        if typed.get("confirm", "").strip() != document["name"]:
            return _form(request, context, None, document, status=422, unconfirmed=True)
        service_of(context).delete(datastore_id, version=session.version(typed))
        return redirect(request, "/datastores")

    return await session.answer(request, work)


@get("/connections/{connection_id:int}/browse")
async def browse(
    request: AnyRequest,
    connection_id: int,
    catalog: Text = None,
    schema: Text = None,
    prefix: Text = None,
    after: After = 0,
) -> Page:
    """Show what a connection's server holds: catalogs, the schemas of one, the tables of one of those."""

    def work(context: Context) -> Page:
        context.require(READ)
        context.require(TEST)
        document = connection_of(context, connection_id)
        connector = connectors.get(document["type"])
        level = _level(connector, catalog, schema)
        place = {"catalog": catalog, "schema": schema}
        found: Any = {"items": [], "next": None}
        error: QualyticsError | None = None
        try:
            found = _found(Discovery(context), connection_id, level, place, Listing("tables", prefix or "", after))
        except QualyticsError as exc:
            error = exc
        here = {name: value for name, value in place.items() if value is not None}
        values = {
            "connection": document,
            "level": level,
            "here": here,
            "prefix": prefix or "",
            "rows": [_row(connection_id, connector, level, here, prefix, item) for item in found["items"]],
            "whole": _datastore_address(connection_id, connector, here, prefix),
            "next": _address(connection_id, **here, prefix=prefix, after=found["next"]) if found["next"] else None,
            "error": error,
        }
        # A server that cannot be asked is what the page is there to tell.
        status = error.http_status if error is not None and error.report is None else 200
        return shown(request, context, "browse.html", values, status)

    return await session.answer(request, work, is_test=True)


def _level(connector: Any, catalog: str | None, schema: str | None) -> str:
    """Return what to list below a place: the first level that the type has and that is not chosen yet."""
    if schema is not None:
        return "tables"
    wanted = _LEVELS if catalog is None else _LEVELS[1:]
    return next((level for level in wanted if getattr(connector, level) is not None), "tables")


def _found(
    discovery: Discovery, connection_id: int, level: str, place: Mapping[str, str | None], listing: Listing
) -> Any:
    if level == "catalogs":
        return discovery.catalogs(connection_id)
    if level == "schemas":
        return discovery.schemas(connection_id, catalog=place["catalog"])
    return discovery.tables(connection_id, listing, catalog=place["catalog"], schema=place["schema"])


def _row(
    connection_id: int, connector: Any, level: str, here: Mapping[str, str], prefix: str | None, item: Mapping[str, Any]
) -> dict[str, Any]:
    """Return one name with the address of what is in it, and that of a datastore which would read it."""
    inside, datastore = None, None
    if level != "tables":
        place = {**here, level.removesuffix("s"): item["name"]}
        inside = _address(connection_id, **place)
        if level == "schemas" or connector.schemas is None:
            datastore = _datastore_address(connection_id, connector, place, prefix)
    elif connector.kind == "dfs" and item["name"].endswith("/"):
        inside = _address(connection_id, prefix=item["name"])
        datastore = _datastore_address(connection_id, connector, here, item["name"])
    return {"item": item, "inside": inside, "datastore": datastore}


def _address(connection_id: int, **query: str | None) -> str:
    asked = {name: value for name, value in query.items() if value}
    return f"/connections/{connection_id}/browse" + (f"?{urlencode(asked)}" if asked else "")


def _datastore_address(connection_id: int, connector: Any, here: Mapping[str, str], prefix: str | None) -> str | None:
    """Return where a datastore of a place is made, None where the place is not one yet."""
    takes = {*connector.scope, *connector.scope_optional}
    place = {"database": here.get("catalog"), "schema": here.get("schema"), "root_path": prefix}
    known = {name: value for name, value in place.items() if value and name in takes}
    if not known or not known.keys() >= set(connector.scope):
        return None
    return f"/datastores/new?{urlencode({'connection_id': str(connection_id), **known})}"


def _saved(request: AnyRequest, typed: Mapping[str, str], datastore_id: int | None, context: Context) -> Page:
    context.require(WRITE)
    service = service_of(context)
    document = service.get(datastore_id) if datastore_id is not None else None
    if typed.get("_do") == "show":
        return _form(request, context, typed, document)
    given: dict[str, Any] = {name: typed.get(name, "").strip() or None for name in _TEXTS if name in typed}
    given["tags"] = [tag.strip() for tag in typed.get("tags", "").split(",") if tag.strip()]
    try:
        if datastore_id is None:
            text = typed.get("connection_id", "")
            number = sent_forms.id_in(text)
            given["connection_id"] = text or None if number is None else number
            saved = service.create({name: value for name, value in given.items() if value})
        else:
            version = session.version(typed)
            if document is not None and version != getattr(document, "version", None):
                raise VersionChanged("this datastore was changed since the form was opened; it is shown as it is now")
            saved = service.update(datastore_id, given, version=version)
    except QualyticsError as exc:
        return _form(request, context, typed, document, exc)
    return redirect(request, f"/datastores/{saved['id']}")


def _form(
    request: AnyRequest,
    context: Context,
    typed: Mapping[str, str] | None,
    document: Mapping[str, Any] | None = None,
    error: QualyticsError | None = None,
    *,
    status: int | None = None,
    unconfirmed: bool = False,
) -> Page:
    before = document or {}
    stored = {
        name: ", ".join(before[name]) if name == "tags" else before[name] or "" for name in _TEXTS if name in before
    }
    values = stored | {name: value for name, value in (typed or {}).items() if name in {*_TEXTS, "connection_id"}}
    connection_id = before.get("connection_id") or values.get("connection_id", "")
    number = sent_forms.id_in(str(connection_id))
    connection = connection_of(context, number) if number is not None else None
    connector = connectors.get(connection["type"]) if connection is not None else None
    takes = (*connector.scope, *connector.scope_optional) if connector is not None else SCOPES
    problems = forms.problems_of(error)
    known = {"connection_id", *_TEXTS}
    page_values = {
        "datastore": document,
        "connection": connection,
        "values": values,
        "places": [name for name in SCOPES if name in takes],
        "needed": connector.scope if connector is not None else (),
        "problems": {name: [one for one in problems if one.loc.partition(".")[0] == name] for name in known},
        "others": [one for one in problems if one.loc.partition(".")[0] not in known],
        "error": error if not problems else None,
        "version": getattr(document, "version", None),
        "theirs": stored if isinstance(error, VersionChanged) else {},
        "unconfirmed": unconfirmed,
    }
    return shown(
        request, context, "datastore.html", page_values, status or (error.http_status if error is not None else 200)
    )


ROUTES: list[Callable[..., Any]] = [
    *(list_datastores, show_new, create, show_datastore, change, remove, browse),
]
