"""/health and /audit: how all connections do, and who did what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from litestar import get
from litestar.params import QueryParameter

from qualytics.model import MAX_ID, OUTCOMES, STATES
from qualytics.server.parameters import AnyRequest, Text
from qualytics.server.web import session
from qualytics.server.web.pages import shown
from qualytics.server.web.render import Page
from qualytics.service.audit import Audit
from qualytics.service.connections.health import health
from qualytics.settings import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

Before = Annotated[int | None, QueryParameter(name="before", ge=1, le=MAX_ID)]
Outcome = Annotated[str | None, QueryParameter(name="outcome", pattern=f"^({'|'.join(OUTCOMES)})?$")]


@get("/health", sync_to_thread=True)
def show_health(request: AnyRequest) -> Page:
    """Show how all connections do, by type and by class."""
    with session.opened(request) as context:
        return shown(request, context, "health.html", {"health": health(context), "words": STATES})


@get("/audit", sync_to_thread=True)
def show_audit(
    request: AnyRequest, actor: Text = None, action: Text = None, outcome: Outcome = None, before: Before = None
) -> Page:
    """Show the audit log, the newest entry first; filters that are empty ask for nothing."""
    asked = {"actor": actor or None, "action": action or None, "outcome": outcome or None}
    with session.opened(request) as context:
        entries = Audit(context).list(before=before, limit=PAGE_SIZE, **asked)
        given = {name: value for name, value in asked.items() if value}
        values: dict[str, Any] = {
            "entries": entries,
            "asked": asked,
            "outcomes": OUTCOMES,
            "is_filtered": bool(given),
            "first": before and f"/audit?{urlencode(given)}",
            "next": f"/audit?{urlencode(given | {'before': entries[-1]['id']})}" if len(entries) == PAGE_SIZE else None,
        }
        return shown(request, context, "audit.html", values)


ROUTES: list[Callable[..., Any]] = [show_health, show_audit]
