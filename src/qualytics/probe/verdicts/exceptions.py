"""Verdicts on exceptions: what one of any driver means, in a class, one line and a hint."""

from __future__ import annotations

import itertools
import socket
import ssl
from typing import TYPE_CHECKING

from qualytics.connectors.contract import Connector, Refusal, Verdict
from qualytics.errors import DriverMissing
from qualytics.probe.verdicts.certificates import by_code, by_reason
from qualytics.probe.verdicts.failure_classes import TOO_MUCH_HINT
from qualytics.probe.verdicts.network_faults import by_errno, by_words, is_unknown, refined
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterator


def chain(exc: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that it was raised from, the outermost first."""
    seen: set[int] = set()
    link: BaseException | None = exc
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def judge(connector: Connector, exc: BaseException) -> Verdict:
    """Return the verdict on an exception: a Refusal's own, else what Python or the connector makes of it.

    The innermost exception that anybody knows decides: a driver's umbrella code says less than the
    refused connection it was raised from. A code comes from the innermost that has one.
    """
    links = tuple(chain(exc))
    by_driver = [verdict for link in reversed(links) if (verdict := connector.classify(link)) and verdict.code]
    verdict = _judged(connector, links)
    return verdict if verdict.code or not by_driver else replace(verdict, code=by_driver[0].code)


def _judged(connector: Connector, links: tuple[BaseException, ...]) -> Verdict:
    for link in links:
        if isinstance(link, Refusal):
            return link.verdict
    for inner in reversed(links):
        if verdict := _standard(inner):
            return verdict
        if (verdict := connector.classify(inner)) and not is_unknown(verdict := refined(verdict, str(inner))):
            return verdict
    return by_words("\n".join(map(str, links))) or Verdict("unknown")


def words(exc: BaseException, code: str | None = None) -> str | None:
    """Return a driver's own text with the code in front and its causes below; None: a Refusal speaks for itself."""
    driver = exc.__cause__ if isinstance(exc, Refusal) else exc
    if driver is None:
        return None
    text = _text(driver)
    name = type(driver).__name__
    named = f"{name}: {text}"
    first = named if code is None or code == name else text if text.startswith(code) else f"{code}: {named}"
    causes = (f"Caused by: {type(link).__name__}: {_text(link)}" for link in _told(driver))
    return "\n".join((first, *causes))


def _told(driver: BaseException) -> Iterator[BaseException]:
    # What it was raised from, and says more; of what was merely handled, only what the system said.
    told = [_text(driver)]
    for outer, link in itertools.pairwise(chain(driver)):
        is_cause = link is outer.__cause__ or (not outer.__suppress_context__ and isinstance(link, OSError))
        text = _text(link)
        if is_cause and text and not any(text in other for other in told):
            told.append(text)
            yield link


def _text(exc: BaseException) -> str:
    """Return what an exception says; of a number and a text, as drivers of DB-API have it, the text."""
    match exc.args:
        case (int() | str(), str() as text) if str(exc) == str(exc.args):
            return text
    return str(exc)


def _standard(exc: BaseException) -> Verdict | None:  # noqa: C901, PLR0911 - one line a class reads best
    if isinstance(exc, DriverMissing):
        return Verdict("driver_missing", exc.message, exc.hint)
    verdict: Verdict | None = getattr(exc, "verdict", None) if isinstance(exc, ssl.SSLError) else None
    if verdict is not None:
        return verdict  # of `child/tls.py`, which saw the handshake
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
        return Verdict("config", "the test ran out of memory: no test needs that much", TOO_MUCH_HINT)
    return by_errno(exc) if isinstance(exc, OSError) else None


# OpenSSL's reasons for bytes that are no TLS record.
NOT_TLS = frozenset(
    {
        *("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "PACKET_LENGTH_TOO_LONG"),
        *("RECORD_LAYER_FAILURE", "UNEXPECTED_MESSAGE", "BAD_RECORD_TYPE"),
    }
)
