"""What types reached over HTTPS share: their endpoint, and that plain http goes to this machine only."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from qualytics.connectors.contract import Endpoint, Param
from qualytics.urls import split

if TYPE_CHECKING:
    from collections.abc import Mapping


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


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
