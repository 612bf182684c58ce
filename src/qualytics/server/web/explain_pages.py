"""/explain: what an error message of any other tool means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import get, post

from qualytics import connectors
from qualytics.errors import InvalidInput
from qualytics.server.parameters import AnyRequest
from qualytics.server.web import session
from qualytics.server.web.pages import shown
from qualytics.server.web.render import Page
from qualytics.service.connections.explain import explain
from qualytics.service.rights import READ

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qualytics.service.context import Context
    from qualytics.types import Verdict


@get("/explain", sync_to_thread=True)
def show_explain(request: AnyRequest) -> Page:
    """Show the page that explains a message."""
    with session.opened(request) as context:
        return _page(request, context, {})


@post("/explain", status_code=200)
async def explain_message(request: AnyRequest, body: bytes) -> Page:
    """Say what an error message of any other tool means; nothing of it is stored."""
    typed = session.form(request, body)

    def work(context: Context) -> Page:
        context.require(READ)
        try:
            verdict = explain(typed.get("type") or None, typed.get("message", ""))
        except InvalidInput as exc:
            return _page(request, context, typed, error=exc)
        return _page(request, context, typed, explained=verdict)

    return await session.answer(request, work)


def _page(
    request: AnyRequest,
    context: Context,
    typed: Mapping[str, str],
    explained: Verdict | None = None,
    error: InvalidInput | None = None,
) -> Page:
    values = {
        "types": connectors.all_connectors(),
        "type": typed.get("type", ""),
        "message": typed.get("message", ""),
        "explained": explained,
        "problems": error.problems if error is not None else (),
    }
    return shown(request, context, "explain.html", values, error.http_status if error is not None else 200)


ROUTES: list[Callable[..., Any]] = [show_explain, explain_message]
