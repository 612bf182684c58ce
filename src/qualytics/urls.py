"""URLs from outside, taken apart without ever repeating one: it may hold a password."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
