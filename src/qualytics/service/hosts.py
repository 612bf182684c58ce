"""What a host may be: one name or address, and nothing else that people paste along with it."""

from __future__ import annotations

import re

from qualytics import text
from qualytics.fields import BY_NAME

_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\Z")

# In the order in which they are looked for: a URL also has a colon and a slash.
_FAULTS: tuple[tuple[str, str, str], ...] = (
    (r"\A\Z", "is empty", "give the server's host name or address"),
    (r"://", "holds a scheme", "give the host name alone, without the part up to ://"),
    (r"@", "holds a user name", "give the user with --username and the password with --password"),
    (r"\s", "holds a space", "give one host name; a line end at its end is often pasted along"),
    (r"[/\\]", "holds a path", "give the host name alone"),
    (r"[,;]", "holds more than one host", "make one connection for each host"),
    (r"[\[\]]", "holds brackets", "give an IPv6 address without brackets, and a port with --port"),
    (r":", "holds a port", "give the port with --port"),
)
_NAME_HINT = "a host name has letters, digits, - and dots, at most 63 between two dots and 253 in all"


def fault(value: str) -> tuple[str, str] | None:
    """Return what is wrong with a host and a hint, None when nothing is.

    The host itself is never repeated: a URL pasted here may hold a password.
    """
    if len(value) > text.LONGEST:  # IDNA takes the square of it
        return "is not a host name", _NAME_HINT
    if _is_address(value):
        return None
    for pattern, message, hint in _FAULTS:
        if re.search(pattern, value):
            return message, hint
    try:
        name = value.encode("idna").decode()
    except UnicodeError:
        name = ""
    labels = name.removesuffix(".").split(".")
    if len(name) > BY_NAME["host"].max_length or not all(_LABEL.match(label) for label in labels):
        return "is not a host name", _NAME_HINT
    return None


def _is_address(value: str) -> bool:
    import ipaddress

    address, percent, zone = value.partition("%")
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        return False
    # A zone is the name of a network interface (RFC 4007 section 11), and IPv6's alone.
    return not percent or (version == 6 and re.fullmatch(r"[A-Za-z0-9_.-]{1,32}", zone) is not None)
