"""/api/cli: signing in with a browser, for the command line; pages without scripts, and one exchange of a code."""

from __future__ import annotations

import contextlib
import logging
import secrets
from typing import TYPE_CHECKING, Any

from litestar import Response, get, post
from litestar.datastructures import Cookie

from qualytics.errors import InvalidInput, NotSignedIn, Problem, QualyticsError, TooMany
from qualytics.server import bodies, page, problems, sent_forms
from qualytics.server.parameters import AnyRequest, Reply
from qualytics.server.runtime import address_of, request_id_of, runtime_of
from qualytics.service.accounts.oidc import OpenId
from qualytics.service.accounts.passwords import Passwords
from qualytics.service.accounts.sign_in import STEP_S, Logins, TryAgain
from qualytics.service.accounts.sign_in_limits import place_of
from qualytics.service.rights import Actor
from qualytics.structs import Struct, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from qualytics.server.config import Config
    from qualytics.service.accounts.sign_in import Step
    from qualytics.service.context import Context

_log = logging.getLogger("qualytics.server")
_COOKIE = "qualytics_login"
_COOKIE_LENGTH = 43
# A form that is sent without a referrer would not say where it comes from (Fetch, "Origin header").
_FROM_HERE = {"Referrer-Policy": "same-origin"}
_ASKS = ("redirect_uri", "state", "hostname", "code_challenge", "code_challenge_method")
_HIDDEN = {"public": True, "hidden": True}


class SignInConfig(Struct, frozen=False):
    """What the sign-ins of one worker share; `path` is where a browser finds their pages."""

    openid: OpenId | None
    path: str
    callback: str
    is_https: bool
    passwords: Passwords = field(default_factory=Passwords)


@get("/cli/authorize", sync_to_thread=True, opt=_HIDDEN)
def show_form(request: AnyRequest) -> Response[bytes]:
    """Show the page that asks who it is."""
    query: dict[str, str | None] = {name: request.query_params.get(name) for name in _ASKS}
    config, browser = config_for(request), browser_of(request)
    try:
        for name in _ASKS:
            _require_once(request, name)
        runtime_of(request).sign_ins.take(place_of(address_of(request)))
        with opened(request) as context:
            step = Logins(context, config.passwords, config.openid).begin(query, browser)
    except QualyticsError as exc:
        return _error_page(exc)
    return _form_page(request, step, browser)


@post("/cli/authorize", status_code=303, opt=_HIDDEN)
async def sign_in(request: AnyRequest, body: bytes) -> Response[bytes]:
    """Take a name and a password, and send the browser back to the command line."""

    def work() -> Response[bytes]:
        config, browser = config_for(request), browser_of(request)
        try:
            form = _form(request, body, "login", "name", "password")
            with opened(request) as context:
                logins = Logins(context, config.passwords, config.openid)
                return _redirect(logins.with_password(form["login"], browser, form["name"], form["password"]))
        except TryAgain as exc:
            return _form_page(request, exc.step, browser, str(exc))
        except QualyticsError as exc:
            return _error_page(exc)

    return await runtime_of(request).in_test_pool(request, work)


@post("/cli/provider", status_code=200, opt=_HIDDEN)
async def to_provider(request: AnyRequest, body: bytes) -> Response[bytes]:
    """Lead the browser to the provider."""

    def work() -> Response[bytes]:
        config = config_for(request)
        try:
            key = _form(request, body, "login")["login"]
            with opened(request) as context:
                logins = Logins(context, config.passwords, config.openid)
                return leading_page(request, logins.to_provider(key, browser_of(request), config.callback))
        except QualyticsError as exc:
            return _error_page(exc)

    return await runtime_of(request).in_test_pool(request, work)


@get("/cli/callback", opt=_HIDDEN)
async def from_provider(request: AnyRequest) -> Response[bytes]:
    """Take the provider's answer, and send the browser back to the command line."""
    answer = {
        name: request.query_params[name] for name in ("state", "code", "error", "iss") if name in request.query_params
    }

    def work() -> Response[bytes]:
        config = config_for(request)
        try:
            with opened(request) as context:
                logins = Logins(context, config.passwords, config.openid)
                return _redirect(logins.from_provider(answer, browser_of(request), config.callback))
        except QualyticsError as exc:
            return _error_page(exc)

    return await runtime_of(request).in_test_pool(request, work)


