"""Tests as JSON Lines: a line for each stage as it begins or ends, and the report, or what was stored, as the last."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec
from litestar.response import Stream

from qualytics.errors import QualyticsError
from qualytics.server import bodies, problems
from qualytics.server.runtime import answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping

    from litestar import Response

    from qualytics.model import OnStage, StageEvent
    from qualytics.server.parameters import AnyRequest
    from qualytics.service.context import Context
    from qualytics.types import TestReport

    Verb = Callable[[Context, OnStage | None], "T"]
    # As `runtime.answer`, for whoever sends requests of another kind.
    Answer = Callable[..., Coroutine[Any, Any, Any]]

T = TypeVar("T")
MEDIA_TYPE = "application/jsonl"
# nginx would keep a short answer until its end, and other proxies what they may change on the way.
HEADERS = {"X-Accel-Buffering": "no", "Cache-Control": "no-store, no-transform"}


class Changed(NamedTuple):
    """A connection that was stored: its document, the warnings beside it, and the report of its test, if one ran."""

    document: Mapping[str, Any]
    warnings: tuple[str, ...]
    report: TestReport | None


async def answer_test(
    request: AnyRequest,
    verb: Verb[TestReport],
    by: Answer = answer,
    beside: Callable[[TestReport], Mapping[str, Any]] = lambda _report: {},
) -> Response[Any]:
    """Run a test and answer with its report, as JSON Lines where the client accepts those.

    `by` runs the verb for whoever sent the request; `beside` returns what the last line has beside the report.
    Whoever hangs up ends the test. What fails before the first stage is answered as everywhere; after it, the last line
    holds the `problem` in place of the `report`.

    Raises:
        NotSignedIn, TooMany: as `opened` does.

    """
    return await _answer(request, verb, bodies.reply, lambda report: {"report": report, **beside(report)}, by)


async def answer_change(request: AnyRequest, verb: Verb[Changed], *, is_tested: bool) -> Response[Any]:
    """Make a change and answer with the connection; as JSON Lines, as `answer_test` does, if it is tested first.

    Headers are sent before the first stage, so that the last line holds what they say elsewhere.

    Raises:
        NotSignedIn, TooMany: as `opened` does.

    """

    def reply(changed: Changed) -> Response[Any]:
        return bodies.reply(changed.document, warnings=changed.warnings)

    def last(changed: Changed) -> dict[str, Any]:
        beside = {"version": getattr(changed.document, "version", None), "warnings": changed.warnings}
        return {"connection": changed.document, **beside, "report": changed.report}

    if not is_tested:
        return await answer(request, lambda context: reply(verb(context, None)))
    return await _answer(request, verb, reply, last, answer)


async def _answer(
    request: AnyRequest,
    verb: Verb[T],
    reply: Callable[[T], Response[Any]],
    last: Callable[[T], dict[str, Any]],
    by: Answer,
) -> Response[Any]:
    if not accepts_lines(request):
        whole: Response[Any] = await by(request, lambda context: reply(verb(context, None)), is_test=True)
        return whole
    loop = asyncio.get_running_loop()
    events: asyncio.Queue[StageEvent | None] = asyncio.Queue()

    def on_stage(event: StageEvent) -> None:  # in the thread of the test
        loop.call_soon_threadsafe(events.put_nowait, event)

    def finished(task: asyncio.Task[dict[str, Any]]) -> None:
        if not task.cancelled():
            task.exception()  # asyncio logs an error that nobody looks at, as when the client has hung up
        events.put_nowait(None)

    running = asyncio.create_task(by(request, lambda context: last(verb(context, on_stage)), is_test=True))
    running.add_done_callback(finished)
    first = await events.get()
    if first is None:
        await running  # which raises what is to be answered, if anything is
    return Stream(_lines(request, first, events, running), media_type=MEDIA_TYPE, headers=HEADERS, status_code=200)


def accepts_lines(request: AnyRequest) -> bool:
    """Say whether the client takes JSON Lines."""
    accepted = request.headers.get("accept", "").lower().split(",")
    return any(entry.partition(";")[0].strip() == MEDIA_TYPE for entry in accepted)


async def _lines(
    request: AnyRequest,
    event: StageEvent | None,
    events: asyncio.Queue[StageEvent | None],
    running: asyncio.Task[dict[str, Any]],
) -> AsyncIterator[bytes]:
    while event is not None:
        yield _line(event._asdict())
        event = await events.get()
    try:
        last = await running
    except QualyticsError as exc:
        last = {"problem": msgspec.Raw(problems.of_product(request, exc).content)}
    except Exception as exc:  # noqa: BLE001 - the answer has begun: a fault of ours must still end it
        last = {"problem": msgspec.Raw(problems.of_fault(request, exc).content)}
    yield _line(last)


def _line(document: dict[str, Any]) -> bytes:
    return msgspec.json.encode(document) + b"\n"
