"""/api/config: plans of many connections and datastores, and their application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import post

from qualytics.errors import InvalidInput, Problem
from qualytics.server import bodies
from qualytics.server.parameters import AnyRequest, Reply, Seconds
from qualytics.server.runtime import answer, runtime_of
from qualytics.service.config.verbs import Config
from qualytics.service.connections.verbs import Connections
from qualytics.service.datastores.verbs import Datastores
from qualytics.service.rights import WRITE

if TYPE_CHECKING:
    from collections.abc import Callable

    from qualytics.service.context import Context

_OPT = {"body": "Config", "reply": "ConfigPlan", "right": WRITE, "is_set": True}


@post("/config/plan", status_code=200, opt=_OPT)
async def plan_config(request: AnyRequest) -> Reply:
    """Say what an apply of a configuration would create, update and delete, and what is wrong; nothing is stored."""
    async with bodies.read_set(request) as given:
        return await answer(request, lambda context: bodies.reply(_verbs(context).plan(given)))


@post("/config/apply", status_code=200, opt=_OPT)
async def apply_config(request: AnyRequest, test: bool = False, timeout_s: Seconds = None) -> Reply:
    """Store a configuration, all or nothing; with `plan`, only if that is still what it would do.

    With `test`, each connection that is new or changed is tested first, many at once, and nothing is stored unless all
    pass: the reports of the others are the `failures` of the problem.
    """
    async with bodies.read_set(request) as given:
        if not test:
            return await answer(request, lambda context: _applied(given, context))
        size, most = len(await request.body()), runtime_of(request).config.body_bytes
    if size > most:  # so many would be held for as long as the tests take
        message = f"a configuration that is tested must not be larger than {most:,} bytes"
        raise InvalidInput([Problem("body", message, "apply it without test, and test the connections then")])

    def work(context: Context) -> Reply:
        return _applied(given, context, test=True, **_how(request, context, timeout_s))

    return await answer(request, work, is_test=True)


def _applied(given: dict[str, Any], context: Context, **how: Any) -> Reply:
    return bodies.reply(_verbs(context).apply(given, plan=given.get("plan"), **how))


@post("/config/test", status_code=200, opt={"body": "Config", "reply": "ConfigTests", "right": WRITE})
async def try_config(request: AnyRequest, body: bytes, timeout_s: Seconds = None) -> Reply:
    """Test each connection that an apply would create or change, many at once; the reports of those that fail."""
    given = await bodies.read(request, body)

    def work(context: Context) -> Reply:
        how = _how(request, context, timeout_s)
        return bodies.reply(_verbs(context).test(given, plan=given.get("plan"), **how))

    return await answer(request, work, is_test=True)


def _how(request: AnyRequest, context: Context, timeout_s: float | None) -> dict[str, Any]:
    runtime = runtime_of(request)
    return {
        "timeout_s": timeout_s,
        "parallel": runtime.max_parallel,
        "contexts": runtime.contexts(request, context),
    }


def _verbs(context: Context) -> Config:
    connections = Connections(context)
    return Config(context, connections, Datastores(context, connections))


ROUTES: list[Callable[..., Any]] = [plan_config, apply_config, try_config]
