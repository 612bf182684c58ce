"""/sign-in/provider, /sign-in/finish and /sign-in/link: ways to a session without a password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import get, post

from qualytics.server import sign_in
from qualytics.server.parameters import AnyRequest
from qualytics.server.runtime import address_of, runtime_of
from qualytics.server.web import session
from qualytics.server.web.render import Page, page, redirect
from qualytics.service.accounts.sign_in import Logins
from qualytics.service.accounts.sign_in_limits import place_of

if TYPE_CHECKING:
    from collections.abc import Callable

_PATH = "/sign-in"


@get("/sign-in/provider")
async def to_provider(request: AnyRequest) -> Page:
    """Send the browser to the provider, which sends it back where the command line's sign-ins end, too."""
    session.require_safe(request)
    address = session.own_address(request.query_params.get("next"))

    def work() -> Page:
        config, browser = sign_in.config_for(request), sign_in.browser_of(request)
        runtime_of(request).sign_ins.take(place_of(address_of(request)))
        with sign_in.opened(request) as context:
            logins = Logins(context, config.passwords, config.openid)
            url = logins.to_provider(logins.begin_session(address, browser), browser, config.callback)
        # The provider's answer and the end of the sign-in come to different paths.
        cookies = [sign_in.cookie_of(config, browser, path) for path in (config.path, _PATH)]
        return redirect(url, cookies=cookies)

    return await runtime_of(request).in_test_pool(request, work)


@get("/sign-in/finish", sync_to_thread=True)
def finish(request: AnyRequest) -> Page:
    """Begin the session of a browser that the provider has sent back; a code is of no use in another."""
    session.require_safe(request)
    config = sign_in.config_for(request)
    with sign_in.opened(request) as context:
        logins, code = Logins(context, config.passwords, config.openid), request.query_params.get("code", "")
        token = logins.redeem_session(code, sign_in.browser_of(request), session.SESSION_DAYS)
    address = session.own_address(request.query_params.get("state"))
    return redirect(address, cookies=[session.cookie(request, token)])


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
    return redirect("/account", cookies=[session.cookie(request, token)])


ROUTES: list[Callable[..., Any]] = [to_provider, finish, show_link, use_link]
