"""The stages of a test, in the child process: resolve, tcp, tls, login, database, query, list, open."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING, Any

from qualytics.connectors.contract import OtherProtocol, Refusal, Verdict, ssl_mode
from qualytics.errors import DriverMissing
from qualytics.probe.child.dial import dial
from qualytics.probe.child.listing import items_of, send_page
from qualytics.probe.child.tls import describe, ended_for, handshake, watch
from qualytics.probe.child.watch import Watch
from qualytics.probe.protocol import (
    Began,
    Connected,
    Detected,
    Encrypted,
    Ended,
    Failed,
    Passed,
    SecondHost,
    Unanswered,
    Warned,
    is_code,
)
from qualytics.probe.verdicts.exceptions import judge, words
from qualytics.probe.verdicts.tls_faults import GAVE_ROOT, GIVE_HINTS
from qualytics.structs import replace

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from qualytics.connectors.contract import Connector, Target, Tls
    from qualytics.model import Item, Listing
    from qualytics.probe.child.dns_guard import DnsGuard
    from qualytics.probe.child.second_look import Seen
    from qualytics.probe.plan import Reading
    from qualytics.probe.protocol import Message

    Send = Callable[[Message], None]


_NOT_ENCRYPTED = Warned("the connection is not encrypted")
_TURN_ON = "turn TLS on at the server, or set ssl_mode to auto or disable in --parameters"
# Only a control plane demands TLS where no connection says so.
_VERIFIED_BY_DEFAULT = "this control plane verifies TLS unless ssl_mode says otherwise; set it in --parameters"
_NOT_VERIFIED = Warned("the server's certificate was not verified (ssl_mode=require)")
# What only a server that was reached through TLS can answer.
_PAST_TLS = frozenset({"auth", "permission", "unknown_db", "quota"})
# How a driver may call a connection that the server ended; one more look at it takes this long.
_BROKEN = frozenset({"network", "tls", "timeout", "transient", "unknown"})
_LOOKED_AT = frozenset({"direct", "preamble", "own"})
_LOOK_S = 1.0
# Whose greeting is said in the protocol's own words: no other server answers so.
_PROVES = frozenset({"preamble", "driver"})
# What may be made of a server that is another one than the type's.
_UNCLEAR = frozenset({"network", "timeout", "tls", "config", "transient", "internal", "unknown"})
# What a driver may make of a second host that the network policy keeps it from.
_OUT_OF_REACH = frozenset({"dns", "refused", "network", "timeout", "transient", "internal", "unknown"})


class Stages:
    """Runs one test from stage to stage and sends a message at each step."""

    def __init__(  # noqa: PLR0913 - what is tested, what is asked of it, and where
        self,
        connector: Connector,
        target: Target,
        send: Send,
        *,
        listing: Listing | None = None,
        reading: Reading | None = None,
        guard: DnsGuard | None = None,
        is_alone: bool = True,
    ) -> None:
        """Take what is tested; `is_alone` says that this process is of the test alone, which may end it."""
        self._connector = connector
        self._target = target
        self._send = send
        self._stage = connector.stages[0]
        self._since = time.monotonic()
        self._began = 0.0
        self._handshake_due = False
        self._handle: Any = None
        self._listing, self._reading = listing, reading
        self._guard, self._is_alone = guard, is_alone
        self._second_host: str | None = None
        self._watch: Watch | None = None
        target.on_second_host = self._ask_second_host
        self._items: Iterator[Item] = iter(())  # kept: a driver may read on when it is dropped

    def run(self) -> None:
        """Run all stages, up to the first that fails."""
        try:
            passed = self._run()
        except Exception as exc:  # noqa: BLE001 - any driver's any exception becomes a verdict
            self._fail(exc)
        else:
            self._send(passed)
        self._stop_watch()
        if self._handle is not None:
            with contextlib.suppress(Exception):  # the verdict stands, however the connection is closed
                self._connector.close(self._handle)

    def open(self) -> Any:
        """Run the stages up to the last, which only looks, and return the open handle; None when one failed."""
        try:
            self._open()
        except Exception as exc:  # noqa: BLE001 - as in `run`
            self._fail(exc)
            if self._handle is not None:
                with contextlib.suppress(Exception):
                    self._connector.close(self._handle)
            return None
        return self._handle

    def _run(self) -> Passed:
        connector, target, handle = self._connector, self._target, self._open()
        if handle is None:
            return Passed()
        if self._reading is not None:
            return self._read(self._reading)
        with self.stage(connector.stages[-1]):
            if self._listing is not None:
                self._items = items_of(connector, handle, target, self._listing)
                # The rest of the rows is left where it is: a driver may read it all before it closes.
                return Passed(send_page(self._items, self._listing, self._send))
            server = connector.check(handle, target)
        self._send(Detected({"product_name": server.product_name, "product_version": server.product_version}))
        if server.driver_name is not None:
            self._send(Detected({"driver_name": server.driver_name, "driver_version": server.driver_version}))
        for warning in server.warnings:
            self._send(Warned(warning))
        return Passed()

    def _open(self) -> Any:
        connector, target = self._connector, self._target
        if connector.kind == "embedded":
            with self.stage("open"):
                connector.require_driver()
                handle = self._handle = connector.open(target)
        else:
            if unready := self._unready():
                with self.stage("login"):
                    raise unready
            self._reach()
            handle = self._handle = self._login()
            if handle is None:
                return None
        if connector.select is not None and self._has_scope():
            with self.stage("database"):
                connector.select(handle, target)
        return handle

    def _read(self, reading: Reading) -> Passed:
        from qualytics.probe.child.reading import read  # it brings pyarrow

        self._stop_watch()
        self._watch = None  # the server is the right one
        with self.stage("read"):
            self._connector.lift_limits(self._handle, self._target)
            read(self._connector, self._handle, self._target, reading, self._send)
        return Passed()

    def _unready(self) -> Exception | None:
        # What no server can mend is found before one is called.
        try:
            self._connector.require_driver()
        except DriverMissing as exc:
            return exc
        needed = "username" in self._connector.fields and not self._connector.username_optional
        if needed and not self._target.username:
            return Refusal(Verdict("config", "no username is set", "give one with --username"))
        return None

    def _reach(self) -> None:
        connector, target = self._connector, self._target
        with self.stage("resolve"):
            if self._guard is None:
                addresses = socket.getaddrinfo(target.name, target.port, type=socket.SOCK_STREAM)
            else:
                addresses = self._guard.resolve(target.name, target.port)
        with self.stage("tcp"):
            sock, target.address = dial(addresses)
            if self._guard is not None:
                self._guard.pin(target.host, target.address)
            self._send(Connected(target.address, target.port, *sock.getsockname()[:2]))
        if self._is_alone:
            self._watch = Watch(target, self._since + target.timeout_s, self._noticed)
            self._watch.start()
        if connector.tls != "none":
            self._encrypt(sock, target.tls)
        if connector.tls in {"none", "driver", "own"}:
            target.sock = sock
        else:
            sock.close()

    def _encrypt(self, sock: socket.socket, tls: Tls) -> None:
        if tls.mode != "disable" and self._connector.tls == "own":
            return  # the driver says later what it did
        tls.active = False
        if tls.mode != "disable":
            self._begin("tls")
            tls.active = self._offered(sock, tls)
            if tls.active and tls.context is not None and self._connector.tls == "driver":
                self._handshake_due = True
                watch(tls.context, self._shaken)
            else:
                if tls.active:
                    with handshake(sock, tls, self._target.host) as secure:
                        self.secured(secure)
                self._end(ok=True)
        if not tls.active:
            self._send(_NOT_ENCRYPTED)

    def _login(self) -> Any:
        # Return the handle; None where the server let the user in, but into no database, and nobody had named one.
        connector, target = self._connector, self._target
        own = connector.tls == "own" and target.tls.mode != "disable"
        if not self._handshake_due:
            self._begin("tls" if own else "login")
            if target.sock is not None and connector.greet is not None:
                self._greet(target.sock)  # is this the protocol at all; nothing is taken from the socket
        try:
            handle = connector.open(target)
        except Exception as exc:
            # Any driver's any exception may say so.
            if not self._was_authenticated(exc):
                raise
            handle = None
        if self._handshake_due:
            raise Refusal(Verdict("tls", "the driver logged in without the TLS that was asked of it"))
        self._end(ok=True)
        if own:
            with self.stage("login"):
                self._own_tls(target.tls)
        return handle

    def _was_authenticated(self, exc: Exception) -> bool:
        verdict = judge(self._connector, exc)
        is_login_only = self._listing is None and self._reading is None and self._is_alone and not self._has_scope()
        if not verdict.authenticated or not is_login_only:
            return False
        self._send(Warned(f"user and password are right, but {verdict.cause or words(exc)}: {verdict.hint}"))
        return True

    def _own_tls(self, tls: Tls) -> None:
        # The driver logged in by itself: all that is known is whether it was told to encrypt and verify.
        if tls.active is False:
            self._send(_NOT_ENCRYPTED)
            return
        self._send(Encrypted(None, None, tls.verified, None))
        if not tls.verified:
            self._send(_NOT_VERIFIED)

    def _ask_second_host(self, host: str | None) -> None:
        # Sent at once: at the deadline this process is killed.
        self._second_host = host
        self._send(SecondHost(host))

    def _shaken(self, sock: ssl.SSLSocket) -> None:
        # Where the driver encrypts, it does so within its login: the stages change there.
        if self._handshake_due:
            self._handshake_due = False
            self.secured(sock)
            self._end(ok=True)
            self._begin("login")

    def _greet(self, sock: socket.socket) -> bool:
        offered = self._connector.greet is None or self._connector.greet(sock)
        if self._connector.tls in _PROVES:
            self._stop_watch()
            self._watch = None
        return offered

    def _offered(self, sock: socket.socket, tls: Tls) -> bool:
        offered = self._greet(sock)
        if not offered and tls.mode in {"verify", "require"}:
            _, is_default = ssl_mode(self._target.parameters, tls.mode)
            hint = _VERIFIED_BY_DEFAULT if is_default else _TURN_ON
            raise Refusal(Verdict("tls", "the server does not offer TLS", hint))
        return offered

    def secured(self, sock: ssl.SSLSocket) -> None:
        """Send what a finished handshake agreed on."""
        if self._watch is not None:
            self._watch.is_tls = True
        verified = self._target.tls.verified
        self._send(describe(sock, verified=verified))
        if not verified:
            self._send(_NOT_VERIFIED)

    def _has_scope(self) -> bool:
        target = self._target
        session = any(name in target.parameters for name in self._connector.session_params)
        return session or any(name is not None for name in (target.catalog, target.database, target.schema))

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Send that a stage begins and, unless it raises, that it ended well."""
        self._begin(name)
        yield
        self._end(ok=True)

    def _begin(self, name: str) -> None:
        self._stage, self._began = name, time.monotonic()
        self._send(Began(name))

    def _end(self, *, ok: bool) -> None:
        self._send(Ended(self._stage, ok, round((time.monotonic() - self._began) * 1_000, 1)))

    def _fail(self, exc: Exception) -> None:
        self._stop_watch()
        verdict = judge(self._connector, exc)
        if wrong := self._wrong_server(exc, verdict):
            verdict, exc = wrong, Refusal(wrong)  # whose words would repeat another server's
        else:
            verdict = self._look_closer(verdict)
        if verdict.failure_class in _OUT_OF_REACH and self._guard is not None and self._guard.has_blocked:
            verdict = Verdict("blocked")  # the driver made something else of it
        stages = (*self._connector.stages, "read")
        stage = verdict.stage or (None if self._second_host is None else "login")
        if self._stage == "tls" and self._connector.tls == "own" and verdict.failure_class in _PAST_TLS:
            stage = stage or "login"  # an encrypted channel stood, or the server could not have said this
        further = stage in stages and stages.index(stage) > stages.index(self._stage)
        if further and not self._handshake_due:
            self._end(ok=True)  # the driver got further than the call it was made in
            self._stage, self._began = str(stage), time.monotonic()
        self._end(ok=False)
        self._send(failed(verdict, exc))

    def _stop_watch(self) -> None:
        if self._watch is not None:
            self._watch.stop()

    def _noticed(self, seen: Seen) -> None:
        """Act on a look that was taken while the driver waits: end the test, or say what the deadline will mean."""
        from qualytics.probe.child.second_look import silence_of, verdict_on

        if self._second_host is not None:
            return  # what is waited for is another host than the one that was looked at
        if verdict := verdict_on(self._connector, self._target, seen):
            self._end(ok=False)
            self._send(failed(verdict, Refusal(verdict)))
            os._exit(0)
        if seen.is_silent:
            self._send(Unanswered(*silence_of(self._connector, self._target, seen)))

    def _wrong_server(self, exc: Exception, verdict: Verdict) -> Verdict | None:
        """Return the verdict on a server of another kind, or a silent one, where this failure may be of one."""
        if self._second_host is not None or verdict.failure_class not in _UNCLEAR or _says_what_is_wrong(exc, verdict):
            return None
        from qualytics.connectors.shared.protocols import recognised
        from qualytics.probe.child.second_look import Seen, silence_of, verdict_on

        seen = Seen(recognised(exc.answer)) if isinstance(exc, OtherProtocol) else Seen()
        if seen.protocol is None and self._watch is not None:
            seen = self._watch.seen()
        if seen.is_silent and verdict.failure_class == "timeout":
            return Verdict("timeout", *silence_of(self._connector, self._target, seen))
        return verdict_on(self._connector, self._target, seen)

    def _look_closer(self, verdict: Verdict) -> Verdict:
        """Return what TLS has to do with a failure whose cause the driver did not see; else the verdict as it is."""
        target, kind = self._target, self._connector.tls
        if self._second_host is not None:
            return verdict  # of another host than the one that would be looked at
        left_s = target.timeout_s - (time.monotonic() - self._since)
        vague = verdict.cause is None and verdict.failure_class in _BROKEN
        encrypted = target.tls.mode != "disable" and target.tls.active is not False
        looks = (kind == "own" and verdict.failure_class == "tls") or (kind in _LOOKED_AT and vague)
        if encrypted and looks and self._stage in {"tls", "login"} and left_s > 2 * _LOOK_S:
            greet = self._connector.greet if kind == "preamble" else None
            seen = ended_for(target, greet, _LOOK_S)
            verdict = replace(seen, code=verdict.code) if seen else verdict
        has_roots = target.parameters.keys() & {"ssl_root_cert", "ssl_root_cert_file"}
        return replace(verdict, hint=GAVE_ROOT) if has_roots and verdict.hint in GIVE_HINTS else verdict


def _says_what_is_wrong(exc: Exception, verdict: Verdict) -> bool:
    if isinstance(exc, OtherProtocol):
        return False
    if verdict.failure_class == "tls":  # a certificate is at fault; that TLS is missing, another server may seem to say
        return not isinstance(exc, Refusal) and verdict.cause is not None
    return isinstance(exc, Refusal) and exc.__cause__ is None


def failed(verdict: Verdict, exc: BaseException) -> Failed:
    """Return the message on what failed, by an exception and the verdict on it; its code stands before the detail."""
    code = verdict.code if is_code(verdict.code) else None
    return Failed(verdict.failure_class, verdict.cause, verdict.hint, words(exc, code), code=code)
