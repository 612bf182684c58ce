"""/api/connections: the verbs on connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import delete, get, patch, post, put

from qualytics.model import ListQuery, Scope
from qualytics.server import bodies
from qualytics.server.parameters import (
    AnyRequest,
    DryRun,
    Ids,
    Order,
    Page,
    Reply,
    Seconds,
    Size,
    States,
    Tags,
    Text,
    Types,
    order,
    record_of,
    types_of,
    with_names,
)
from qualytics.server.runtime import answer, opened
from qualytics.server.stage_stream import Changed, answer_change, answer_test
from qualytics.service.connections import imports, past_tests
from qualytics.service.connections.explain import explain
from qualytics.service.connections.imports import Imports
from qualytics.service.connections.verbs import Connections
from qualytics.service.rights import READ, TEST, WRITE
from qualytics.settings import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qualytics.model import OnStage
    from qualytics.service.context import Context
    from qualytics.types import TestReport


@get("/connections", sync_to_thread=True, opt={"reply": "ConnectionPage", "right": READ})
def list_connections(
    request: AnyRequest,
    wanted_ids: Ids = None,
    wanted_types: Types = None,
    tags: Tags = None,
    owner: Text = None,
    name: Text = None,
    name_exact: Text = None,
    search: Text = None,
    states: States = None,
    sort_id: Order = None,
    sort_created: Order = None,
    sort_name: Order = None,
    sort_type: Order = None,
    sort_state: Order = None,
    page: Page = 1,
    size: Size = PAGE_SIZE,
) -> Reply:
    """List connections, a page at a time.

    `name` is a part of the name, `name_exact` the whole; `search` a part of name, tag, owner, host, uri or datastore;
    an empty `owner` stands for none. Sorted by state, the worst are first.
    """
    sort, direction = order(id=sort_id or sort_created, name=sort_name, type=sort_type, state=sort_state)
    wanted = ListQuery(
        contains=name,
        name_key=name_exact,
        search=search,
        types=types_of(wanted_types),
        ids=tuple(wanted_ids or ()),
        tags=tuple(tags or ()),
        owner=owner,
        states=tuple(states or ()),
        sort=sort,
        is_descending=direction == "desc",
    )
    with opened(request) as context:
        return bodies.reply(Connections(context).page(wanted, page, size))


@post(
    "/connections",
    status_code=200,
    opt={"body": "ConnectionCreate", "reply": "Connection", "lines": "ChangeLine", "right": WRITE},
)
async def create_connection(
    request: AnyRequest,
    body: bytes,
    test: bool = False,
    timeout_s: Seconds = None,
    database: Text = None,
    schema: Text = None,
) -> Reply:
    """Create a connection; with `test`, only if a test of it passes, which may look at a database and schema."""
    given, scope = await bodies.read(request, body), Scope(database, schema)

    def work(context: Context, on_stage: OnStage | None) -> Changed:
        service = Connections(context)
        document = service.create(given, test=test, timeout_s=timeout_s, scope=scope, on_stage=on_stage)
        return Changed(document, service.warnings, service.report)

    return await answer_change(request, work, is_tested=test)


@get("/connections/{connection_id:int}", sync_to_thread=True, opt={"reply": "Connection", "right": READ})
def get_connection(request: AnyRequest) -> Reply:
    """Return a connection; its ETag is its version."""
    with opened(request) as context:
        return bodies.reply(Connections(context).get(record_of(request)))


@put(
    "/connections/{connection_id:int}",
    opt={"body": "ConnectionPut", "reply": "Connection", "lines": "ChangeLine", "right": WRITE, "versioned": True},
)
async def put_connection(
    request: AnyRequest,
    body: bytes,
    test: bool = False,
    dry_run: DryRun = False,
    timeout_s: Seconds = None,
    database: Text = None,
    schema: Text = None,
) -> Reply:
    """Change a connection: what is absent stays, null clears a field but keeps a secret, parameters merge by key."""
    how = {"test": test, "dry_run": dry_run, "timeout_s": timeout_s, "scope": Scope(database, schema)}
    return await _changed(request, Connections.replace, body, **how)


@patch(
    "/connections/{connection_id:int}",
    opt={"body": "ConnectionPatch", "reply": "Connection", "lines": "ChangeLine", "right": WRITE, "versioned": True},
)
async def patch_connection(
    request: AnyRequest,
    body: bytes,
    test: bool = False,
    dry_run: DryRun = False,
    timeout_s: Seconds = None,
    database: Text = None,
    schema: Text = None,
) -> Reply:
    """Change a connection as a JSON merge patch does: null clears, secrets included."""
    how = {"test": test, "dry_run": dry_run, "timeout_s": timeout_s, "scope": Scope(database, schema)}
    return await _changed(request, Connections.update, body, **how)


async def _changed(request: AnyRequest, verb: Callable[..., Mapping[str, Any]], body: bytes, **how: Any) -> Reply:
    record, version = record_of(request), bodies.version_of(request)
    given = await bodies.read(request, body)

    def work(context: Context, on_stage: OnStage | None) -> Changed:
        service = Connections(context)
        document = verb(service, record, given, version=version, on_stage=on_stage, **how)
        return Changed(document, service.warnings, service.report)

    return await answer_change(request, work, is_tested=how["test"])


@post(
    "/connections/{connection_id:int}/copy",
    sync_to_thread=True,
    status_code=200,
    opt={"body": "ConnectionCopy", "reply": "Connection", "right": WRITE},
)
def copy_connection(request: AnyRequest, body: bytes, dry_run: DryRun = False) -> Reply:
    """Store a copy under another name, with its secrets, and with the changes of the body as of a JSON merge patch."""
    record, given = record_of(request), bodies.fields(request, body)
    bodies.require(given, "name")
    with opened(request) as context:
        service = Connections(context)
        document = service.copy(record, given["name"], given, dry_run=dry_run)
        return bodies.reply(document, warnings=service.warnings)


@delete(
    "/connections/{connection_id:int}",
    sync_to_thread=True,
    status_code=200,
    opt={"reply": "Deleted", "right": WRITE, "versioned": True},
)
def delete_connection(request: AnyRequest, dry_run: DryRun = False) -> Reply:
    """Delete a connection that nothing uses."""
    record, version = record_of(request), bodies.version_of(request)
    with opened(request) as context:
        return bodies.deleted(request, Connections(context).delete(record, version=version, dry_run=dry_run))


@get("/connections/{connection_id:int}/history", sync_to_thread=True, opt={"reply": "History", "right": READ})
def get_history(request: AnyRequest) -> Reply:
    """Return who changed a connection, when, and the names of what changed."""
    with opened(request) as context:
        return bodies.reply(Connections(context).history(record_of(request)))


@get("/connections/{connection_id:int}/tests", sync_to_thread=True, opt={"reply": "PastTestPage", "right": READ})
def list_tests(request: AnyRequest, page: Page = 1, size: Size = PAGE_SIZE) -> Reply:
    """List the last tests of a connection, the newest first, a page at a time; a hundred are kept."""
    with opened(request) as context:
        return bodies.reply(past_tests.page(context, record_of(request), page, size))


@post(
    "/connections/test",
    status_code=200,
    opt={"body": "ConnectionCreate", "reply": "TestReport", "lines": "TestLine", "right": TEST},
)
async def try_unsaved(
    request: AnyRequest, body: bytes, timeout_s: Seconds = None, database: Text = None, schema: Text = None
) -> Reply:
    """Test settings that are not stored, and a database and schema where they are named."""
    given, scope = await bodies.read(request, body), Scope(database, schema)

    def work(context: Context, on_stage: OnStage | None) -> TestReport:
        return Connections(context).test_unsaved(given, timeout_s=timeout_s, scope=scope, on_stage=on_stage)

    return await answer_test(request, work)


@post(
    "/connections/{connection_id:int}/test",
    status_code=200,
    opt={"body": "ConnectionPatch", "reply": "TestReport", "lines": "TestLine", "right": TEST, "body_optional": True},
)
async def try_connection(
    request: AnyRequest,
    body: bytes,
    timeout_s: Seconds = None,
    database: Text = None,
    schema: Text = None,
) -> Reply:
    """Test a connection, with the fields of the body in place of stored ones; a test that ran answers 200."""
    record, scope = record_of(request), Scope(database, schema)
    given = await bodies.read(request, body)

    def work(context: Context, on_stage: OnStage | None) -> TestReport:
        return Connections(context).test(record, given, timeout_s=timeout_s, scope=scope, on_stage=on_stage)

    return await answer_test(request, work)


@post(
    "/connections/import",
    status_code=200,
    opt={"body": "ConnectionImport", "reply": "ConnectionImported", "right": WRITE, "is_set": True},
)
async def import_connections(request: AnyRequest, dry_run: DryRun = False) -> Reply:
    """Create a set of connections, all or none; a name that is taken gets a number, what is there is left alone."""
    async with bodies.read_set(request) as given:

        def work(context: Context) -> Reply:
            return bodies.reply({"connections": Imports(context).create(imports.listed(given), dry_run=dry_run)})

        return await answer(request, work)


@post("/connections/explain", status_code=200, opt={"body": "Message", "reply": "Explanation", "right": READ})
async def explain_message(request: AnyRequest, body: bytes) -> Reply:
    """Say what an error message, or a code, of any other tool means; nothing is stored, and no server is asked."""
    message = await bodies.read(request, body)

    def work(context: Context) -> Reply:
        context.require(READ)
        return bodies.reply(explain(message.get("type"), message.get("message")))

    return await answer(request, work)


ROUTES: list[Callable[..., Any]] = with_names(
    [
        *(list_connections, create_connection, get_connection, put_connection, patch_connection),
        *(copy_connection, delete_connection, get_history, list_tests, try_unsaved, try_connection),
        *(import_connections, explain_message),
    ]
)
