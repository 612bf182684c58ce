"""/api/datastores: the verbs on datastores, and many of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any

from litestar import delete, get, patch, post, put
from litestar.params import QueryParameter

from qualytics.errors import InvalidInput, Problem, TestFailed
from qualytics.fields import DATASTORE_KEYS
from qualytics.model import Scope, Wanted
from qualytics.server import bodies
from qualytics.server.connections import (
    MAX_ID,
    AnyRequest,
    Ids,
    Order,
    Page,
    Reply,
    Seconds,
    Size,
    Text,
    created,
    order,
    required,
    types_of,
)
from qualytics.server.operations import service_of, start
from qualytics.server.runtime import opened, runtime_of
from qualytics.service.connections.verbs import Connections
from qualytics.service.datastores import bulk
from qualytics.service.datastores.fields import SETTINGS
from qualytics.service.datastores.verbs import Datastores
from qualytics.service.rights import READ, TEST, WRITE

OneId = Annotated[int | None, QueryParameter(ge=1, le=MAX_ID, description="id of a connection")]
Kinds = Annotated[list[str] | None, QueryParameter(name="datastore_type", max_items=100, description="types wanted")]
Tags = Annotated[list[str] | None, QueryParameter(name="tag", max_items=100, description="tags that all must be there")]
_TRIGGERS = ("trigger_sync", "trigger_catalog")
_OLD_NAMES = {"enrich_only": "enrichment_only"}
_OWN = ("name", "connection_id", "database", "schema", "root_path", "description", "tags", "teams", "enrichment_only")


@get("/datastores", sync_to_thread=True, opt={"reply": "DatastorePage", "right": READ})
def list_datastores(
    request: AnyRequest,
    wanted_ids: Ids = None,
    wanted_types: Kinds = None,
    tags: Tags = None,
    name: Text = None,
    search: Text = None,
    connection_id: OneId = None,
    enrichment_only: bool = False,
    sort_name: Order = None,
    sort_created: Order = None,
    page: Page = 1,
    size: Size = 50,
) -> Reply:
    """List datastores, a page at a time; `name` is the whole name, `search` a part of it."""
    sort, direction = order(id=sort_created, name=sort_name)
    wanted = Wanted(
        contains=search,
        name_key=name,
        types=types_of(wanted_types),
        ids=tuple(wanted_ids or ()),
        connection_id=connection_id,
        tags=tuple(tags or ()),
        is_enrichment=enrichment_only,
        sort=sort,
        is_descending=direction == "desc",
    )
    with opened(request) as context:
        service = service_of(context)
        found = service.page(wanted, page, size)
        return bodies.reply(found | {"items": list(_outward(service, found["items"]))})


@post("/datastores", status_code=201, opt={"body": "DatastoreCreate", "reply": "Datastore", "right": WRITE})
async def create_datastore(request: AnyRequest, body: bytes) -> Reply:
    """Create a datastore on a connection that is there, or with a connection of its own."""
    given = await bodies.read(request, body)
    triggers = [given.pop(name, None) for name in _TRIGGERS]
    runtime = runtime_of(request)

    def work() -> tuple[Reply, int]:
        with opened(request) as context:
            connections = Connections(context)
            service = Datastores(context, connections)
            made = service.create(*_with_connection(given))
            return _one(service, made, 201, connections.warnings), made["id"]

    answer, datastore_id = await runtime.soon(request, work)
    if True in triggers:
        await start(request, datastore_id)
    return answer


@get("/datastores/{datastore_id:int}", sync_to_thread=True, opt={"reply": "Datastore", "right": READ})
def get_datastore(request: AnyRequest, datastore_id: int) -> Reply:
    """Return a datastore; its ETag is its version."""
    with opened(request) as context:
        service = service_of(context)
        return _one(service, service.get(datastore_id))


@put(
    "/datastores/{datastore_id:int}",
    sync_to_thread=True,
    opt={"body": "DatastorePut", "reply": "Datastore", "right": WRITE, "versioned": True},
)
def put_datastore(request: AnyRequest, datastore_id: int, body: bytes) -> Reply:
    """Change a datastore: what is absent stays, and what a datastore does not have is ignored."""
    given = bodies.fields(request, body)
    known = {*_OWN, *_OLD_NAMES, *SETTINGS}
    fields = _inward({name: value for name, value in given.items() if name in known})
    kept = ("name", "connection_id", "tags", "teams", "enrichment_only")  # null says nothing of these
    fields = {name: value for name, value in fields.items() if not (value is None and name in kept)}
    return _changed(request, datastore_id, fields)


@delete(
    "/datastores/{datastore_id:int}",
    sync_to_thread=True,
    status_code=204,
    opt={"reply": None, "right": WRITE, "versioned": True},
)
def delete_datastore(request: AnyRequest, datastore_id: int) -> None:
    """Delete a datastore; its connection stays."""
    version = bodies.version_of(request)
    with opened(request) as context:
        service_of(context).delete(datastore_id, version=version)


@patch(
    "/datastores/{datastore_id:int}/enrichment/{enrichment_id:int}",
    sync_to_thread=True,
    opt={"reply": "Datastore", "right": WRITE, "versioned": True},
)
def link_enrichment(request: AnyRequest, datastore_id: int, enrichment_id: int) -> Reply:
    """Note which datastore keeps the enrichment of another; nothing else depends on it."""
    with opened(request) as context:
        service_of(context).get(enrichment_id)
    return _changed(request, datastore_id, {"settings": {"enrichment_datastore_id": enrichment_id}})


@delete(
    "/datastores/{datastore_id:int}/enrichment",
    sync_to_thread=True,
    status_code=204,
    opt={"reply": None, "right": WRITE, "versioned": True},
)
def unlink_enrichment(request: AnyRequest, datastore_id: int) -> None:
    """Forget which datastore keeps the enrichment of another."""
    _changed(request, datastore_id, {"settings": {"enrichment_datastore_id": None}})


@patch(
    "/datastores/{datastore_id:int}/favorite",
    sync_to_thread=True,
    opt={"body": "Favorite", "reply": "Datastore", "right": WRITE, "versioned": True},
)
def set_favorite(request: AnyRequest, datastore_id: int, body: bytes) -> Reply:
    """Note whether a datastore is a favourite."""
    given = bodies.fields(request, body)
    required(given, "favorite")
    return _changed(request, datastore_id, {"settings": {"favorite": given["favorite"]}})


@patch(
    "/datastores/{datastore_id:int}/assign-group",
    sync_to_thread=True,
    opt={"body": "Group", "reply": "Datastore", "right": WRITE, "versioned": True},
)
def assign_group(request: AnyRequest, datastore_id: int, body: bytes) -> Reply:
    """Note the group of a datastore; null takes it out of its group."""
    group_id = bodies.fields(request, body).get("group_id")
    return _changed(request, datastore_id, {"settings": {"group_id": group_id}})


@post("/datastores/connection", status_code=204, opt={"body": "DatastoreCreate", "reply": None, "right": TEST})
async def try_datastore(request: AnyRequest, body: bytes, timeout_s: Seconds = None) -> None:
    """Test what a new datastore would read; nothing is stored. A failed test answers 400 with its message."""
    given = await bodies.read(request, body)

    def work() -> None:
        with opened(request) as context:
            inline = given.get("connection")
            if isinstance(inline, dict) and given.get("connection_id") is None:
                scope = Scope(given.get("database"), given.get("schema"), given.get("root_path"))
                report = Connections(context).test_unsaved(created(inline), timeout_s=timeout_s, scope=scope)
            else:
                fields = {name: given[name] for name in _OWN if given.get(name) is not None}
                required(fields, "connection_id")
                report = service_of(context).verify_unsaved(fields, timeout_s=timeout_s)
            if not report["connected"]:
                raise TestFailed(report["message"], report["hint"], report)

    return await runtime_of(request).slowly(request, work)


@post("/datastores/{datastore_id:int}/connection", status_code=200, opt={"reply": "TestReport", "right": TEST})
async def verify_datastore(request: AnyRequest, datastore_id: int, timeout_s: Seconds = None) -> Reply:
    """Test a datastore's connection with its database and schema; a test that ran answers 200."""

    def work() -> Reply:
        with opened(request) as context:
            return bodies.reply(service_of(context).verify(datastore_id, timeout_s=timeout_s))

    return await runtime_of(request).slowly(request, work)


