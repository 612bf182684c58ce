"""/api/datastores: the verbs on datastores, and many of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from litestar import delete, get, patch, post, put
from litestar.params import QueryParameter

from qualytics.errors import TestFailed
from qualytics.fields import DATASTORE_KEYS
from qualytics.model import MAX_ID, Document, ListQuery
from qualytics.server import bodies
from qualytics.server.operations import service_of, start
from qualytics.server.parameters import (
    AnyRequest,
    DryRun,
    Ids,
    Order,
    Page,
    Reply,
    Seconds,
    Size,
    Tags,
    Text,
    order,
    record_of,
    types_of,
    with_names,
)
from qualytics.server.runtime import answer, opened, runtime_of
from qualytics.server.stage_stream import answer_test
from qualytics.service.context import Context
from qualytics.service.datastores import bulk
from qualytics.service.datastores.fields import SETTINGS
from qualytics.service.datastores.verbs import Datastores
from qualytics.service.rights import READ, TEST, WRITE
from qualytics.settings import PAGE_SIZE

if TYPE_CHECKING:
    from qualytics.model import OnStage
    from qualytics.types import TestReport

OneId = Annotated[int | None, QueryParameter(ge=1, le=MAX_ID, description="id of a connection")]
Kinds = Annotated[list[str] | None, QueryParameter(name="datastore_type", max_items=100, description="types wanted")]
# What only old clients send: other names of fields, and what is to be started at once.
_OLD_NAMES = {"enrich_only": "enrichment_only"}
_TRIGGERS = ("trigger_sync", "trigger_catalog")


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
    size: Size = PAGE_SIZE,
) -> Reply:
    """List datastores, a page at a time; `name` is the whole name, `search` a part of it."""
    sort, direction = order(id=sort_created, name=sort_name)
    wanted = ListQuery(
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
        document = service.page(wanted, page, size)
        return bodies.reply(document | {"items": list(_as_replies(service, document["items"]))})


@post("/datastores", status_code=201, opt={"body": "DatastoreCreate", "reply": "Datastore", "right": WRITE})
async def create_datastore(request: AnyRequest, body: bytes) -> Reply:
    """Create a datastore on a connection that is there, or with a connection of its own."""
    given = _renamed(await bodies.read(request, body))
    triggers = [given.pop(name, None) for name in _TRIGGERS]

    def work(context: Context) -> tuple[Reply, int]:
        service = service_of(context)
        document = service.create(given)
        return _reply(service, document, 201), document["id"]

    made, datastore_id = await answer(request, work)
    if True in triggers:
        await start(request, datastore_id)
    return made


@get("/datastores/{datastore_id:int}", sync_to_thread=True, opt={"reply": "Datastore", "right": READ})
def get_datastore(request: AnyRequest) -> Reply:
    """Return a datastore; its ETag is its version."""
    with opened(request) as context:
        service = service_of(context)
        return _reply(service, service.get(record_of(request)))


@put(
    "/datastores/{datastore_id:int}",
    sync_to_thread=True,
    opt={"body": "DatastorePut", "reply": "Datastore", "right": WRITE, "versioned": True},
)
def put_datastore(request: AnyRequest, body: bytes, dry_run: DryRun = False) -> Reply:
    """Change a datastore: what is absent stays, and what a datastore does not have is ignored."""
    return change(
        request, record_of(request), _renamed(bodies.fields(request, body)), Datastores.replace, dry_run=dry_run
    )


@patch(
    "/datastores/{datastore_id:int}",
    sync_to_thread=True,
    opt={"body": "DatastorePatch", "reply": "Datastore", "right": WRITE, "versioned": True},
)
def patch_datastore(request: AnyRequest, body: bytes, dry_run: DryRun = False) -> Reply:
    """Change a datastore as a JSON merge patch does: null clears."""
    return change(request, record_of(request), bodies.fields(request, body), dry_run=dry_run)


@delete(
    "/datastores/{datastore_id:int}",
    sync_to_thread=True,
    status_code=200,
    opt={"reply": "Deleted", "right": WRITE, "versioned": True},
)
def delete_datastore(request: AnyRequest, dry_run: DryRun = False) -> Reply:
    """Delete a datastore; its connection stays."""
    record, version = record_of(request), bodies.version_of(request)
    with opened(request) as context:
        return bodies.deleted(request, service_of(context).delete(record, version=version, dry_run=dry_run))


@post("/datastores/connection", status_code=204, opt={"body": "DatastoreCreate", "reply": None, "right": TEST})
async def try_datastore(request: AnyRequest, body: bytes, timeout_s: Seconds = None) -> None:
    """Test what a new datastore would read; nothing is stored. A failed test answers 400 with its message."""
    given = await bodies.read(request, body)

    def work(context: Context) -> None:
        report = service_of(context).verify_unsaved(given, timeout_s=timeout_s)
        if not report["connected"]:
            raise TestFailed(report["message"], report["hint"], report)

    return await answer(request, work, is_test=True)


@post(
    "/datastores/{datastore_id:int}/connection",
    status_code=200,
    opt={"reply": "TestReport", "lines": "TestLine", "right": TEST},
)
async def verify_datastore(request: AnyRequest, timeout_s: Seconds = None) -> Reply:
    """Test a datastore's connection with its database and schema; a test that ran answers 200."""
    record = record_of(request)

    def work(context: Context, on_stage: OnStage | None) -> TestReport:
        return service_of(context).verify(record, timeout_s=timeout_s, on_stage=on_stage)

    return await answer_test(request, work)


