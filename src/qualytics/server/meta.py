"""/api/health, /api/status and what describes the API itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import get

from qualytics.server import bodies
from qualytics.server.connections import AnyRequest, Reply
from qualytics.server.runtime import runtime_of

if TYPE_CHECKING:
    from collections.abc import Callable


@get("/health", sync_to_thread=False, status_code=204, opt={"reply": None, "public": True})
def get_health(request: AnyRequest) -> None:
    """Say that the process answers; asks nothing else."""
    del request


@get("/status", sync_to_thread=True, opt={"reply": "Status", "public": True})
def get_status(request: AnyRequest) -> Reply:
    """Say whether the store can be read."""
    with runtime_of(request).context() as context:
        context.store.execute("SELECT 1").all()
    return bodies.reply({"database_connection": "OK"})


ROUTES: list[Callable[..., Any]] = [get_health, get_status]
