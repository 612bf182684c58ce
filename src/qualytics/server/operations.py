"""/api/operations: what is started, and asked for later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from litestar import get, post

from qualytics.errors import InvalidInput, Problem
from qualytics.model import MAX_ID
from qualytics.server import bodies
from qualytics.server.parameters import AnyRequest, Reply
from qualytics.server.runtime import opened, runtime_of
from qualytics.service.connections.run_operations import RunOperations
from qualytics.service.connections.verbs import Connections
from qualytics.service.context import Context
from qualytics.service.datastores.operations import SYNC, Operations
from qualytics.service.datastores.verbs import Datastores
from qualytics.service.rights import READ, TEST, Actor

# Most end within a moment; whoever polls every ten seconds need not.
_MOMENT_S = 2.0


@post("/operations/run", status_code=200, opt={"body": "OperationRun", "reply": "Operation", "right": TEST})
async def run_operation(request: AnyRequest, body: bytes) -> Reply:
    """Start an operation; a sync verifies a datastore. GET /operations/{id} says how it ended."""
    given = await bodies.read(request, body)
    bodies.require(given, "type", "datastore_id")
    number = given["datastore_id"]
    if type(number) is not int or not 1 <= number <= MAX_ID or not isinstance(given["type"], str):
        raise InvalidInput([Problem("datastore_id", "datastore_id must be a whole number and type a text")])
    return bodies.reply(await start(request, given["datastore_id"], given["type"], _MOMENT_S))


@get("/operations/{operation_id:int}", sync_to_thread=True, opt={"reply": "Operation", "right": READ})
def get_operation(request: AnyRequest, operation_id: int) -> Reply:
    """Return an operation; it has ended when `end_time` is set."""
    with opened(request) as context:
        runs = RunOperations(context)
        if runs.has(operation_id):
            return bodies.reply(runs.get(operation_id))
        return bodies.reply(Operations(context, service_of(context)).get(operation_id))


async def start(request: AnyRequest, datastore_id: int, kind: str = SYNC, wait_s: float = 0.0) -> dict[str, Any]:
    """Start an operation on a datastore; return it as it is after so many seconds."""
    runtime = runtime_of(request)

    def begin() -> tuple[dict[str, Any], Actor]:
        with opened(request) as context:
            return Operations(context, service_of(context)).start(kind, datastore_id), context.actor

    def run() -> None:
        with runtime.context(actor) as context:
            service = service_of(context)
            Operations(context, service).run(started["id"], service.verify)

    def look() -> dict[str, Any]:
        with runtime.context(actor) as context:
            return Operations(context, service_of(context)).get(started["id"])

    started, actor = await asyncio.to_thread(begin)
    await runtime.later(run, wait_s)
    return await asyncio.to_thread(look) if wait_s else started


def service_of(context: Context) -> Datastores:
    """Return the verbs on datastores for whoever sent a request."""
    return Datastores(context, Connections(context))


ROUTES: list[Callable[..., Any]] = [run_operation, get_operation]
