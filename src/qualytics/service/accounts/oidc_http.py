"""Requests of a control plane to the provider of its logins: one answer, small, in time, from whom was asked."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

from qualytics.errors import Unreachable
from qualytics.urls import split

if TYPE_CHECKING:
    from collections.abc import Mapping

DEADLINE_S = 10.0
_MAX_BYTES = 262_144
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def require_safe(url: str) -> str:
    """Return an address that nobody on the way can read or change.

    Raises:
        ValueError: it is not https, and not this machine's; it is not repeated.

    """
    parts = split(url)
    if parts.fragment or not parts.hostname:
        raise ValueError("must be a URL such as https://host")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise ValueError("must be https")
    return url


def fetch(url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Send a GET, or a POST with a form, and return the JSON object that is answered; nothing is followed.

    Raises:
        Unreachable: there is no such answer in time.

    """
    try:
        host = split(require_safe(url)).netloc
    except ValueError as exc:  # the words are ours
        raise Unreachable(f"an address of the provider {exc}", "an Admin looks at QUALYTICS_OIDC_ISSUER") from None
    try:
        status, text = _exchange(url, body, {"Accept": "application/json", **(headers or {})})
        found = json.loads(text)
    except (OSError, http.client.HTTPException, ValueError) as exc:
        raise Unreachable(f"{host} gave no answer: {_why(exc)}", "an Admin looks at QUALYTICS_OIDC_ISSUER") from exc
    if status != http.client.OK or not isinstance(found, dict):
        # The code of an error (RFC 6749 section 5.2) is for programs, and holds nothing of the request.
        code = found.get("error") if isinstance(found, dict) else None
        words = f": {code}" if isinstance(code, str) and code.isidentifier() else ""
        raise Unreachable(f"{host} answered {status}{words}", "an Admin looks at the client's settings there")
    return found


def _exchange(url: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
    parts = split(url)
    place = (parts.hostname or "", parts.port)
    connection = (
        http.client.HTTPSConnection(*place, timeout=DEADLINE_S, context=ssl.create_default_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection(*place, timeout=DEADLINE_S)
    )
    with contextlib.closing(connection):
        connection.connect()
        # A timeout of a socket starts anew with every byte; this one ends it all.
        deadline = threading.Timer(DEADLINE_S, _end, [connection.sock])
        deadline.daemon = True
        deadline.start()
        try:
            target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
            connection.request("GET" if body is None else "POST", target, body, dict(headers))
            with connection.getresponse() as answer:
                text = answer.read(_MAX_BYTES + 1)
        finally:
            deadline.cancel()
        if len(text) > _MAX_BYTES:
            raise _TooLarge
        return answer.status, text


class _TooLarge(http.client.HTTPException):
    """More came than is taken."""


def _end(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _why(exc: Exception) -> str:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return exc.verify_message
    if isinstance(exc, TimeoutError):
        return f"nothing within {DEADLINE_S:g} s"
    if isinstance(exc, OSError):
        return (exc.strerror or "no connection").lower()
    if isinstance(exc, _TooLarge):
        return "the answer is too large"
    return "it is not JSON" if isinstance(exc, ValueError) else "not HTTP, or cut off"
