"""/health and /audit: how all connections do, and who did what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from litestar import get
from litestar.params import QueryParameter

from qualytics.errors import InvalidInput
from qualytics.model import MAX_ID, OUTCOMES, STATES
from qualytics.server.parameters import AnyRequest, Moment, Text
from qualytics.server.web import forms, session
from qualytics.server.web.pages import shown
from qualytics.server.web.render import Page
from qualytics.service.audit import Audit
from qualytics.service.connections.health import health
from qualytics.settings import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

    from qualytics.types import AuditEntry

Before = Annotated[int | None, QueryParameter(name="before", ge=1, le=MAX_ID)]
Outcome = Annotated[str | None, QueryParameter(name="outcome", pattern=f"^({'|'.join(OUTCOMES)})?$")]


@get("/health", sync_to_thread=True)
def show_health(request: AnyRequest) -> Page:
    """Show how all connections do, by type and by class."""
    with session.opened(request) as context:
        return shown(request, context, "health.html", {"health": health(context), "words": STATES})


@get("/audit", sync_to_thread=True)
def show_audit(
    request: AnyRequest,
    actor: Text = None,
    action: Text = None,
    object_name: Text = None,
    outcome: Outcome = None,
    since: Moment = None,
    until: Moment = None,
    before: Before = None,
) -> Page:
    """Show the audit log, the newest entry first; filters that are empty ask for nothing."""
    asked = {"actor": actor, "action": action, "object_name": object_name, "outcome": outcome}
    asked |= {"since": since and since.strip(), "until": until and until.strip()}
    given = {name: value for name, value in asked.items() if value}
    with session.opened(request) as context:
        error: InvalidInput | None = None
        entries: list[AuditEntry] = []
        try:
            entries = Audit(context).list(before=before, limit=PAGE_SIZE, **given)
        except InvalidInput as exc:  # a moment that is none; said at its field, with the others as they were
            error = exc
        values: dict[str, Any] = {
            "problems": forms.problems_at(error, tuple(asked))[0],
            "entries": entries,
            "asked": asked,
            "outcomes": OUTCOMES,
            "is_filtered": bool(given),
            "first": before and f"/audit?{urlencode(given)}",
            "next": f"/audit?{urlencode(given | {'before': entries[-1]['id']})}" if len(entries) == PAGE_SIZE else None,
        }
        return shown(request, context, "audit.html", values, error.http_status if error is not None else 200)


ROUTES: list[Callable[..., Any]] = [show_health, show_audit]
