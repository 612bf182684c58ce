"""What drivers on top of requests share: a session that reaches given servers alone, and verdicts on what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from qualytics.connectors.contract import Verdict, refuse

if TYPE_CHECKING:
    from qualytics.connectors.contract import Target

_ANOTHER = Verdict("config", "the server does not speak the protocol of this type", "check host and port")
_ELSEWHERE = Verdict(
    "config", "the server sends on to another address, which is not followed", "give the address of the server itself"
)
# Class names of requests, urllib3, http.client and json; all else in their chains Python knows by itself.
_CLASSES = {
    "TooManyRedirects": _ELSEWHERE,
    "InvalidSchema": _ELSEWHERE,
    "HostChangedError": _ELSEWHERE,
    "BadStatusLine": _ANOTHER,
    "LineTooLong": _ANOTHER,
    "HTTPException": _ANOTHER,  # itself, no class of its own: more headers than any answer has
    "UnknownProtocol": _ANOTHER,
    "JSONDecodeError": _ANOTHER,
    "ReadTimeoutError": Verdict("timeout"),
    "ReadTimeout": Verdict("timeout"),
    "ConnectTimeoutError": Verdict("timeout"),
    "IncompleteRead": Verdict("network"),
    "ChunkedEncodingError": Verdict("network"),
}  # fmt: skip
_STATUS = {
    400: Verdict("config"),
    401: Verdict("auth", stage="login"),
    403: Verdict("permission"),
    404: _ANOTHER,
    405: _ANOTHER,
    407: Verdict("config", "a proxy stands before the server and wants a login"),
    408: Verdict("timeout"),
    429: Verdict("quota"),
    501: _ANOTHER,
}


def pin(session: Any, *origins: str, roots: str | bool) -> Any:
    """Return a requests session that reaches these servers alone: no proxy, no netrc, no redirect, no retry.

    `roots` are the trusted roots as a file; False trusts any certificate.
    """
    from requests.adapters import HTTPAdapter

    session.trust_env = False
    session.max_redirects = 0
    session.verify = roots
    session.adapters.clear()
    for origin in origins:
        session.mount(f"{origin}/", HTTPAdapter(max_retries=0))
    return session


def segment(name: str) -> str:
    """Return a name as one part of a URL's path, which the clients put there as it is: it could lead to another path.

    Raises:
        Refusal: the name has a slash or is nothing but dots: quoted or not, a gateway may take them for steps.

    """
    if not name.strip(".") or set(name) & set("/\\"):
        raise refuse("unknown_db", f"nothing can be called {name!r}", "check the name", stage="database")
    return quote(name, safe=":")  # as in example.com:project


def roots_of(target: Target) -> str | bool:
    """Return what `pin` takes: the trusted roots of a target."""
    tls = target.tls
    return tls is None or ((tls.ca_file or True) if tls.verified else False)


def by_status(status: int | None) -> Verdict | None:
    """Return the verdict of an HTTP status; None when it is none, or no failure."""
    if status is None or status < 400:
        return None
    return _STATUS.get(status) or Verdict("transient" if status >= 500 else "config")


def by_class(exc: BaseException) -> Verdict | None:
    """Return the verdict of an exception of requests, urllib3 or http.client by the name of its class."""
    return _CLASSES.get(type(exc).__name__)
