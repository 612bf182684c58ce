"""/api/config: plans of many connections and datastores, and their application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import post

from qualytics.server import bodies
from qualytics.server.parameters import AnyRequest, Reply
from qualytics.server.runtime import answer
from qualytics.service.config.verbs import Config
from qualytics.service.connections.verbs import Connections
from qualytics.service.datastores.verbs import Datastores
from qualytics.service.rights import WRITE

if TYPE_CHECKING:
    from collections.abc import Callable

    from qualytics.service.context import Context


@post("/config/plan", status_code=200, opt={"body": "Config", "reply": "ConfigPlan", "right": WRITE})
async def plan_config(request: AnyRequest, body: bytes) -> Reply:
    """Say what an apply of a configuration would create, update and delete, and what is wrong; nothing is stored."""
    given = await bodies.read(request, body)
    return await answer(request, lambda context: bodies.reply(_verbs(context).plan(given)))


@post("/config/apply", status_code=200, opt={"body": "Config", "reply": "ConfigPlan", "right": WRITE})
async def apply_config(request: AnyRequest, body: bytes) -> Reply:
    """Store a configuration, all or nothing; with `plan`, only if that is still what it would do."""
    given = await bodies.read(request, body)
    return await answer(request, lambda context: bodies.reply(_verbs(context).apply(given, plan=given.get("plan"))))


def _verbs(context: Context) -> Config:
    connections = Connections(context)
    return Config(context, connections, Datastores(context, connections))


ROUTES: list[Callable[..., Any]] = [plan_config, apply_config]
