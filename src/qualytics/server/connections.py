"""/api/connections: the verbs on connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from litestar import Request, Response, delete, get, patch, post, put
from litestar.datastructures import State
from litestar.params import Parameter, QueryParameter

from qualytics import connectors
from qualytics.errors import InvalidInput, Problem, UsageError
from qualytics.fields import BY_NAME, DETECTED, SECRETS
from qualytics.model import Scope, Wanted
from qualytics.server import bodies
from qualytics.server.runtime import at_once, in_thread, opened, runtime_of
from qualytics.service import validate
from qualytics.service.connections.verbs import Connections
from qualytics.service.context import Context
from qualytics.service.rights import READ, TEST, WRITE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

AnyRequest = Request[Any, Any, State]
Reply = Response[bytes]
Page = Annotated[int, Parameter(ge=1, le=1_000_000_000, description="number of the page, from 1")]
Size = Annotated[int, Parameter(ge=1, le=100, description="records of a page")]
Order = Annotated[str | None, Parameter(pattern="^(asc|desc)$", description="asc or desc")]
# No record has a greater number, and no store can hold one that is much greater.
MAX_ID = 2**53
Id = Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]
Ids = Annotated[list[Id] | None, QueryParameter(name="id", max_items=100, description="ids that are wanted")]
Types = Annotated[list[str] | None, QueryParameter(name="type", max_items=100, description="types that are wanted")]
Text = Annotated[str | None, Parameter(max_length=1_000)]
Seconds = Annotated[float | None, Parameter(gt=0, le=300, description="seconds from the start of the test")]

# So far into a list a page costs next to nothing.
_NEAR = 1_000
_MANY = 20_000
_MAX_STUBS = 10_000
# What a reply holds beside fields: a client may send it back, and it changes nothing.
_READ_ONLY = frozenset({"id", "connection_type", *DETECTED, "datastores", "created"})


@get("/connections", opt={"reply": "ConnectionPage", "right": READ})
async def list_connections(
    request: AnyRequest,
    wanted_ids: Ids = None,
    wanted_types: Types = None,
    name: Text = None,
    name_exact: Text = None,
    sort_id: Order = None,
    sort_created: Order = None,
    sort_name: Order = None,
    sort_type: Order = None,
    page: Page = 1,
    size: Size = 50,
) -> Reply:
    """List connections, a page at a time; `name` is a part of it, `name_exact` the whole."""
    sort, direction = order(id=sort_id or sort_created, name=sort_name, type=sort_type)
    wanted = Wanted(
        contains=name,
        name_key=name_exact,
        types=types_of(wanted_types),
        ids=tuple(wanted_ids or ()),
        sort=sort,
        is_descending=direction == "desc",
    )

    runtime = runtime_of(request)

    def read(context: Context) -> Reply:
        found = Connections(context).page(wanted, page, size)
        runtime.longest = max(runtime.longest, found["total"])
        return bodies.reply(found)

    # A part of a name is looked for in all of them, a late page is counted up to, and so is the total of many.
    if name or page * size > _NEAR or runtime.longest > _MANY:
        return await in_thread(request, read)
    return await at_once(request, read)


@post("/connections", status_code=200, opt={"body": "ConnectionCreate", "reply": "Connection", "right": WRITE})
async def create_connection(
    request: AnyRequest,
    body: bytes,
    test: bool = False,
    timeout_s: Seconds = None,
    database: Text = None,
    schema: Text = None,
) -> Reply:
    """Create a connection; with `test`, only if a test of it passes, which may look at a database and schema."""
    given = created(await bodies.read(request, body))

    def work() -> Reply:
        with opened(request) as context:
            service = Connections(context)
            return bodies.reply(
                service.create(given, test=test, timeout_s=timeout_s, scope=Scope(database, schema)),
                warnings=service.warnings,
            )

    return await runtime_of(request).soon(request, work, is_slow=test)


@get("/connections/listing", sync_to_thread=True, opt={"reply": "ConnectionStubs", "right": READ})
def list_stubs(request: AnyRequest) -> Reply:
    """List connections in short, by name; where there are very many, GET /connections has pages."""
    with opened(request) as context:
        found = list(Connections(context).list(sort="name", limit=_MAX_STUBS + 1))
        if len(found) > _MAX_STUBS:
            raise UsageError(f"there are more than {_MAX_STUBS:,} connections", "GET /connections lists them in pages")
        keys = ("created", "id", "name", "connection_type", "type")
        return bodies.reply([{key: document[key] for key in keys} for document in found])


@get("/connections/{connection_id:int}", opt={"reply": "Connection", "right": READ})
async def get_connection(request: AnyRequest, connection_id: int) -> Reply:
    """Return a connection; its ETag is its version."""
    return await at_once(request, lambda context: bodies.reply(Connections(context).get(connection_id)))


@put(
    "/connections/{connection_id:int}",
    opt={"body": "ConnectionPut", "reply": "Connection", "right": WRITE, "versioned": True},
)
async def put_connection(
    request: AnyRequest,
    connection_id: int,
    body: bytes,
    test: bool = False,
    dry_run: bool = False,
    timeout_s: Seconds = None,
    database: Text = None,
    schema: Text = None,
) -> Reply:
    """Change a connection: what is absent stays, null clears a field but keeps a secret, parameters merge by key."""
    given = await bodies.read(request, body)
    required(given, "name", "type")
    given = {name: value for name, value in given.items() if not (name in SECRETS and value in (None, ""))}
    how = {"test": test, "dry_run": dry_run, "timeout_s": timeout_s, "scope": Scope(database, schema)}
    return await _updated(request, connection_id, given, **how)


@patch(
    "/connections/{connection_id:int}",
    opt={"body": "ConnectionPatch", "reply": "Connection", "right": WRITE, "versioned": True},
)
async def patch_connection(
    request: AnyRequest,
    connection_id: int,
    body: bytes,
    test: bool = False,
    dry_run: bool = False,
    timeout_s: Seconds = None,
    database: Text = None,
    schema: Text = None,
) -> Reply:
    """Change a connection as a JSON merge patch does: null clears, secrets included."""
    given = await bodies.read(request, body)
    how = {"test": test, "dry_run": dry_run, "timeout_s": timeout_s, "scope": Scope(database, schema)}
    return await _updated(request, connection_id, given, **how)


async def _updated(request: AnyRequest, connection_id: int, given: dict[str, Any], **how: Any) -> Reply:
    version = bodies.version_of(request)

    def work() -> Reply:
        with opened(request) as context:
            service = Connections(context)
            fields = known(given, service.type_of(connection_id))
            return bodies.reply(
                service.update(connection_id, fields, version=version, **how), warnings=service.warnings
            )

    return await runtime_of(request).soon(request, work, is_slow=how["test"])


@delete(
    "/connections/{connection_id:int}",
    sync_to_thread=True,
    status_code=204,
    opt={"reply": None, "right": WRITE, "versioned": True},
)
def delete_connection(request: AnyRequest, connection_id: int) -> None:
    """Delete a connection that nothing uses."""
    version = bodies.version_of(request)
    with opened(request) as context:
        Connections(context).delete(connection_id, version=version)


@get("/connections/{connection_id:int}/history", sync_to_thread=True, opt={"reply": "History", "right": READ})
def get_history(request: AnyRequest, connection_id: int) -> Reply:
    """Return who changed a connection, when, and the names of what changed."""
    with opened(request) as context:
        return bodies.reply(Connections(context).history(connection_id))


@post("/connections/test", status_code=200, opt={"body": "ConnectionCreate", "reply": "TestReport", "right": TEST})
async def try_unsaved(
    request: AnyRequest, body: bytes, timeout_s: Seconds = None, database: Text = None, schema: Text = None
) -> Reply:
    """Test settings that are not stored, and a database and schema where they are named."""
    given, scope = created(await bodies.read(request, body)), Scope(database, schema)

    def work() -> Reply:
        with opened(request) as context:
            return bodies.reply(Connections(context).test_unsaved(given, timeout_s=timeout_s, scope=scope))

    return await runtime_of(request).slowly(request, work)


@post(
    "/connections/{connection_id:int}/test",
    status_code=200,
    opt={"body": "ConnectionPatch", "reply": "TestReport", "right": TEST, "body_optional": True},
)
async def try_connection(
    request: AnyRequest,
    connection_id: int,
    body: bytes,
    timeout_s: Seconds = None,
    database: Text = None,
    schema: Text = None,
) -> Reply:
    """Test a connection, with the fields of the body in place of stored ones; a test that ran answers 200."""
    given, scope = await bodies.read(request, body), Scope(database, schema)

    def work() -> Reply:
        with opened(request) as context:
            service = Connections(context)
            overrides = known(given, service.type_of(connection_id))
            if overrides.pop("type", None) is not None:  # the name is the record's own, too
                overrides.pop("name", None)
            return bodies.reply(service.test(connection_id, overrides, timeout_s=timeout_s, scope=scope))

    return await runtime_of(request).slowly(request, work)


def order(**given: str | None) -> tuple[str, str]:
    """Return what a list is sorted by, and the direction; by id where nothing is given."""
    return next(((name, direction) for name, direction in given.items() if direction), ("id", "asc"))


def types_of(names: list[str] | None) -> tuple[str, ...]:
    """Return the types of a query, by their own names."""
    return tuple(dict.fromkeys(connectors.get(name).type for name in names or ()))


def required(given: Mapping[str, Any], *names: str) -> None:
    """Raise InvalidInput unless a body has these fields."""
    if missing := [name for name in names if given.get(name) is None]:
        raise InvalidInput([Problem(name, f"{name} is missing", None, "missing-value") for name in missing])


def created(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a new connection: null, and an empty secret, stand for none."""
    return {
        name: value
        for name, value in given.items()
        if value is not None and not (name in SECRETS and name != "password" and value == "")
    }


def known(given: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the fields of a change without what a reply holds beside fields, and null for what the type has not."""
    takes = {*validate.accepted(connectors.get(kind)), "type"}
    return {
        name: value
        for name, value in given.items()
        if name not in _READ_ONLY and not (value in (None, "") and name in BY_NAME and name not in takes)
    }


ROUTES: list[Callable[..., Any]] = [
    *(list_connections, create_connection, list_stubs, get_connection, put_connection, patch_connection),
    *(delete_connection, get_history, try_unsaved, try_connection),
]
