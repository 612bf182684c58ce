"""/api/operations that test many connections: begun, followed, cancelled, taken up again."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import msgspec
from litestar import get, post
from litestar.params import Parameter
from litestar.response import Stream

from qualytics.errors import InvalidInput, Problem, QualyticsError
from qualytics.model import MAX_ID
from qualytics.server import bodies
from qualytics.server.parameters import AnyRequest, Reply, Size
from qualytics.server.runtime import Runtime, answer, opened, runtime_of
from qualytics.server.stage_stream import HEADERS, MEDIA_TYPE, accepts_lines
from qualytics.service.connections import run_operations as operations
from qualytics.service.connections.run_operations import TESTS, RunOperations
from qualytics.service.context import Context
from qualytics.service.rights import TEST, Actor
from qualytics.settings import MAX_PAGE_SIZE, RUN_BEAT_S

_log = logging.getLogger("qualytics.server")

# How often the store is asked for new results while there are none, and how long a request may wait for them.
_POLL_S = 0.2
_MAX_WAIT_S = 30.0
# So long results are gathered for one reply: a request for each would soon be more than a user may send.
_GATHER_S = 0.5

After = Annotated[int, Parameter(ge=0, le=MAX_ID, description="`next` of the page before")]
Wait = Annotated[float, Parameter(ge=0, le=_MAX_WAIT_S, description="seconds to wait for a result")]


@post("/operations", status_code=200, opt={"body": "TestRun", "reply": "Operation", "right": TEST})
async def start_test_run(request: AnyRequest, body: bytes) -> Reply:
    """Start an operation that tests all connections, or those of the filters, many at once."""
    given = await bodies.read(request, body)
    if given.get("type") != TESTS:
        raise InvalidInput(
            [Problem("type", "type must be test", "POST /operations/run starts others", "invalid-value")]
        )
    runtime = runtime_of(request)

    def begin(context: Context) -> tuple[dict[str, Any], Actor]:
        return RunOperations(context).start(given, runtime.max_parallel), context.actor

    operation, actor = await answer(request, begin)
    await runtime.later(lambda: _run(runtime, operation["id"], actor))
    return bodies.reply(operation)


@post("/operations/{operation_id:int}/resume", status_code=200, opt={"reply": "Operation", "right": TEST})
async def resume_test_run(request: AnyRequest, operation_id: int) -> Reply:
    """Take up an operation that was cancelled, or whose process is gone: what has no result yet is tested."""
    runtime = runtime_of(request)

    def begin(context: Context) -> tuple[dict[str, Any], bool, Actor]:
        return *RunOperations(context).resume(operation_id), context.actor

    operation, has_begun, actor = await answer(request, begin)
    if has_begun:
        await runtime.later(lambda: _run(runtime, operation_id, actor))
    return bodies.reply(operation)


@post(
    "/operations/{operation_id:int}/cancel",
    sync_to_thread=True,
    status_code=200,
    opt={"reply": "Operation", "right": TEST},
)
def cancel_test_run(request: AnyRequest, operation_id: int) -> Reply:
    """End an operation that tests connections within a second or so; its results stay."""
    with opened(request) as context:
        return bodies.reply(RunOperations(context).cancel(operation_id))


@get("/operations/{operation_id:int}/results", opt={"reply": "TestRunResults", "right": TEST})
async def list_results(
    request: AnyRequest, operation_id: int, after: After = 0, size: Size = MAX_PAGE_SIZE, wait_s: Wait = 0.0
) -> Reply | Stream:
    """Return the results of an operation in the order in which the tests ended; as JSON Lines, until its end."""
    runtime = runtime_of(request)

    def first(context: Context) -> tuple[dict[str, Any], Actor]:
        return RunOperations(context).page(operation_id, after, size), context.actor

    page, actor = await answer(request, first)
    if accepts_lines(request):
        lines = _lines(runtime, actor, operation_id, page)
        return Stream(lines, media_type=MEDIA_TYPE, headers=HEADERS, status_code=200)
    began = time.monotonic()
    while len(page["items"]) < size and page["operation"]["result"] == "running":
        if time.monotonic() - began >= (min(wait_s, _GATHER_S) if page["items"] else wait_s):
            break
        await asyncio.sleep(_POLL_S)
        page = await asyncio.to_thread(_page, runtime, actor, operation_id, after, size)
    return bodies.reply(page)


async def _lines(runtime: Runtime, actor: Actor, operation_id: int, page: dict[str, Any]) -> AsyncIterator[bytes]:
    while page["items"] or page["operation"]["result"] == "running":
        for item in page["items"]:
            yield msgspec.json.encode(item) + b"\n"
        if not page["items"]:
            await asyncio.sleep(_POLL_S)
        page = await asyncio.to_thread(_page, runtime, actor, operation_id, page["next"], MAX_PAGE_SIZE)
    yield msgspec.json.encode({"operation": page["operation"]}) + b"\n"


def _page(runtime: Runtime, actor: Actor, operation_id: int, after: int, size: int) -> dict[str, Any]:
    with runtime.context(actor) as context:
        context.require(TEST)
        context.require_still()  # whoever follows may lose the right meanwhile
        return RunOperations(context).page(operation_id, after, size)


def _run(runtime: Runtime, operation_id: int, actor: Actor) -> None:
    with runtime.running() as run, runtime.context(actor) as context:
        RunOperations(context).run(operation_id, lambda: runtime.run_context(actor, run), run.cancel)


async def take_up(runtime: Runtime) -> None:
    """Go on, for as long as this worker runs, with operations whose process is gone, whoever follows them."""
    while True:
        for operation_id, actor in await asyncio.to_thread(_taken, runtime):
            await runtime.later(functools.partial(_run, runtime, operation_id, actor))
        await asyncio.sleep(RUN_BEAT_S)


def _taken(runtime: Runtime) -> list[tuple[int, Actor]]:
    try:
        with runtime.context() as context:
            taken = operations.take_up(context)
    except QualyticsError as exc:  # the store cannot be had now; there is a next time
        _log.error("lost operations were not looked for: %s: %s", exc.code, exc.message)
        return []
    for operation_id, _ in taken:
        _log.warning("operation %d goes on here: the process that ran it is gone", operation_id)
    return taken


ROUTES: list[Callable[..., Any]] = [start_test_run, resume_test_run, cancel_test_run, list_results]
