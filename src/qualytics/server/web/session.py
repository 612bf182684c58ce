"""Sessions of browsers: a cookie over a token that can be revoked like any other; forms that come from here alone."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, TypeVar

from litestar.datastructures import Cookie

from qualytics.errors import NotAllowed, NotSignedIn
from qualytics.fields import SECRETS
from qualytics.server import runtime, sent_forms
from qualytics.server.runtime import opened_by
from qualytics.server.web.render import root_of
from qualytics.service.accounts.tokens import Tokens
from qualytics.urls import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from qualytics.server.parameters import AnyRequest
    from qualytics.service.context import Context

T = TypeVar("T")
SESSION_DAYS = 1
_COOKIE = "qualytics"
# Under these names the state of a request has what a form held, and whether it was one of another session.
_TYPED, _STALE = "typed", "stale"
# A page of this control plane: its path has no dots, escapes or double slashes, which others may read differently; its
# query has what forms and browsers leave as it is.
_OWN = re.compile(r"(?:/|(?:/[a-z0-9-]+)+)(?:\?[A-Za-z0-9/_.?=&%:+,*~!()@;$'-]*)?\Z")


@contextlib.contextmanager
def opened(request: AnyRequest) -> Iterator[Context]:
    """Give a context of the service for whoever has signed in with this browser.

    Raises:
        NotSignedIn: there is no session, or it has ended.
        TooMany: the user has no requests left.

    """
    token = token_of(request)
    if not token:
        raise NotSignedIn("nobody is signed in", "sign in")
    with opened_by(request, token) as context:
        yield context


async def answer(request: AnyRequest, verb: Callable[[Context], T], *, is_test: bool = False) -> T:
    """Run a verb for whoever has signed in, as `runtime.answer` does.

    Raises:
        NotSignedIn, TooMany: as `opened` does.

    """
    return await runtime.answer(request, verb, is_test=is_test, opening=opened)


def token_of(request: AnyRequest) -> str:
    """Return the token in the cookie, empty where there is none."""
    return request.cookies.get(_name(request), "")


def csrf_of(request: AnyRequest, token: str | None = None) -> str:
    """Return what a form of this session, or of one that begins with a token, holds, and no other site can know."""
    return hmac.digest((token or token_of(request)).encode(), b"form", hashlib.sha256).hex()


def digest_of(request: AnyRequest, secret: str) -> str:
    """Return by what a page of this session knows a secret again; whoever has not its token learns nothing of it."""
    return hmac.digest(token_of(request).encode(), b"tested " + secret.encode(), hashlib.sha256).hex()


def cookie(request: AnyRequest, token: str | None) -> Cookie:
    """Return the cookie of a session; without a token, one that ends it."""
    return Cookie(
        _name(request),
        root_of(request) or "/",
        token or "",
        max_age=SESSION_DAYS * 86_400 if token else 0,
        httponly=True,
        secure=_is_secure(request),
        samesite="lax",
    )


def form(request: AnyRequest, body: bytes) -> dict[str, str]:
    """Return what a form of this session holds, with the ends of lines as everywhere.

    Raises:
        NotAllowed: it was sent from elsewhere.
        NotSignedIn: nobody is signed in.
        InvalidInput: it is no form.

    """
    typed = sent(request, body)
    state = request.scope["state"]
    state[_TYPED] = typed
    state[_STALE] = not hmac.compare_digest(typed.pop("_csrf", "").encode(), csrf_of(request).encode())
    if not token_of(request):
        raise NotSignedIn("nobody is signed in", "sign in")
    if state[_STALE]:
        raise NotAllowed("the form is not one of this session", "open the page again")
    return typed


def is_stale(request: AnyRequest) -> bool:
    """Say whether a form of another session was sent, as of one that was begun anew in another tab since."""
    return bool(request.scope["state"].get(_STALE))


def kept_of(request: AnyRequest) -> dict[str, str]:
    """Return what of a form can be kept over a sign-in, and as `_dropped` the names of the secrets that cannot.

    It is nothing but for a form that can go on: that has its own address in it, as `_form`.
    """
    typed: dict[str, str] = request.scope["state"].get(_TYPED, {})
    if "_form" not in typed:
        return {}
    dropped = " ".join(sorted(name for name, value in typed.items() if name in SECRETS and value))
    kept = {name: value for name, value in typed.items() if name not in {*SECRETS, "_paste", "_do"}}
    return kept | {"_dropped": dropped}


def kept_in(text: str) -> dict[str, str]:
    """Return what a page of a sign-in has kept of a form, as JSON; nothing where that was changed on the way."""
    kept = sent_forms.texts_in(text)
    return {"_dropped": ""} | kept if "_form" in kept else {}


def sent(request: AnyRequest, body: bytes) -> dict[str, str]:
    """Return what a form holds that was sent from a page of this control plane.

    Raises:
        NotAllowed: it was sent from elsewhere.
        InvalidInput: it is no form.

    """
    typed = sent_forms.read(request, body)
    return {name: value.replace("\r\n", "\n") for name, value in typed.items()}


def version(typed: Mapping[str, str]) -> int | None:
    """Return the version that a form was made of, None where it names none."""
    text = typed.get("_version", "")
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def end(context: Context) -> None:
    """End the token of the session that asks."""
    if context.actor.token_id is not None:
        Tokens(context).revoke(context.actor.token_id)


def own_address(text: str | None) -> str:
    """Return the address of a page, without what all begin with; the list of connections for what is none."""
    return text if text is not None and _OWN.match(text) else "/connections"


def require_safe(request: AnyRequest) -> None:
    """Raise NotAllowed where the cookie of a session would travel without TLS; within this machine it may."""
    if _is_secure(request) and not sent_forms.origin_of(request).startswith("https:"):
        hint = "open it by https, and start the control plane with that address as --public-url"
        raise NotAllowed("nobody can sign in over plain http from another machine", hint)


def _is_secure(request: AnyRequest) -> bool:
    # Browsers keep no such cookie over plain http; that is for this machine alone.
    parts = sent_forms.origin_of(request).partition("://")
    host = re.sub(r":[0-9]+\Z", "", parts[2]).strip("[]")
    return parts[0] == "https" or not is_loopback(host.lower())


def _name(request: AnyRequest) -> str:
    if not _is_secure(request):
        return _COOKIE
    # A cookie of the whole host would go to the other programs there, too (RFC 6265bis, 4.1.3).
    return f"__Secure-{_COOKIE}" if root_of(request) else f"__Host-{_COOKIE}"
