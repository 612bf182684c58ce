"""Verdicts: what an exception of any driver means, in a class, one line and a hint."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qualytics.connectors import Connector, Refusal, Verdict
from qualytics.errors import DriverMissing
from qualytics.probe.verdicts.certificates import by_code, by_reason
from qualytics.probe.verdicts.reach import by_errno, by_words, refined

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class ClassText:
    """The common words of a class; `naming.py` fills in `{where}`, the address or file, `{login}` and the others."""

    retryable: bool
    cause: str
    hint: str


TOO_MUCH_HINT = "check host and port: a server that keeps sending is not the one that these settings are meant for"
CLASSES: dict[str, ClassText] = {
    "auth": ClassText(
        retryable=False,
        cause="the server refused {login}",
        hint="check {credentials}",
    ),
    "permission": ClassText(
        retryable=False,
        cause="{admitted} but lacks a right",
        hint="ask the owner of the {owned} for the right named in detail",
    ),
    "dns": ClassText(
        retryable=False,
        cause="the host name {where} does not exist",
        hint="check {host_field} for a typo; inside a company network a VPN or its DNS may be needed",
    ),
    "refused": ClassText(
        retryable=True,
        cause="nothing listens on {where}",
        hint="check --port, and that the server is running and listens on this address",
    ),
    "network": ClassText(
        retryable=True,
        cause="the connection to {where} broke off",
        hint="check host and port; a firewall, a proxy or a limit of the server may close connections",
    ),
    "timeout": ClassText(
        retryable=True,
        cause="{where} did not answer within {timeout_s:g} s",
        hint="check host, port and firewall, or give a slow server more time with --timeout",
    ),
    "tls": ClassText(
        retryable=False,
        cause="no trusted TLS connection to {where} was possible",
        hint="see detail: what the server's certificate, or its TLS, lacks stands there",
    ),
    "unknown_db": ClassText(
        retryable=False,
        cause="the database or schema does not exist",
        hint="check the spelling, also upper and lower case",
    ),
    "quota": ClassText(
        retryable=True,
        cause="the server is at a limit",
        hint="wait, or ask for more connections or quota",
    ),
    "config": ClassText(
        retryable=False,
        cause="these settings cannot work with {where}",
        hint="compare the settings with: qualytics connections types {type}",
    ),
    "blocked": ClassText(
        retryable=False,
        cause="the network policy does not allow this target",
        hint="ask an administrator to allow the target",
    ),
    "driver_missing": ClassText(
        retryable=False,
        cause="the driver for {type} is not installed",
        hint="pip install 'qualytics[{extra}]'",
    ),
    "transient": ClassText(
        retryable=True,
        cause="the server cannot answer right now",
        hint="try again in a moment",
    ),
    "internal": ClassText(
        retryable=False,
        cause="the test itself failed",
        hint="run again with --debug and report what it prints",
    ),
    "unknown": ClassText(
        retryable=False,
        cause="the server answered with an error that is not known here",
        hint="see detail for the driver's own words",
    ),
}


def chain(exc: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that it was raised from, the outermost first."""
    seen: set[int] = set()
    found: BaseException | None = exc
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or found.__context__


def judge(connector: Connector, exc: BaseException) -> Verdict:
    """Return the verdict on an exception: a Refusal's own, else what Python or the connector makes of it.

    The innermost exception that anybody knows decides: a driver's umbrella code says less than the
    refused connection it was raised from.
    """
    links = tuple(chain(exc))
    for link in links:
        if isinstance(link, Refusal):
            return link.verdict
    for inner in reversed(links):
        if verdict := _standard(inner):
            return verdict
        if verdict := connector.classify(inner):
            return refined(verdict, str(inner))
    return by_words("\n".join(map(str, links))) or Verdict("unknown")


def words(exc: BaseException) -> str | None:
    """Return a driver's own text, None when there is none: a Refusal speaks for itself."""
    driver = exc.__cause__ if isinstance(exc, Refusal) else exc
    return None if driver is None else f"{type(driver).__name__}: {driver}"


def _standard(exc: BaseException) -> Verdict | None:  # noqa: C901, PLR0911 - one line a class reads best
    if isinstance(exc, DriverMissing):
        return Verdict("driver_missing", exc.message, exc.hint)
    told: Verdict | None = getattr(exc, "verdict", None) if isinstance(exc, ssl.SSLError) else None
    if told is not None:
        return told  # by who saw the handshake: probe.tls
    if isinstance(exc, ssl.SSLCertVerificationError):
        return by_code(exc)
    if isinstance(exc, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Verdict("network")
    if isinstance(exc, ssl.SSLError) and not isinstance(exc, TimeoutError):
        if exc.reason in NOT_TLS:
            return Verdict("config", "the server does not speak TLS on this port", "check host and port")
        return by_reason(exc) or Verdict("tls")
    if isinstance(exc, socket.gaierror):
        return Verdict("transient" if exc.errno == socket.EAI_AGAIN else "dns")
    if isinstance(exc, ConnectionRefusedError):
        return Verdict("refused")
    if isinstance(exc, TimeoutError):
        return Verdict("timeout")
    if isinstance(exc, ConnectionError | EOFError):
        return Verdict("network")
    if isinstance(exc, MemoryError):
        return Verdict("config", "the test ran out of memory: no answer to one needs that much", TOO_MUCH_HINT)
    return by_errno(exc) if isinstance(exc, OSError) else None


# OpenSSL's reasons for bytes that are no TLS record.
NOT_TLS = frozenset(
    {
        *("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "PACKET_LENGTH_TOO_LONG"),
        *("RECORD_LAYER_FAILURE", "UNEXPECTED_MESSAGE", "BAD_RECORD_TYPE"),
    }
)
