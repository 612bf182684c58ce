"""What a host may be: one name or address, and nothing else that people paste along with it."""

from __future__ import annotations

import re

from qualytics import text
from qualytics.fields import BY_NAME

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\Z"

# What holds these alone has none of the faults below.
_PLAIN = r"[A-Za-z0-9._-]+\Z"
# In the order in which they are looked for: a URL also has a colon and a slash.
_FAULTS: tuple[tuple[str, str, str], ...] = (
    (r"\A\Z", "is empty", "give the server's host name or address"),
    (r"://", "holds a scheme", "give the host name alone, without the part up to ://"),
    (r"@", "holds a user name", "give the user with --username and the password with --password"),
    (r"\s", "holds a space", "give one host name; a line end at its end is often pasted along"),
    (r"[/\\]", "holds a path", "give the host name alone"),
    (r"[,;]", "holds more than one host", "make one connection for each host"),
    (r"[\[\]]", "holds brackets", "give an IPv6 address without brackets, and a port with --port"),
    (r":.*%", "holds a zone", "give an address that needs no name of an interface behind a %"),
    (r":", "holds a port", "give the port with --port"),
    ("[\ud800-\udfff]", "is not valid UTF-8", "check the encoding of the terminal or file it comes from"),
)
_NAME_HINT = "a host name has letters, digits, - and dots, at most 63 between two dots and 253 in all"


def clean(value: str) -> tuple[str, tuple[str, str] | None]:
    """Return a host as it is stored, in ASCII as DNS has it, and what is wrong with it with a hint, if anything is.

    The host itself is never repeated: a URL pasted here may hold a password.
    """
    if fault := _found(value):
        return value, fault
    host = text.ascii_host(value)
    if host is None:
        return value, ("is not a host name", _NAME_HINT)
    if _is_address(host):
        return host, None
    if fault := _found(host):
        return value, fault
    labels = host.removesuffix(".").split(".")
    if len(host) > BY_NAME["host"].max_length or not all(re.match(_LABEL, label) for label in labels):
        return value, ("is not a host name", _NAME_HINT)
    return host, None


def _found(value: str) -> tuple[str, str] | None:
    if len(value) > text.MAX_LENGTH or re.match(_PLAIN, value) or _is_address(value):
        return None  # what is longer is no host name, whatever else it is
    for pattern, message, hint in _FAULTS:
        if re.search(pattern, value):
            return message, hint
    return text.unseen_fault(value)


def _is_address(value: str) -> bool:
    # Every IPv6 address has a colon, and every IPv4 address ends in a digit.
    if ":" not in value and not value[-1:].isdigit():
        return False
    import ipaddress

    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return "%" not in value  # the zone of an address is this machine's own business (RFC 4007 section 11)
