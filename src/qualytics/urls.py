"""URLs: those from outside are taken apart without ever repeating one, as it may hold a password; others are built."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from urllib.parse import SplitResult

_LOOPBACK = re.compile(r"localhost|::1|127(\.[0-9]{1,3}){3}")


def is_loopback(host: str) -> bool:
    """Say whether a host, in lower case and without brackets, is this machine."""
    return _LOOPBACK.fullmatch(host) is not None


def split(text: str) -> SplitResult:
    """Return the parts of a URL; its port is a number or None.

    Raises:
        ValueError: it is none, or holds a user or a password. A slash in a password ends the host early and leaves
            the `@` in the path, so there must be none anywhere.

    """
    from urllib.parse import urlsplit  # 4 ms, which no listing should pay

    if "@" in text:
        raise ValueError("must hold no user and no password")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:  # its words repeat the host, or what stands in place of a port
        raise ValueError("must be a URL such as https://host:port") from None
    return parts


class Reference(str):
    """A text that stands for another, as `${NAME}`; it is never percent-encoded."""

    __slots__ = ()


def quoted(text: str, safe: str = "") -> str:
    """Return a text percent-encoded, as one part of a URL."""
    from urllib.parse import quote

    return text if isinstance(text, Reference) else quote(text, safe)


def build(scheme: str, parts: Mapping[str, str], path: Iterable[str], query: Mapping[str, str]) -> str:
    """Return a URL of values as they are; what is empty is left out.

    `parts` may hold `username`, `password`, `host` and `port`; `path` are segments, of which one that is a path itself
    keeps its slashes.
    """
    login = ":".join(quoted(parts[name]) for name in ("username", "password") if parts.get(name))
    host = parts.get("host", "")
    place = f"[{host}]" if ":" in host else quoted(host, ",")
    port = f":{parts['port']}" if host and parts.get("port") else ""
    segments = "".join(f"/{quoted(one, '/' if one.startswith('/') else '')}" for one in path if one)
    asked = "&".join(f"{quoted(key)}={quoted(value)}" for key, value in query.items() if value)
    return f"{scheme}://{login}{'@' if login else ''}{place}{port}{segments}{'?' if asked else ''}{asked}"