@post("/cli/token", sync_to_thread=True, status_code=200, opt=_HIDDEN)
def redeem(request: AnyRequest, body: bytes) -> Reply:
    """Exchange the one-time code of a sign-in, with the verifier behind its challenge, for a token."""
    fields = bodies.fields(request, body)
    bodies.require(fields, "code", "code_verifier")
    config = config_for(request)
    with opened(request) as context:
        logins = Logins(context, config.passwords, config.openid)
        return bodies.reply(logins.redeem(str(fields["code"]), str(fields["code_verifier"])))


def config_of(server: Config) -> SignInConfig:
    """Return what the sign-ins of a worker share."""
    provider = server.provider
    path, base = f"{server.path.rstrip('/')}/cli", (server.public_url or "").rstrip("/")
    return SignInConfig(
        OpenId(provider) if provider else None,
        server.public_path + path,
        f"{base}{path}/callback",
        base.startswith("https:"),
    )


def config_for(request: AnyRequest) -> SignInConfig:
    """Return what the sign-ins of this worker share."""
    config: SignInConfig = request.app.state.sign_in
    return config


@contextlib.contextmanager
def opened(request: AnyRequest) -> Iterator[Context]:
    """Give a context for somebody who is about to sign in.

    Raises:
        TooMany: too much was refused to that address.

    """
    address, runtime = address_of(request), runtime_of(request)
    actor = Actor("nobody", role="", address=address, request_id=request_id_of(request))
    with runtime.context(actor) as context, runtime.refusing(place_of(address), context):
        yield context


def browser_of(request: AnyRequest) -> str:
    """Return what only this browser knows, new where it has sent none."""
    # One value for every sign-in of a browser, so that two at once do not end each other.
    cookie = request.cookies.get(_COOKIE, "")
    return cookie if len(cookie) == _COOKIE_LENGTH else secrets.token_urlsafe(32)


def cookie_of(config: SignInConfig, browser: str, path: str) -> Cookie:
    """Return the cookie by which a browser is known again under a path until its sign-in is over."""
    return Cookie(_COOKIE, path, browser, max_age=2 * STEP_S, httponly=True, secure=config.is_https, samesite="lax")


def _require_once(request: AnyRequest, name: str) -> None:
    if len(request.query_params.getall(name, [])) > 1:
        raise InvalidInput([Problem(name, f"{name} is given twice")])


def _form(request: AnyRequest, body: bytes, *names: str) -> dict[str, str]:
    """Return what a page of a sign-in has sent; `login` in it is what no other site can know."""
    sent = sent_forms.read(request, body, by_any_name=True)
    if not sent.keys() >= set(names):
        raise sent_forms.not_whole()
    return sent


def _form_page(request: AnyRequest, step: Step, browser: str, problem: str | None = None) -> Response[bytes]:
    config = config_for(request)
    provider = config.openid.provider.name if config.openid else None
    # A browser also holds a redirect after the form to this; no policy can name an address of IPv6.
    target = "http:" if "[" in step.origin else step.origin
    text = page.login(step, provider, problem)
    cookie = cookie_of(config, browser, config.path)
    return _html(text, 403 if problem else 200, target, cookies=[cookie], headers=_FROM_HERE)


def _error_page(error: QualyticsError) -> Response[bytes]:
    headers = {"Retry-After": str(max(1, round(error.retry_after_s)))} if isinstance(error, TooMany) else {}
    if isinstance(error, NotSignedIn):
        return _html(page.message("Not signed in", error.message, error.hint), 403)
    if error.http_status >= 500:
        _log.error("%s: %s", error.code, error.message)
        return _html(page.message("That did not work", *problems.for_anybody(error)), error.http_status)
    status = 400 if isinstance(error, InvalidInput) else error.http_status
    return _html(page.message("Not signed in", error.message, error.hint), status, headers=headers)


def leading_page(request: AnyRequest, url: str, cookies: Sequence[Cookie] = ()) -> Response[bytes]:
    """Lead the browser to the provider by a page: no redirect, as the policy of the form before holds that, too."""
    openid = config_for(request).openid
    name = openid.provider.name if openid else ""
    return _html(page.leading(name, url), 200, cookies=cookies)


def _html(text: str, status: int, target: str = "", **more: Any) -> Response[bytes]:
    headers = {"Content-Security-Policy": page.policy(target), **more.pop("headers", {})}
    return Response(text.encode(), status_code=status, media_type="text/html", headers=headers, **more)


def _redirect(url: str) -> Response[bytes]:
    return Response(b"", status_code=303, media_type="text/plain", headers={"Location": url})


ROUTES: list[Callable[..., Any]] = [show_form, sign_in, to_provider, from_provider, redeem]
