"""/sign-in/provider, /sign-in/finish and /sign-in/link: ways to a session without a password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import get, post

from qualytics.errors import NotAllowed
from qualytics.server import sign_in
from qualytics.server.parameters import AnyRequest
from qualytics.server.runtime import address_of, runtime_of
from qualytics.server.web import pages, session
from qualytics.server.web.render import Page, page, redirect, root_of
from qualytics.service.accounts.sign_in import Logins
from qualytics.service.accounts.sign_in_limits import place_of

if TYPE_CHECKING:
    from collections.abc import Callable

_PATH = "/sign-in"
_TOO_LONG = "sign in with name and password here, or sign in in another tab and send the form again"
# Bytes that the store keeps of a form while its user is at the provider, and those that count as one more sign-in.
_MAX_KEPT, _KEPT_UNIT = 65_536, 1_024


@post("/sign-in/provider", status_code=200)
async def to_provider(request: AnyRequest, body: bytes) -> Page:
    """Lead the browser to the provider, which sends it back where the command line's sign-ins end, too."""
    session.require_safe(request)
    typed = session.sent(request, body)
    address, kept = session.own_address(typed.get("next")), typed.get("_kept", "")

    def work() -> Page:
        config, browser, root = sign_in.config_for(request), sign_in.browser_of(request), root_of(request)
        sign_ins, place = runtime_of(request).sign_ins, place_of(address_of(request))
        sign_ins.take(place)
        if len(kept.encode()) > _MAX_KEPT:
            error = NotAllowed("what was typed is too long to be kept on the way to the provider", _TOO_LONG)
            return pages.sign_in_page(request, address, error=error, kept=session.kept_in(kept))
        sign_ins.spend(place, len(kept.encode()) // _KEPT_UNIT)
        with sign_in.opened(request) as context:
            logins = Logins(context, config.passwords, config.openid)
            key = logins.begin_session(f"{root}{_PATH}/finish", address, browser, kept)
            url = logins.to_provider(key, browser, config.callback)
        # The provider's answer and the end of the sign-in come to different paths.
        cookies = [sign_in.cookie_of(config, browser, path) for path in (config.path, root + _PATH)]
        return sign_in.leading_page(request, url, cookies)

    return await runtime_of(request).in_test_pool(request, work)


@get("/sign-in/finish", sync_to_thread=True)
def finish(request: AnyRequest) -> Page:
    """Begin the session of a browser that the provider has sent back; a code is of no use in another."""
    session.require_safe(request)
    config = sign_in.config_for(request)
    with sign_in.opened(request) as context:
        logins, code = Logins(context, config.passwords, config.openid), request.query_params.get("code", "")
        token, kept = logins.redeem_session(code, sign_in.browser_of(request), session.SESSION_DAYS)
    address = session.own_address(request.query_params.get("state"))
    return pages.begun(request, token, address, session.kept_in(kept))


@get("/sign-in/link", sync_to_thread=False)
def show_link(request: AnyRequest) -> Page:
    """Ask whether to sign in with a link; what only looks at it, as programs that preview links, uses nothing up."""
    return page(request, "sign_in_link.html", {"key": request.query_params.get("key", ""), "actor": None})


@post("/sign-in/link", sync_to_thread=True, status_code=303)
def use_link(request: AnyRequest, body: bytes) -> Page:
    """Begin a session with a link that is good once."""
    session.require_safe(request)
    typed = session.sent(request, body)
    runtime_of(request).sign_ins.take(place_of(address_of(request)))
    with sign_in.opened(request) as context:
        passwords = sign_in.config_for(request).passwords
        token = Logins(context, passwords).with_link(typed.get("key", ""), session.SESSION_DAYS)
    return redirect(request, "/account", cookies=[session.cookie(request, token)])


ROUTES: list[Callable[..., Any]] = [to_provider, finish, show_link, use_link]
