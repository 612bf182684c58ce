"""What types reached over HTTP share: where they are, what their headers and paths may hold, and what answers mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from qualytics.connectors.codes import ErrorTable, by_code
from qualytics.connectors.contract import Chars, Endpoint, Param, Protocol, Verdict, refuse, tls_params
from qualytics.urls import is_loopback, split

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qualytics.connectors.contract import Target

# What a header carries: RFC 9110 section 5.5; http.client writes it as Latin-1.
HEADER = Chars(r"[^\x00-\x1f\x7f-\x9f]*", "everything but line ends and other control characters")
LATIN = Chars(r"[ -~\xa0-\xff]*", "the characters of Latin-1, as HTTP headers do, and no line end")
# RFC 6750 section 2.1, with some more that issuers use.
TOKEN = Chars(r"[!-~]+", "letters, digits and signs of ASCII, without blanks and line ends")
# A user name of HTTP's Basic ends at the first colon (RFC 7617 section 2).
BASIC_USER = Chars(r"[^:\x00-\x1f\x7f-\x9f]*", "everything but colons and control characters")
# A segment of a URL's path or of a host's name.
SEGMENT = Chars(r"[A-Za-z0-9-]+", "letters, digits and hyphens")
TENANT = Chars(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?", "letters, digits, dots and hyphens")
PATH = Chars(
    r"/?(?!\.{1,2}(/|\Z))[A-Za-z0-9._~-]+(/(?!\.{1,2}(/|\Z))[A-Za-z0-9._~-]+)*/?",
    "letters, digits and . _ ~ - between single slashes",
)


def same_url(url: str) -> tuple[str, str, int | None, str]:
    """Return the parts of a URL as they are compared: a host in any case, a port or its default, a slash or none."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removesuffix(".")
    return parts.scheme, host, parts.port or {"https": 443, "http": 80}.get(parts.scheme), parts.path.rstrip("/")


# RFC 3986 section 2, without what no endpoint needs.
_URL = re.compile(r"[A-Za-z0-9:/?#\[\]@!$&()*+,;=%._~-]*")
ENDPOINT_URL = Param(
    "endpoint_url",
    str,
    "another endpoint than the vendor's, as https://host:port; plain http only on this machine",
    max_length=2_000,
    same=same_url,
)
TLS_PARAMS = tls_params(("auto", "verify", "require"))  # for services that speak nothing but HTTPS


