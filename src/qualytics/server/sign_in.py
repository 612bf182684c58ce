"""/api/cli: signing in with a browser, for the command line; pages without scripts, and one exchange of a code."""

from __future__ import annotations

import contextlib
import logging
import secrets
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from litestar import Response, get, post
from litestar.datastructures import Cookie

from qualytics.errors import InvalidInput, NotSignedIn, Problem, QualyticsError, TooMany
from qualytics.server import bodies, page, problems
from qualytics.server.connections import AnyRequest, Reply, required
from qualytics.server.runtime import address_of, request_id_of, runtime_of
from qualytics.service.accounts.oidc import OpenId
from qualytics.service.accounts.passwords import Passwords
from qualytics.service.accounts.sign_in import STEP_S, Logins, TryAgain
from qualytics.service.accounts.sign_in_limits import place_of
from qualytics.service.rights import Actor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qualytics.server.config import Config
    from qualytics.service.accounts.sign_in import Step
    from qualytics.service.context import Context

_log = logging.getLogger("qualytics.server")
_COOKIE = "qualytics_login"
_COOKIE_LENGTH = 43
_FORM = "application/x-www-form-urlencoded"
_ASKS = ("redirect_uri", "state", "hostname", "code_challenge", "code_challenge_method")
_HIDDEN = {"public": True, "hidden": True}


@dataclass(slots=True, eq=False, repr=False)
class Desk:
    """What the sign-ins of one worker share."""

    openid: OpenId | None
    path: str
    callback: str
    is_https: bool
    passwords: Passwords = field(default_factory=Passwords)


@get("/cli/authorize", sync_to_thread=True, opt=_HIDDEN)
def ask(request: AnyRequest) -> Response[bytes]:
    """Show the page that asks who it is."""
    given: dict[str, str | None] = {name: request.query_params.get(name) for name in _ASKS}
    desk, browser = _desk(request), _browser(request)
    try:
        for name in _ASKS:
            _once(request, name)
        runtime_of(request).strangers.take(place_of(address_of(request)))
        with _opened(request) as context:
            step = Logins(context, desk.passwords, desk.openid).begin(given, browser)
    except QualyticsError as exc:
        return _told(exc)
    return _asking(request, step, browser)


@post("/cli/authorize", status_code=303, opt=_HIDDEN)
async def sign_in(request: AnyRequest, body: bytes) -> Response[bytes]:
    """Take a name and a password, and send the browser back to the command line."""

    def work() -> Response[bytes]:
        desk, browser = _desk(request), _browser(request)
        try:
            form = _form(request, body)
            with _opened(request) as context:
                logins = Logins(context, desk.passwords, desk.openid)
                return _sent(logins.with_password(form["login"], browser, form["name"], form["password"]))
        except TryAgain as exc:
            return _asking(request, exc.step, browser, str(exc))
        except QualyticsError as exc:
            return _told(exc)

    return await runtime_of(request).slowly(request, work)


@get("/cli/provider", opt=_HIDDEN)
async def go_away(request: AnyRequest) -> Response[bytes]:
    """Send the browser to the provider."""

    def work(logins: Logins, browser: str, desk: Desk) -> str:
        return logins.to_provider(request.query_params.get("login", ""), browser, desk.callback)

    return await runtime_of(request).slowly(request, partial(_stepped, request, work))


@get("/cli/callback", opt=_HIDDEN)
async def come_back(request: AnyRequest) -> Response[bytes]:
    """Take the provider's answer, and send the browser back to the command line."""
    answer = {
        name: request.query_params[name] for name in ("state", "code", "error", "iss") if name in request.query_params
    }

    def work(logins: Logins, browser: str, desk: Desk) -> str:
        return logins.from_provider(answer, browser, desk.callback)

    return await runtime_of(request).slowly(request, partial(_stepped, request, work))