@post(
    "/connections/datastores/validate", status_code=200, opt={"body": "Validate", "reply": "Validated", "right": TEST}
)
async def validate_unsaved(request: AnyRequest, body: bytes, timeout_s: Seconds = None) -> Reply:
    """Say of up to 50 schemas whether datastores on these settings, which are not stored, could read them."""
    given = await bodies.read(request, body)
    inline = _inline(given)
    return await _validated(
        request, given, lambda found, scope: found.test_unsaved(inline, timeout_s=timeout_s, scope=scope)
    )


@post(
    "/connections/{connection_id:int}/datastores/validate",
    status_code=200,
    opt={"body": "Validate", "reply": "Validated", "right": TEST},
)
async def validate_stored(request: AnyRequest, connection_id: int, body: bytes, timeout_s: Seconds = None) -> Reply:
    """Say of up to 50 schemas whether datastores on a connection could read them."""
    given = await bodies.read(request, body)
    return await _validated(
        request, given, lambda found, scope: found.test(connection_id, timeout_s=timeout_s, scope=scope)
    )


async def _validated(
    request: AnyRequest, given: Mapping[str, Any], test: Callable[[Connections, Any], dict[str, Any]]
) -> Reply:
    def one(scope: Any) -> dict[str, Any]:
        with opened(request) as context:  # each test runs in a thread of its own, and so has a context of its own
            return test(Connections(context), scope)

    def work() -> Reply:
        with opened(request) as context, context.audited(TEST, "connection.test"):  # a refusal is told once
            pass
        return bodies.reply(bulk.validate(given, one))

    return await runtime_of(request).slowly(request, work)


