"""/api/config: plans of many connections and datastores, and their application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import post

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
async def apply_config(request: AnyRequest) -> Reply:
    """Store a configuration, all or nothing; with `plan`, only if that is still what it would do."""
    async with bodies.read_set(request) as given:
        return await answer(request, lambda context: bodies.reply(_verbs(context).apply(given, plan=given.get("plan"))))


@post("/config/test", status_code=200, opt={"body": "Config", "reply": "ConfigTests", "right": WRITE})
async def try_config(request: AnyRequest, body: bytes, timeout_s: Seconds = None) -> Reply:
    """Test each connection that an apply would create or change, many at once; the reports of those that fail."""
    given = await bodies.read(request, body)
    runtime = runtime_of(request)

    def work(context: Context) -> Reply:
        how: dict[str, Any] = {"parallel": runtime.max_parallel, "contexts": runtime.contexts(request, context)}
        return bodies.reply(_verbs(context).test(given, plan=given.get("plan"), timeout_s=timeout_s, **how))

    return await answer(request, work, is_test=True)


def _verbs(context: Context) -> Config:
    connections = Connections(context)
    return Config(context, connections, Datastores(context, connections))


ROUTES: list[Callable[..., Any]] = [plan_config, apply_config, try_config]