@post("/cli/token", sync_to_thread=True, status_code=200, opt=_HIDDEN)
def redeem(request: AnyRequest, body: bytes) -> Reply:
    """Exchange the one-time code of a sign-in, with the verifier behind its challenge, for a token."""
    given = bodies.fields(request, body)
    required(given, "code", "code_verifier")
    desk = _desk(request)
    with _opened(request) as context:
        logins = Logins(context, desk.passwords, desk.openid)
        return bodies.reply(logins.redeem(str(given["code"]), str(given["code_verifier"])))


def _stepped(request: AnyRequest, work: Callable[[Logins, str, Desk], str]) -> Response[bytes]:
    desk = _desk(request)
    try:
        with _opened(request) as context:
            return _sent(work(Logins(context, desk.passwords, desk.openid), _browser(request), desk))
    except QualyticsError as exc:
        return _told(exc)


def desk_of(config: Config) -> Desk:
    """Return what the sign-ins of a worker share."""
    provider = config.provider
    path, base = f"{config.path.rstrip('/')}/cli", (config.public_url or "").rstrip("/")
    return Desk(OpenId(provider) if provider else None, path, f"{base}{path}/callback", base.startswith("https:"))


def _desk(request: AnyRequest) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


@contextlib.contextmanager
def _opened(request: AnyRequest) -> Iterator[Context]:
    address, runtime = address_of(request), runtime_of(request)
    actor = Actor("nobody", role="", address=address, request_id=request_id_of(request))
    with runtime.context(actor) as context, runtime.refusing(place_of(address), context):
        yield context


def _browser(request: AnyRequest) -> str:
    # One value for every sign-in of a browser, so that two at once do not end each other.
    found = request.cookies.get(_COOKIE, "")
    return found if len(found) == _COOKIE_LENGTH else secrets.token_urlsafe(32)


def _once(request: AnyRequest, name: str) -> None:
    if len(request.query_params.getall(name, [])) > 1:
        raise InvalidInput([Problem(name, f"{name} stands twice")])


def _form(request: AnyRequest, body: bytes) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        found = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=8, errors="strict")
    except ValueError:
        found = {}
    if kind != _FORM or any(len(found.get(name, [])) != 1 for name in ("login", "name", "password")):
        raise InvalidInput([Problem("body", "the form was not sent whole", "go back and send it again")])
    return {name: found[name][0] for name in ("login", "name", "password")}


def _asking(request: AnyRequest, step: Step, browser: str, problem: str | None = None) -> Response[bytes]:
    desk = _desk(request)
    provider = desk.openid.provider.name if desk.openid else None
    cookie = Cookie(
        _COOKIE, desk.path, browser, max_age=2 * STEP_S, httponly=True, secure=desk.is_https, samesite="lax"
    )
    # A browser also holds a redirect after the form to this; no policy can name an address of IPv6.
    target = "http:" if "[" in step.origin else step.origin
    text = page.login(step, provider, problem)
    return _html(text, 403 if problem else 200, target, cookies=[cookie])


def _told(error: QualyticsError) -> Response[bytes]:
    headers = {"Retry-After": str(max(1, round(error.retry_after_s)))} if isinstance(error, TooMany) else {}
    if isinstance(error, NotSignedIn):
        return _html(page.message("Not signed in", error.message, error.hint), 403)
    if error.http_status >= 500:
        _log.error("%s: %s", error.code, error.message)
        return _html(page.message("That did not work", *problems.for_anybody(error)), error.http_status)
    status = 400 if isinstance(error, InvalidInput) else error.http_status
    return _html(page.message("Not signed in", error.message, error.hint), status, headers=headers)


def _html(text: str, status: int, target: str = "", **more: Any) -> Response[bytes]:
    headers = {"Content-Security-Policy": page.policy(target), **more.pop("headers", {})}
    return Response(text.encode(), status_code=status, media_type="text/html", headers=headers, **more)


def _sent(url: str) -> Response[bytes]:
    return Response(b"", status_code=303, media_type="text/plain", headers={"Location": url})


ROUTES: list[Callable[..., Any]] = [ask, sign_in, go_away, come_back, redeem]
