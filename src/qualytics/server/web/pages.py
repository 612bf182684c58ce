"""/sign-in and what all pages have in common: who sees them, and how errors are shown."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from litestar import get, post
from litestar.exceptions import HTTPException, ValidationException

from qualytics.errors import NotSignedIn, QualyticsError
from qualytics.server import problems, sign_in
from qualytics.server.parameters import AnyRequest
from qualytics.server.runtime import runtime_of
from qualytics.server.stage_stream import accepts_lines
from qualytics.server.web import session
from qualytics.server.web.render import Page, page, redirect
from qualytics.service.accounts.sign_in import Logins
from qualytics.service.rights import AUDIT, READ, SEE_USERS, TEST, WRITE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from litestar import Response

    from qualytics.service.context import Context

_log = logging.getLogger("qualytics.server")
# What a page of an error says first.
_TITLES = {403: "Not allowed", 404: "Not found", 429: "Too many requests"}


def shown(request: AnyRequest, context: Context, template: str, values: Mapping[str, Any], status: int = 200) -> Page:
    """Return a page for whoever has signed in; `may` says which of their rights the page asks for."""
    may = {name: context.actor.role in right.roles for name, right in _RIGHTS.items()}
    return page(
        request, template, {"actor": context.actor, "may": may, "csrf": session.csrf_of(request), **values}, status
    )


_RIGHTS = {"read": READ, "write": WRITE, "test": TEST, "users": SEE_USERS, "audit": AUDIT}


@get("/", sync_to_thread=True)
def first(request: AnyRequest) -> Page:  # noqa: ARG001 - the framework gives it
    """Lead to the list of connections."""
    return redirect("/connections")


@get("/sign-in", sync_to_thread=True)
def show_sign_in(request: AnyRequest) -> Page:
    """Show the page that asks who it is."""
    return _sign_in_page(request, request.query_params.get("next"))


@post("/sign-in", status_code=303)
async def begin(request: AnyRequest, body: bytes) -> Page:
    """Begin a session by name and password, under a token that no page has seen before."""
    session.require_safe(request)
    typed = session.sent(request, body)
    address, kept = session.own_address(typed.get("next")), session.kept_in(typed.get("_kept", ""))

    def work() -> Page:
        try:
            with sign_in.opened(request) as context:
                logins = Logins(context, sign_in.config_for(request).passwords)
                token = logins.session(typed.get("name", ""), typed.get("password", ""), session.SESSION_DAYS)
        except QualyticsError as exc:
            if exc.http_status >= 500:
                raise
            return _sign_in_page(request, address, typed.get("name", ""), exc, kept=kept)
        cookie = session.cookie(request, token)
        if not kept:
            return redirect(address, cookies=[cookie])
        going_on = _going_on_page(request, kept, session.csrf_of(request, token))
        going_on.set_cookie(cookie)
        return going_on

    return await runtime_of(request).in_test_pool(request, work)


@post("/sign-out", sync_to_thread=True, status_code=303)
def end(request: AnyRequest, body: bytes) -> Page:
    """End the session: its token is good for nothing any more."""
    session.form(request, body)
    with session.opened(request) as context:
        session.end(context)
    return redirect("/sign-in", cookies=[session.cookie(request, None)])


def _sign_in_page(
    request: AnyRequest, address: str | None, name: str = "", error: QualyticsError | None = None, **kept: Any
) -> Page:
    values = {"next": session.own_address(address), "name": name, "error": error, "actor": None, "kept": {}, **kept}
    openid = sign_in.config_for(request).openid
    values["provider"] = openid.provider.name if openid else None
    return page(request, "sign_in.html", values, error.http_status if error is not None else 200)


def _going_on_page(request: AnyRequest, kept: Mapping[str, str], csrf: str, status: int = 200) -> Page:
    """Ask to go on with what was typed into a form whose session had ended."""
    values = {"kept": kept, "csrf": csrf, "address": session.own_address(kept.get("_form")), "actor": None}
    return page(request, "going_on.html", values, status)


def of_product(request: AnyRequest, error: QualyticsError) -> Response[bytes]:
    """Answer with an error of the product; whoever is not signed in may do that first."""
    if accepts_lines(request):
        return problems.of_product(request, error)
    if isinstance(error, NotSignedIn):
        if request.url.path.startswith("/sign-in/"):
            return _sign_in_page(request, None, error=error)
        if request.method == "GET":
            query = f"?{request.url.query}" if request.url.query else ""
            return redirect(f"/sign-in?{urlencode({'next': request.url.path + query})}")
        return _sign_in_page(request, request.url.path, error=error, kept=session.kept_of(request))
    if session.is_stale(request) and (kept := session.kept_of(request)):
        return _going_on_page(request, kept, session.csrf_of(request), error.http_status)
    if error.http_status >= 500:
        _log.error("%s: %s", error.code, error.message)
    message, hint = problems.for_anybody(error)
    return _error_page(request, error.http_status, message, hint)


def of_http(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    """Answer with an error of the framework."""
    if isinstance(error, ValidationException):
        return of_product(request, problems.of_query(error))
    return _error_page(
        request, error.status_code, "there is no such page" if error.status_code == 404 else error.detail
    )


def of_fault(request: AnyRequest, error: Exception) -> Response[bytes]:
    """Answer with a fault of our own; its words stay in the log."""
    _log.error("internal fault", exc_info=error)
    return _error_page(request, 500, "internal fault", "the log of the server says more")


def _error_page(request: AnyRequest, status: int, message: str, hint: str | None = None) -> Page:
    title = _TITLES.get(status, "That did not work")
    return page(request, "error.html", {"title": title, "message": message, "hint": hint, "actor": None}, status)


HANDLERS: dict[Any, Any] = {QualyticsError: of_product, HTTPException: of_http, Exception: of_fault}
ROUTES: list[Callable[..., Any]] = [first, show_sign_in, begin, end]