@post(
    "/connections/datastores/validate", status_code=200, opt={"body": "Validate", "reply": "Validated", "right": TEST}
)
async def validate_unsaved(request: AnyRequest, body: bytes, timeout_s: Seconds = None) -> Reply:
    """Say of up to 50 schemas whether datastores on these settings, which are not stored, could read them."""
    return await _validated(request, body, timeout_s)


@post(
    "/connections/{connection_id:int}/datastores/validate",
    status_code=200,
    opt={"body": "Validate", "reply": "Validated", "right": TEST},
)
async def validate_stored(request: AnyRequest, body: bytes, timeout_s: Seconds = None) -> Reply:
    """Say of up to 50 schemas whether datastores on a connection could read them."""
    return await _validated(request, body, timeout_s, record_of(request))


async def _validated(
    request: AnyRequest, body: bytes, timeout_s: float | None, record: int | str | None = None
) -> Reply:
    given = await bodies.read(request, body)

    def work() -> Reply:
        return bodies.reply(bulk.validate(partial(opened, request), given, record, timeout_s=timeout_s))

    return await runtime_of(request).in_test_pool(request, work)


@post("/connections/datastores/bulk", status_code=200, opt={"body": "Bulk", "reply": "BulkMade", "right": WRITE})
async def bulk_unsaved(request: AnyRequest, body: bytes) -> Reply:
    """Create a connection, and a datastore for each schema or root path; all that can be, or nothing."""
    return await _bulk(request, body)


@post(
    "/connections/{connection_id:int}/datastores/bulk",
    status_code=200,
    opt={"body": "Bulk", "reply": "BulkMade", "right": WRITE},
)
async def bulk_stored(request: AnyRequest, body: bytes) -> Reply:
    """Create a datastore for each schema or root path on a connection."""
    return await _bulk(request, body, record_of(request))


async def _bulk(request: AnyRequest, body: bytes, record: int | str | None = None) -> Reply:
    given = _renamed(await bodies.read(request, body))

    def work(context: Context) -> Reply:
        made, warnings = bulk.create(context, given, record)
        return bodies.reply(made, warnings=warnings)

    return await answer(request, work)


def change(
    request: AnyRequest,
    record: int | str,
    given: Mapping[str, Any],
    verb: Callable[..., Mapping[str, Any]] = Datastores.update,
    *,
    dry_run: bool = False,
) -> Reply:
    """Change a datastore for whoever sent a request, and answer with it."""
    version = bodies.version_of(request)
    with opened(request) as context:
        service = service_of(context)
        return _reply(service, verb(service, record, given, version=version, dry_run=dry_run))


def _reply(service: Datastores, document: Any, status: int = 200) -> Reply:
    shown = next(iter(_as_replies(service, [document])))
    return bodies.reply(Document.of(shown, document.version), status, service.warnings)


def _as_replies(service: Datastores, documents: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    documents = list(documents)
    settings = service.settings([document["id"] for document in documents])
    keepers = {found["enrichment_datastore_id"] for found in settings.values() if found.get("enrichment_datastore_id")}
    names = service.names([*keepers])
    for document in documents:
        kept = dict.fromkeys(SETTINGS) | settings.get(document["id"], {})
        # As enrich_datastore, with its name: an id alone would mean another one in a copy on another server.
        keeper = kept.pop("enrichment_datastore_id")
        yield {
            **{key: document[key] for key in DATASTORE_KEYS},
            **kept,
            "teams": [{"name": name} for name in document["teams"]],
            "global_tags": [{"name": name} for name in document["tags"]],
            "enrich_datastore": {"id": keeper, "name": names[keeper]} if keeper in names else None,
        }


def _renamed(given: Mapping[str, Any]) -> dict[str, Any]:
    return {_OLD_NAMES.get(name, name): value for name, value in given.items()}


ROUTES: list[Callable[..., Any]] = with_names(
    [
        *(list_datastores, create_datastore, get_datastore, put_datastore, patch_datastore, delete_datastore),
        *(try_datastore, verify_datastore, validate_unsaved, validate_stored, bulk_unsaved, bulk_stored),
    ]
)
