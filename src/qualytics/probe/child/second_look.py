"""A second look at a server that may be one of another kind: which protocol it speaks, or whether it is silent.

Many drivers hide what a server answered, and many servers wait to be spoken to. So sockets of our own ask: at the
address that was checked and dialled, without a look-up and without a secret, and within what is left of the test. What
they hear leaves here as the name of a protocol alone; a server's words are never repeated.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import time
from typing import TYPE_CHECKING

from qualytics.connectors.contract import Protocol, Verdict
from qualytics.connectors.shared.http import HTTP
from qualytics.connectors.shared.preamble import client_hello
from qualytics.connectors.shared.protocols import HTTPS, TLS, protocols, recognised, types_of
from qualytics.structs import Struct
from qualytics.text import alternatives

if TYPE_CHECKING:
    from qualytics.connectors.contract import Connector, Target

LOOK_S = 1.2
# Who speaks first does so with the first round trip. An answer is over when nothing more comes for a moment; once one
# was understood, the others get another one.
_BANNER_S = 0.3
_PAUSE_S = 0.1
_SILENCE_S = 0.5  # who was given less to answer in is not called silent
_MORE_S = 0.2
_LEAST_S = 0.001
_ENOUGH_BYTES = 1_024

_NOBODY = Protocol("", rb"(?!)")


class Seen(Struct, eq=True):
    """What a look saw: which protocol a server speaks, if that is known, and whether it said nothing at all."""

    protocol: Protocol | None = None
    is_silent: bool = False
    within_tls: bool = False


def look(target: Target, timeout_s: float = LOOK_S, *, is_tls: bool = False) -> Seen:
    """Return which protocol the target's server speaks, within TLS if `is_tls`; takes no longer than `timeout_s`."""
    known = protocols()  # which imports all types, once
    end = time.monotonic() + timeout_s
    if is_tls:
        return _within_tls(target, end)
    banner = _ask(target, (_NOBODY,), min(end, time.monotonic() + _BANNER_S))
    said = banner.get(_NOBODY)
    if said or said is None:
        return Seen(recognised(said or b""))
    own = [one for one in target.protocols if one.question]
    others = [one for one in known if one.question and one not in own]
    is_long_enough = end - time.monotonic() > _SILENCE_S
    answers = _ask(target, (*own, *others, TLS), end)
    told = [one for asked, answer in answers.items() if (one := recognised(answer, asked))]
    # One that all its servers understand says more than an answer to nonsense.
    protocol = min(told, key=lambda one: one not in target.protocols, default=None)
    if protocol is TLS:
        return _within_tls(target, end)
    return Seen(protocol, is_silent=is_long_enough and bool(answers) and not any(answers.values()))


def _within_tls(target: Target, end: float) -> Seen:
    questions = dict.fromkeys((*(one for one in target.protocols if one.within_tls and one.question), HTTP))
    is_silent = False
    for asked in questions:
        with contextlib.suppress(OSError), _secure(target, end) as sock:
            sock.sendall(asked.question)
            sock.settimeout(_left_s(end, len(questions)))
            try:
                answer = sock.recv(_ENOUGH_BYTES)
            except TimeoutError:
                is_silent = True
                continue
            if protocol := recognised(answer, asked):
                return Seen(HTTPS if protocol is HTTP else protocol, within_tls=True)
            is_silent = False
    return Seen(TLS, is_silent, within_tls=True)


def _secure(target: Target, end: float) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing secret is sent, and only the name of a protocol is made of the answer
    return context.wrap_socket(_dial(target, end), server_hostname=target.host)


def _dial(target: Target, end: float) -> socket.socket:
    return socket.create_connection((target.dialled, target.port), _left_s(end))


def _left_s(end: float, shares: int = 1) -> float:
    return max(_LEAST_S, (end - time.monotonic()) / shares)


def _ask(target: Target, questions: tuple[Protocol, ...], end: float) -> dict[Protocol, bytes]:
    """Return the answer to each question, asked over a connection of its own, all at once; none where that broke.

    It ends when all answers are there, and soon after the first that is understood.
    """
    answers: dict[Protocol, bytes] = {}
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        for asked in questions:
            with contextlib.suppress(OSError):
                sock = stack.enter_context(_dial(target, end))
                sock.sendall(client_hello() if asked is TLS else asked.question)
                sock.setblocking(False)  # noqa: FBT003 - the standard library's own signature
                selector.register(sock, selectors.EVENT_READ, asked)
                answers[asked] = b""
        while selector.get_map() and (left_s := end - time.monotonic()) > 0:
            ready = selector.select(min(left_s, _PAUSE_S))
            for key, _ in ready:
                chunk = _read(key.fileobj)
                answers[key.data] += chunk
                if not chunk or len(answers[key.data]) >= _ENOUGH_BYTES:
                    selector.unregister(key.fileobj)
            if any(recognised(answer, asked) for asked, answer in answers.items() if answer):
                if not ready:
                    break
                end = min(end, time.monotonic() + _MORE_S)
    return answers


def _read(sock: object) -> bytes:
    try:
        return sock.recv(_ENOUGH_BYTES) if isinstance(sock, socket.socket) else b""
    except OSError:  # it was reset: that, too, is the end of an answer
        return b""


def verdict_on(connector: Connector, target: Target, seen: Seen) -> Verdict | None:
    """Return the verdict on a server that speaks another protocol than these settings; None where that is not known."""
    protocol = seen.protocol
    if protocol is None or not target.protocols:
        return None
    is_own = protocol in target.protocols or (protocol is HTTPS and HTTP in target.protocols)
    if is_own or (protocol is TLS and _may_use_tls(target)):
        return _at_odds_on_tls(connector, target, seen, protocol) if _may_use_tls(target) else None
    types = types_of(protocol)
    if protocol in connector.protocols:  # of which these settings have chosen another
        do = "check host and port, or set transport in --parameters"
    else:
        do = f"--type {alternatives(types)}" if types else "check host and port"
    hint = f"this is {protocol.server}; {do}"
    return Verdict("config", f"{_where(target)} is {protocol.server}, not {_wanted(connector, target)}", hint)


def _at_odds_on_tls(connector: Connector, target: Target, seen: Seen, protocol: Protocol) -> Verdict | None:
    uses_tls = target.tls.mode != "disable" and target.tls.active is not False
    if seen.within_tls == uses_tls:
        return None
    if uses_tls:
        is_asked = connector.greet is not None  # whoever asks for TLS knows by itself that there is none
        cause = f"{_where(target)} is {protocol.server} without TLS"
        return None if is_asked else Verdict("config", cause, "check host and port: TLS is expected here")
    turn_on = "give endpoint_url as https" if "endpoint_url" in target.parameters else "set ssl_mode to verify"
    return Verdict("tls", f"{_where(target)} speaks TLS, and these settings do not", f"{turn_on} in --parameters")


def silence_of(connector: Connector, target: Target, seen: Seen) -> tuple[str, str]:
    """Return cause and hint of a server that took the connection, and nothing came of it."""
    accepted = "the connection and TLS" if seen.within_tls else "the connection"
    cause = f"{_where(target)} accepted {accepted} but said nothing that {_wanted(connector, target)} says; right port?"
    return cause, "check host and port, or give a slow server more time with --timeout"


def _may_use_tls(target: Target) -> bool:
    return any(one.within_tls for one in target.protocols)


def _where(target: Target) -> str:
    return f"{target.name}:{target.port}"


def _wanted(connector: Connector, target: Target) -> str:
    if connector.protocols or not target.protocols:
        return connector.title
    return target.protocols[0].server