def endpoint_of(values: Mapping[str, Any], default_host: str, default_port: int = 443) -> Endpoint:
    """Return where a type is reached: `endpoint_url` in its parameters, else the vendor's host.

    Raises:
        ValueError: the URL is not http(s), holds more than scheme, host, port and path, or is plain
            http to another machine.

    """
    url = (values.get("parameters") or {}).get("endpoint_url")
    if url is None:
        return Endpoint(default_host, values.get("port") or default_port)
    if not url.isascii():
        raise ValueError("must be ASCII; a host name beyond it has a form that begins with xn--")
    if not _URL.fullmatch(url):
        raise ValueError("must be a URL without blanks, quotes and the like")
    parts = split(url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme not in {"http", "https"} or not host or "%" in host:
        raise ValueError("must be a URL such as https://host:port")
    if parts.query or parts.fragment:
        raise ValueError("must hold scheme, host, port and path alone")
    https = parts.scheme == "https"
    if not https and not is_loopback(host):
        raise ValueError("must be https; plain http is for this machine only")
    return Endpoint(host, port or (443 if https else 80), https)


def base_url(target: Target) -> str:
    """Return the address that the stages reached, with the path of `endpoint_url` where there is one.

    Over plain http, which no certificate holds to a name, it is the IP address that was dialled.
    """
    https = target.tls.mode != "disable"
    host = bracketed(target.host if https else target.dialled)
    port = "" if https and target.port == 443 else f":{target.port}"
    path = urlsplit(target.parameters.get("endpoint_url", "")).path.rstrip("/")
    return f"{'https' if https else 'http'}://{host}{port}{path}"


def bracketed(host: str) -> str:
    """Return a host as URLs write it: an IPv6 address in brackets (RFC 3986 section 3.2.2)."""
    return f"[{host}]" if ":" in host else host


def segment(name: str) -> str:
    """Return a name as one part of a URL's path, which the clients put there as it is: it could lead to another path.

    Raises:
        Refusal: the name has a slash or is nothing but dots: quoted or not, a gateway may take them for steps.

    """
    if not name.strip(".") or set(name) & set("/\\"):
        raise refuse("unknown_db", f"nothing can be called {name!r}", "check the name", stage="database")
    return quote(name, safe=":")  # as in example.com:project


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


def roots_of(target: Target) -> str | bool:
    """Return what `pin` takes: the trusted roots of a target."""
    return target.tls.mode != "require" and (target.tls.ca_file or True)


# Any server answers a request of HTTP/1.0, be it with an error (RFC 1945 section 4.1); it needs no host.
HTTP = Protocol("an HTTP server", rb"HTTP/\d", b"GET / HTTP/1.0\r\n\r\n", within_tls=True)

# learn.microsoft.com, "Microsoft Entra authentication and authorization error codes".
ENTRA = ErrorTable(
    codes=by_code({
        "AADSTS90002 AADSTS900021 AADSTS900023": Verdict("auth", "there is no tenant with this tenant_id", "check tenant_id in --parameters"),
        "AADSTS700016": Verdict("auth", "the tenant has no application with this client id", "check the client id, and tenant_id in --parameters"),
        "AADSTS7000222": Verdict("auth", "the client secret has expired", "make a new client secret"),
        "AADSTS7000215": Verdict("auth", "the client secret is wrong", "give the secret's value, not its id"),
        "AADSTS7000112": Verdict("auth", "the application is disabled in its tenant"),
        "AADSTS53003 AADSTS530034 AADSTS53000": Verdict("permission", "a conditional access policy blocks this sign-in"),
        "AADSTS65001 AADSTS50105 AADSTS500011 AADSTS650052": Verdict("permission", "the application lacks a consent or a role for this service", "ask an administrator of the tenant"),
        "AADSTS90033 AADSTS90024 AADSTS90055 AADSTS50196": Verdict("transient"),
    }),
    words=((r"AADSTS", Verdict("auth", "Microsoft Entra refused the service principal")),),
    inside=r"\b(AADSTS\d{4,8})\b",
    alone=r"AADSTS\d{4,8}",
)  # fmt: skip
NOT_THIS_PROTOCOL = Verdict("config", "the server does not speak the protocol of this type", "check host and port")
_ELSEWHERE = Verdict(
    "config", "the server redirects to another address, which is not followed", "give the address of the server itself"
)
# Class names of requests, urllib3, http.client and json; all else in their chains Python knows by itself.
_CLASSES = {
    "TooManyRedirects": _ELSEWHERE,
    "InvalidSchema": _ELSEWHERE,
    "HostChangedError": _ELSEWHERE,
    "BadStatusLine": NOT_THIS_PROTOCOL,
    "LineTooLong": NOT_THIS_PROTOCOL,
    "HTTPException": NOT_THIS_PROTOCOL,  # itself, no class of its own: more headers than any answer has
    "UnknownProtocol": NOT_THIS_PROTOCOL,
    "JSONDecodeError": NOT_THIS_PROTOCOL,
    "ReadTimeoutError": Verdict("timeout"),
    "ReadTimeout": Verdict("timeout"),
    "ConnectTimeoutError": Verdict("timeout"),
    "IncompleteRead": Verdict("network"),
    "ChunkedEncodingError": Verdict("network"),
}
_STATUS = {
    400: Verdict("config"),
    401: Verdict("auth", stage="login"),
    403: Verdict("permission"),
    404: NOT_THIS_PROTOCOL,
    405: NOT_THIS_PROTOCOL,
    407: Verdict("config", "a proxy before the server asks for a login", "give the address of the server itself"),
    408: Verdict("timeout"),
    429: Verdict("quota"),
    501: NOT_THIS_PROTOCOL,
}


def by_status(status: int | None) -> Verdict | None:
    """Return the verdict of an HTTP status; None when it is none, or no failure."""
    if status is None or status < 400:
        return None
    return _STATUS.get(status) or Verdict("transient" if status >= 500 else "config")


def by_class(exc: BaseException) -> Verdict | None:
    """Return the verdict of an exception of requests, urllib3 or http.client by the name of its class."""
    return _CLASSES.get(type(exc).__name__)
