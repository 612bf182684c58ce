"""/sign-in and what all pages have in common: who sees them, and how errors are shown."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from litestar import get, post
from litestar.exceptions import HTTPException, ValidationException

from qualytics.errors import NotSignedIn, QualyticsError, TooMany
from qualytics.server import problems, sign_in
from qualytics.server.parameters import AnyRequest
from qualytics.server.runtime import runtime_of
from qualytics.server.stage_stream import accepts_lines
from qualytics.server.web import session
from qualytics.server.web.render import Page, page, path_of, redirect
from qualytics.service.accounts.sign_in import Logins
from qualytics.service.rights import ALL_GRANTS, AUDIT, READ, SEE_USERS, TEST, WRITE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from litestar import Response

    from qualytics.service.context import Context

_log = logging.getLogger("qualytics.server")
# What a page of an error says first.
_TITLES = {403: "Not allowed", 404: "Not found", 429: "Too many requests"}
# What of a form can be mended where it did not come at all: nothing of it is known here.
_HINTS = {408: "go back, and send it again", 413: "go back, and send less", 431: "delete the cookies of this address"}


def shown(request: AnyRequest, context: Context, template: str, values: Mapping[str, Any], status: int = 200) -> Page:
    """Return a page for whoever has signed in; `may` says which of their rights the page asks for."""
    may = {name: context.actor.role in right.roles for name, right in _RIGHTS.items()}
    return page(
        request, template, {"actor": context.actor, "may": may, "csrf": session.csrf_of(request), **values}, status
    )


_RIGHTS = {"read": READ, "write": WRITE, "test": TEST, "users": SEE_USERS, "audit": AUDIT, "grants": ALL_GRANTS}


@get("/", sync_to_thread=True)
def first(request: AnyRequest) -> Page:
    """Lead to the list of connections."""
    return redirect(request, "/connections")


@get(
    [
        *("/connections/test", "/connections/{connection_id:int}/test", "/datastores/{datastore_id:int}/delete"),
        *("/sign-out", "/sign-in/provider"),
    ]
)
async def leave(request: AnyRequest) -> Page:
    """Lead who asks for the address that a form is sent to, as after a sign-in or by reloading, one step up."""
    return redirect(request, path_of(request).rpartition("/")[0] or "/")


@get("/sign-in", sync_to_thread=True)
def show_sign_in(request: AnyRequest) -> Page:
    """Show the page that asks who it is."""
    return sign_in_page(request, request.query_params.get("next"))


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
            return sign_in_page(request, address, typed.get("name", ""), exc, kept=kept)
        return begun(request, token, address, kept)

    return await runtime_of(request).in_test_pool(request, work)


@post("/sign-out", sync_to_thread=True, status_code=303)
def end(request: AnyRequest, body: bytes) -> Page:
    """End the session: its token is good for nothing any more."""
    session.form(request, body)
    with session.opened(request) as context:
        session.end(context)
    return redirect(request, "/sign-in", cookies=[session.cookie(request, None)])


def begun(request: AnyRequest, token: str, address: str, kept: Mapping[str, str]) -> Page:
    """Begin a session, and go on with what is kept of a form; without one, lead to an address."""
    cookie = session.cookie(request, token)
    if not kept:
        return redirect(request, address, cookies=[cookie])
    found = _going_on_page(request, kept, session.csrf_of(request, token))
    found.set_cookie(cookie)
    return found


def sign_in_page(
    request: AnyRequest, address: str | None, name: str = "", error: QualyticsError | None = None, **kept: Any
) -> Page:
    """Return the page that asks who it is; what is `kept` of a form is there again after the sign-in."""
    values = {"next": session.own_address(address), "name": name, "error": error, "actor": None, "kept": {}, **kept}
    openid = sign_in.config_for(request).openid
    values["provider"] = openid.provider.name if openid else None
    return page(request, "sign_in.html", values, error.http_status if error is not None else 200)


def _going_on_page(
    request: AnyRequest, kept: Mapping[str, str], csrf: str, error: QualyticsError | None = None, status: int = 200
) -> Page:
    """Ask to go on with what was typed into a form whose session had ended, or that an error has kept from its verb."""
    values = {"kept": kept, "csrf": csrf, "address": session.own_address(kept.get("_form")), "actor": None}
    return page(request, "going_on.html", values | {"error": error}, status)


def of_product(request: AnyRequest, error: QualyticsError) -> Response[bytes]:
    """Answer with an error of the product; whoever is not signed in may do that first."""
    if accepts_lines(request):
        return problems.of_product(request, error)
    if isinstance(error, NotSignedIn):
        if path_of(request).startswith("/sign-in/"):
            return sign_in_page(request, None, error=error)
        if request.method == "GET":
            query = f"?{request.url.query}" if request.url.query else ""
            return redirect(request, f"/sign-in?{urlencode({'next': path_of(request) + query})}")
        return sign_in_page(request, path_of(request), error=error, kept=session.kept_of(request))
    if error.http_status >= 500:
        _log.error("%s: %s", error.code, error.message)
    found = _kept_page(request, error) or _error_page(request, error.http_status, *problems.for_anybody(error))
    if isinstance(error, TooMany):
        found.headers["Retry-After"] = problems.retry_after(error)
    return found


def of_http(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    """Answer with an error of the framework."""
    if accepts_lines(request):
        return problems.of_http(request, error)
    if isinstance(error, ValidationException):
        return of_product(request, problems.of_query(error))
    message = "there is no such page" if error.status_code == 404 else error.detail
    found = _error_page(request, error.status_code, message, _HINTS.get(error.status_code))
    found.headers.update({name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"})
    return found


def of_fault(request: AnyRequest, error: Exception) -> Response[bytes]:
    """Answer with a fault of our own; its words stay in the log."""
    if accepts_lines(request):
        return problems.of_fault(request, error)
    _log.error("internal fault", exc_info=error)
    said = QualyticsError("internal fault", "the log of the server says more")
    return _kept_page(request, said) or _error_page(request, 500, said.message, said.hint)


async def require_taken(request: AnyRequest) -> None:
    """Raise what the guard has found in a request for a page, whose body is not read then."""
    if problem := request.scope["state"].get("refused"):
        raise HTTPException(status_code=problem["status"], detail=problem["message"])


def _kept_page(request: AnyRequest, error: QualyticsError) -> Page | None:
    """Return a page that keeps what was typed, of a form that only the session, or this moment, kept from its verb."""
    is_stale = session.is_stale(request)
    kept = session.kept_of(request)
    if not kept or not (is_stale or isinstance(error, TooMany) or error.http_status >= 500):
        return None
    said = None if is_stale else QualyticsError(*problems.for_anybody(error))
    return _going_on_page(request, kept, session.csrf_of(request), said, error.http_status)


def _error_page(request: AnyRequest, status: int, message: str, hint: str | None = None) -> Page:
    title = _TITLES.get(status, "That did not work")
    return page(request, "error.html", {"title": title, "message": message, "hint": hint, "actor": None}, status)


def is_for_pages(request: AnyRequest) -> bool:
    """Say whether a request that no route takes comes from somebody who looks at pages."""
    is_page = runtime_of(request).config.is_page(request.url.path)
    return is_page and "text/html" in request.headers.get("accept", "")


HANDLERS: dict[Any, Any] = {QualyticsError: of_product, HTTPException: of_http, Exception: of_fault}
ROUTES: list[Callable[..., Any]] = [first, leave, show_sign_in, begin, end]