@post("/connections/datastores/bulk", status_code=200, opt={"body": "Bulk", "reply": "BulkMade", "right": WRITE})
async def bulk_unsaved(request: AnyRequest, body: bytes) -> Reply:
    """Create a connection, and a datastore for each schema or root path."""
    given = await bodies.read(request, body)
    inline = _inline(given)
    return await _bulk(request, given, lambda found: found.create(inline))


@post(
    "/connections/{connection_id:int}/datastores/bulk",
    status_code=200,
    opt={"body": "Bulk", "reply": "BulkMade", "right": WRITE},
)
async def bulk_stored(request: AnyRequest, connection_id: int, body: bytes) -> Reply:
    """Create a datastore for each schema or root path on a connection."""
    given = await bodies.read(request, body)
    return await _bulk(request, given, lambda found: found.get(connection_id))


async def _bulk(
    request: AnyRequest, given: dict[str, Any], connection: Callable[[Connections], dict[str, Any]]
) -> Reply:
    named = given | {name: _names(given[name]) for name in ("tags", "teams") if given.get(name) is not None}

    def work() -> Reply:
        with opened(request) as context:
            with context.audited(WRITE, "datastore.create"):  # a refusal is told once, not for each datastore
                pass
            found = Connections(context)
            made = bulk.create(named, connection(found), Datastores(context, found))
            return bodies.reply(made, warnings=found.warnings)

    return await runtime_of(request).soon(request, work)


def _changed(request: AnyRequest, datastore_id: int, fields: dict[str, Any]) -> Reply:
    version = bodies.version_of(request)
    with opened(request) as context:
        service = service_of(context)
        return _one(service, service.update(datastore_id, fields, version=version))


def _one(service: Datastores, document: Any, status: int = 200, warnings: Sequence[str] = ()) -> Reply:
    shown = next(iter(_outward(service, [document])))
    return bodies.reply(document.like(shown), status, (*warnings, *service.warnings))


def _outward(service: Datastores, documents: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    documents = list(documents)
    settings = service.settings([found["id"] for found in documents])
    keepers = {found["enrichment_datastore_id"] for found in settings.values() if found.get("enrichment_datastore_id")}
    names = service.names([*keepers])
    for found in documents:
        kept = dict.fromkeys(SETTINGS) | settings.get(found["id"], {})
        # As enrich_datastore, with its name: an id alone would mean another one in a copy on another server.
        keeper = kept.pop("enrichment_datastore_id")
        yield {
            **{key: found[key] for key in DATASTORE_KEYS},
            **kept,
            "teams": [{"name": name} for name in found["teams"]],
            "global_tags": [{"name": name} for name in found["tags"]],
            "enrich_datastore": {"id": keeper, "name": names[keeper]} if keeper in names else None,
        }


def _inward(given: Mapping[str, Any]) -> dict[str, Any]:
    named = {_OLD_NAMES.get(name, name): value for name, value in given.items()}
    fields = {name: value for name, value in named.items() if name not in SETTINGS}
    for name in ("tags", "teams"):
        if fields.get(name) is not None:
            fields[name] = _names(fields[name])
    settings = {name: named[name] for name in SETTINGS if name in named}
    return fields | ({"settings": settings} if settings else {})


def _names(value: Any) -> Any:
    # A reply has teams as objects with a name, and a client may send them back.
    if not isinstance(value, list):
        return value
    return [entry.get("name") if isinstance(entry, dict) else entry for entry in value]


def _with_connection(given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
    # The fields of a new datastore, and those of the connection that is made with it.
    fields = {name: value for name, value in _inward(given).items() if value is not None}
    if "connection" not in fields:
        return fields, None
    if "connection_id" in fields:
        raise InvalidInput([Problem("connection", "give either connection or connection_id, not both")])
    del fields["connection"]
    return fields, _inline(given)


def _inline(given: Mapping[str, Any]) -> dict[str, Any]:
    inline = given.get("connection")
    if not isinstance(inline, dict):
        raise InvalidInput([Problem("connection", "connection must be an object", None, "missing-value")])
    return created(inline)


ROUTES: list[Callable[..., Any]] = [
    *(list_datastores, create_datastore, get_datastore, put_datastore, delete_datastore),
    *(link_enrichment, unlink_enrichment, set_favorite, assign_group, try_datastore, verify_datastore),
    *(validate_unsaved, validate_stored, bulk_unsaved, bulk_stored),
]
