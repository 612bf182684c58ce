"""/api/health, /api/status, the audit log, metrics, and what describes the API itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.params import Parameter

from qualytics.model import MAX_ID
from qualytics.server import bodies, openapi
from qualytics.server.parameters import AnyRequest, Moment, Outcome, Reply, Size, Text
from qualytics.server.runtime import opened, runtime_of
from qualytics.service.audit import Audit
from qualytics.service.rights import AUDIT, PRUNE, READ
from qualytics.settings import MAX_PAGE_SIZE

Before = Annotated[int | None, Parameter(ge=1, le=MAX_ID, description="`next` of the page before")]
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


@get("/health", sync_to_thread=False, status_code=204, opt={"reply": None, "public": True})
def get_health() -> None:
    """Say that the process answers; asks nothing else."""


@get("/status", sync_to_thread=True, opt={"reply": "Status", "public": True})
def get_status(request: AnyRequest) -> Reply:
    """Say whether the store can be read."""
    with runtime_of(request).context() as context:
        context.store.answers()
    return bodies.reply({"database_connection": "OK"})


@get("/audit", sync_to_thread=True, opt={"reply": "Entries", "right": AUDIT})
def list_audit(
    request: AnyRequest,
    before: Before = None,
    action: Text = None,
    actor: Text = None,
    object_name: Text = None,
    outcome: Outcome = None,
    since: Moment = None,
    until: Moment = None,
    size: Size = MAX_PAGE_SIZE,
) -> Reply:
    """List the audit log, the newest entry first.

    `actor` and `object_name` are names as they were then, `outcome` is done, failed or refused, `since` and `until`
    are days in UTC or moments.
    """
    asked = {"action": action, "actor": actor, "object_name": object_name, "outcome": outcome}
    with opened(request) as context:
        items = Audit(context).list(before=before, limit=size, since=since, until=until, **asked)
        return bodies.reply({"items": items, "next": items[-1]["id"] if len(items) == size else None})


@post(
    "/audit/prune",
    sync_to_thread=True,
    status_code=200,
    opt={"body": "AuditPrune", "reply": "AuditPruned", "right": PRUNE},
)
def prune_audit(request: AnyRequest, body: bytes) -> Reply:
    """Drop every entry of the audit log from before a day or moment, changes too; the log says so."""
    given = bodies.fields(request, body)
    bodies.require(given, "before")
    with opened(request) as context:
        return bodies.reply(Audit(context).prune(given["before"]))


@get("/metrics", sync_to_thread=True, opt={"reply": "Text", "media": "text/plain", "right": READ})
def get_metrics(request: AnyRequest) -> Reply:
    """Return the counts of all workers for Prometheus."""
    with opened(request) as context:
        context.require(READ)
        return Response(runtime_of(request).metrics_text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@get(
    "/openapi.json",
    sync_to_thread=False,
    opt={"reply": "Any", "media": "application/vnd.oai.openapi+json", "public": True},
)
def get_openapi(request: AnyRequest) -> Reply:
    """Return this document."""
    return Response(msgspec.json.encode(runtime_of(request).openapi), media_type=bodies.JSON)


@get("/docs", sync_to_thread=False, opt={"reply": "Any", "media": "text/html", "public": True})
def get_docs(request: AnyRequest) -> Response[str]:
    """Return this document as a page to read."""
    headers = {"Content-Security-Policy": _PAGE_POLICY}
    return Response(openapi.page(runtime_of(request).openapi), media_type="text/html; charset=utf-8", headers=headers)


ROUTES: list[Callable[..., Any]] = [
    *(
        get_health,
        get_status,
        list_audit,
        prune_audit,
        get_metrics,
        get_openapi,
        get_docs,
    ),
]
