"""TLS of a test: trusted roots, handshakes, and what a finished one agreed on."""

from __future__ import annotations

import contextlib
import os
import ssl
import time
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import Refusal, Tls, Verdict
from qualytics.connectors.shared.preamble import reject_protocol
from qualytics.probe.protocol import Encrypted
from qualytics.probe.trusted_roots import gathered_roots, system_roots, version_of
from qualytics.probe.verdicts.certificates import Roots, by_reason, fault_of
from qualytics.probe.verdicts.exceptions import NOT_TLS

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from datetime import datetime

    from qualytics.connectors.contract import Target

_ALERT_S = 1.0
_LEAST_S = 0.001  # 0 would mean not to wait at all, and to fail otherwise
# The one that was made last, by the version of the roots that it trusts.
_contexts: dict[tuple[object, ...] | None, ssl.SSLContext] = {}


def make_tls(mode: str, parameters: dict[str, Any], directory: str) -> Tls:
    """Return the TLS settings of a connection; PEM text is written to a 0600 file in `directory`."""
    if mode == "disable":
        return Tls()
    if mode == "require":
        return Tls(mode, _judging(_unverified(), Roots(None, from_connection=False)), None)
    ca_file = parameters.get("ssl_root_cert_file")
    if pem := parameters.get("ssl_root_cert"):
        ca_file = os.path.join(directory, "roots.pem")
        with open(os.open(ca_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(pem)
    from_connection = ca_file is not None
    ca_file = ca_file or system_roots()
    try:
        context = _trusting(ca_file)
    except (ssl.SSLError, OSError) as exc:
        cause = f"the root certificates in {ca_file} cannot be read"
        raise Refusal(Verdict("config", cause, "give PEM certificates")) from exc
    return Tls(mode, _judging(context, Roots(ca_file, from_connection)), ca_file)


def warm_up(directory: str) -> None:
    """Load the roots that this machine trusts, for the processes that are forked from this one: 16 ms of each test.

    `directory` is for a file of them, which may be removed afterwards.
    """
    with contextlib.suppress(Refusal):  # each test says so itself
        path = gathered_roots(directory)
        make_tls("verify", {} if path is None else {"ssl_root_cert_file": path}, directory)


def _trusting(ca_file: str | None) -> ssl.SSLContext:
    version = None if ca_file is None else version_of(ca_file)
    if version not in _contexts:
        context = ssl.create_default_context(cafile=ca_file)
        # Python 3.13 turns this on; the roots that MySQL makes for itself do not pass it.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        _contexts.clear()
        _contexts[version] = context
    return _contexts[version]


def _judging(context: ssl.SSLContext, roots: Roots) -> ssl.SSLContext:
    """Return a context whose handshakes, when they fail, leave a verdict on the exception."""

    class Judging(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:  # noqa: FBT002 - the standard library's own signature
            try:
                super().do_handshake(block)
            except ssl.SSLError as exc:
                exc.verdict = fault_of(exc, self, roots)  # type: ignore[attr-defined]  # judge looks for it
                raise

        def send(self, data: Any, flags: int = 0) -> int:
            try:
                return super().send(data, flags)
            except OSError as exc:
                failed = exc
            self.settimeout(_ALERT_S)
            self.recv(1)  # the server's alert, where one waits, says why it closed the connection
            raise failed

    context.sslsocket_class = Judging
    return context


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def handshake(sock: socket.socket, tls: Tls, host: str) -> ssl.SSLSocket:
    """Finish a TLS handshake on an open socket.

    Raises:
        ssl.SSLError, OSError: as the handshake failed.
        Refusal: the server sent what is no TLS.

    """
    if tls.context is None:
        raise ValueError("no TLS context")
    raw = sock.dup()
    try:
        return tls.context.wrap_socket(sock, server_hostname=host)
    except ssl.SSLError as exc:
        if exc.reason in NOT_TLS:
            reject_protocol(raw, "TLS")
        raise
    finally:
        raw.close()


def watch(context: ssl.SSLContext, done: Callable[[ssl.SSLSocket], None]) -> None:
    """Have `done` called with the socket after each handshake that a driver makes by this context."""
    shaking: Any = context.sslsocket_class

    class Watched(shaking):  # type: ignore[misc]  # a class of ours that make_tls set
        def do_handshake(self, block: bool = False) -> None:  # noqa: FBT002 - the standard library's own signature
            super().do_handshake(block)
            done(self)

    context.sslsocket_class = Watched


def ended_for(target: Target, greet: Callable[[socket.socket], bool] | None, timeout_s: float) -> Verdict | None:
    """Return why a server ends connections over TLS, as a look at what it says after a handshake tells; else None.

    The look as a whole takes no longer than `timeout_s`.
    Of TLS 1.3 a server refuses what it does not like of its client only then, and a driver that has begun to
    send may find the connection reset in place of the alert.
    """
    from socket import create_connection

    if target.tls.context is None:
        return None
    target.tls.context.check_hostname = target.tls.verified  # a driver may have turned it off, to compare by itself
    end = time.monotonic() + timeout_s

    def within(sock: socket.socket) -> socket.socket:
        sock.settimeout(max(_LEAST_S, end - time.monotonic()))
        return sock

    try:
        with create_connection((target.dialled, target.port), timeout_s) as sock:
            if greet is not None and not greet(within(sock)):
                return None
            with handshake(within(sock), target.tls, target.host) as secure:
                within(secure).recv(1)
    except ssl.SSLError as exc:
        return getattr(exc, "verdict", None) or by_reason(exc)
    except (OSError, Refusal):
        return None
    return None


def describe(sock: ssl.SSLSocket, *, verified: bool) -> Encrypted:
    """Return what a finished handshake agreed on."""
    end = _not_after(sock)
    cipher = sock.cipher()
    return Encrypted(
        sock.version(),
        cipher[0] if cipher else None,
        verified,
        end.isoformat().replace("+00:00", "Z") if end else None,
    )


def _not_after(sock: ssl.SSLSocket) -> datetime | None:
    from datetime import UTC, datetime

    if certificate := sock.getpeercert():  # filled only where the certificate was verified
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    raw = sock.getpeercert(binary_form=True)
    if raw is None:
        return None
    from cryptography import x509  # a tenth of a test's time, so only where it must be

    return x509.load_der_x509_certificate(raw).not_valid_after_utc
