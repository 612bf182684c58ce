"""The stages of a test, walked inside the child process: resolve, tcp, tls, login, database, query, list, open."""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qualytics.connectors import Connector, Refusal, Target, Tls, Verdict, get
from qualytics.errors import DriverMissing
from qualytics.probe.child.dial import dial, join
from qualytics.probe.child.listing import found_by, send
from qualytics.probe.child.tls import describe, ended_for, handshake, make_tls, watch
from qualytics.probe.verdicts.exceptions import judge, words
from qualytics.probe.verdicts.tls_faults import GAVE_ROOT, GIVE_HINTS

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from qualytics.connectors import Item
    from qualytics.model import Listing
    from qualytics.probe.child.dns_guard import Guard

    Emit = Callable[[dict[str, Any]], None]


# What only a server that was reached through TLS can answer.
_PAST_TLS = frozenset({"auth", "permission", "unknown_db", "quota"})
# How a driver may call a connection that the server ended; one more look at it takes this long.
_BROKEN = frozenset({"network", "tls", "timeout", "transient", "unknown"})
_LOOKED_AT = frozenset({"direct", "preamble", "own"})
_LOOK_S = 1.0
# What a driver may make of a second host that the network policy keeps it from.
_OUT_OF_REACH = frozenset({"dns", "refused", "network", "timeout", "transient", "internal", "unknown"})


class Walk:
    """Runs one test from stage to stage and says each step through `emit`."""

    def __init__(
        self,
        connector: Connector,
        target: Target,
        emit: Emit,
        *,
        listing: Listing | None = None,
        guard: Guard | None = None,
    ) -> None:
        self._connector = connector
        self._target = target
        self._emit = emit
        self._stage = connector.stages[0]
        self._since = time.monotonic()
        self._began = 0.0
        self._handshake_due = False
        self._handle: Any = None
        self._listing = listing
        self._guard = guard
        self._second: str | None = None
        target.on_second_host = self._asked
        self._found: Iterator[Item] = iter(())

    def run(self) -> None:
        """Walk all stages; emit `fail` at the first that does not pass, else `done`."""
        try:
            self._walk()
        except Exception as exc:  # noqa: BLE001 - any driver's any exception becomes a verdict
            self._fail(exc)
        else:
            self._emit({"done": True})
        if self._handle is not None:
            with contextlib.suppress(Exception):  # the verdict stands; who cannot say goodbye changes nothing
                self._connector.close(self._handle)

    def _walk(self) -> None:
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
                return
        if connector.select is not None and self._has_scope():
            with self.stage("database"):
                connector.select(handle, target)
        with self.stage(connector.stages[-1]):
            if self._listing is not None:
                self._found = found_by(connector, handle, target, self._listing)
                self._emit({"more": send(self._found, self._listing, self._emit)})
                return  # the rest of the rows is left where it is: a driver may read it all before it closes
            server = connector.check(handle, target)
        self._emit({"note": {"product_name": server.product_name, "product_version": server.product_version}})
        if server.driver_name is not None:
            self._emit({"note": {"driver_name": server.driver_name, "driver_version": server.driver_version}})
        for warning in server.warnings:
            self._emit({"warn": warning})

    def _unready(self) -> Exception | None:
        # What no server can mend is said before one is called.
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
                found = socket.getaddrinfo(target.name, target.port, type=socket.SOCK_STREAM)
            else:
                found = self._guard.resolve(target.name, target.port)
        with self.stage("tcp"):
            sock, target.address = dial(found)
            if self._guard is not None:
                self._guard.pin(target.host, target.address)
            local = sock.getsockname()
            self._emit({"note": {"address": join(target.address, target.port), "local_address": join(*local[:2])}})
        if target.tls is not None:
            self._encrypt(sock, target.tls)
        elif connector.tls != "none":  # an endpoint of this machine over plain http
            self._emit({"warn": "the connection is not encrypted"})
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
            self._emit({"warn": "the connection is not encrypted"})

    def _login(self) -> Any:
        # Return the handle; None where the server let the user in, but into no database, and nobody had named one.
        connector, target = self._connector, self._target
        own = connector.tls == "own" and target.tls is not None and target.tls.mode != "disable"
        if not self._handshake_due:
            self._begin("tls" if own else "login")
            if target.sock is not None and connector.greet is not None:
                connector.greet(target.sock)  # is this the protocol at all; nothing is taken from the socket
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
        if own and target.tls is not None:
            with self.stage("login"):
                self._own_tls(target.tls)
        return handle

    def _was_authenticated(self, exc: Exception) -> bool:
        verdict = judge(self._connector, exc)
        if not verdict.authenticated or self._listing is not None or self._has_scope():
            return False
        self._emit({"warn": f"user and password are right, but {verdict.cause or words(exc)}: {verdict.hint}"})
        return True

    def _own_tls(self, tls: Tls) -> None:
        # The driver logged in by itself: all that is known is whether it was told to encrypt and verify.
        if tls.active is False:
            self._emit({"warn": "the connection is not encrypted"})
            return
        self._emit({"note": {"tls": {"version": None, "cipher": None, "verified": tls.verified, "not_after": None}}})
        if not tls.verified:
            self._emit({"warn": "the server's certificate was not verified (ssl_mode=require)"})

    def _asked(self, second: str | None) -> None:
        # Said at once: at the deadline, nobody here gets to say anything.
        self._second = second
        self._emit({"note": {"asked": second}})

    def _shaken(self, sock: ssl.SSLSocket) -> None:
        # Where the driver encrypts, it does so within its login: the stages change there.
        if self._handshake_due:
            self._handshake_due = False
            self.secured(sock)
            self._end(ok=True)
            self._begin("login")

    def _offered(self, sock: socket.socket, tls: Tls) -> bool:
        offered = self._connector.greet is None or self._connector.greet(sock)
        if not offered and tls.mode in {"verify", "require"}:
            hint = "turn TLS on at the server, or set ssl_mode to auto or disable in --parameters"
            raise Refusal(Verdict("tls", "the server does not offer TLS", hint))
        return offered

    def secured(self, sock: ssl.SSLSocket) -> None:
        """Say what a finished handshake agreed on."""
        tls = self._target.tls
        verified = tls is not None and tls.verified
        self._emit({"note": {"tls": describe(sock, verified=verified)}})
        if not verified:
            self._emit({"warn": "the server's certificate was not verified (ssl_mode=require)"})

    def _has_scope(self) -> bool:
        target = self._target
        session = any(name in target.parameters for name in self._connector.session_params)
        return session or any(name is not None for name in (target.catalog, target.database, target.schema))

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Say that a stage begins and, unless it raises, that it ended well."""
        self._begin(name)
        yield
        self._end(ok=True)

    def _begin(self, name: str) -> None:
        self._stage, self._began = name, time.monotonic()
        self._emit({"begin": name})

    def _end(self, *, ok: bool) -> None:
        self._emit({"end": self._stage, "ok": ok, "ms": _ms_since(self._began)})

    def _fail(self, exc: Exception) -> None:
        verdict = self._look_closer(judge(self._connector, exc))
        if verdict.failure_class in _OUT_OF_REACH and self._guard is not None and self._guard.has_blocked:
            verdict = Verdict("blocked")  # the driver made something else of it
        stages = self._connector.stages
        stage = verdict.stage or (None if self._second is None else "login")
        if self._stage == "tls" and self._connector.tls == "own" and verdict.failure_class in _PAST_TLS:
            stage = stage or "login"  # an encrypted channel stood, or the server could not have said this
        further = stage in stages and stages.index(stage) > stages.index(self._stage)
        if further and not self._handshake_due:
            self._end(ok=True)  # the driver got further than the call it was made in
            self._stage, self._began = str(stage), time.monotonic()
        self._end(ok=False)
        self._emit(failure(verdict, exc))

    def _look_closer(self, verdict: Verdict) -> Verdict:
        """Return what TLS has to do with a failure whose cause the driver did not see; else the verdict as it is."""
        target, kind = self._target, self._connector.tls
        if self._second is not None:
            return verdict  # of another host than the one that would be looked at
        left_s = target.timeout_s - (time.monotonic() - self._since)
        vague = verdict.cause is None and verdict.failure_class in _BROKEN
        encrypted = target.tls is not None and target.tls.mode != "disable" and target.tls.active is not False
        looks = (kind == "own" and verdict.failure_class == "tls") or (kind in _LOOKED_AT and vague)
        if encrypted and looks and self._stage in {"tls", "login"} and left_s > 2 * _LOOK_S:
            greet = self._connector.greet if kind == "preamble" else None
            verdict = ended_for(target, greet, _LOOK_S) or verdict
        given = target.parameters.keys() & {"ssl_root_cert", "ssl_root_cert_file"}
        return replace(verdict, hint=GAVE_ROOT) if given and verdict.hint in GIVE_HINTS else verdict


def failure(verdict: Verdict, exc: BaseException) -> dict[str, Any]:
    """Return the word of the child that says what failed."""
    said = {"class": verdict.failure_class, "cause": verdict.cause, "hint": verdict.hint, "detail": words(exc)}
    return {"fail": said}


def _ms_since(began: float) -> float:
    return round((time.monotonic() - began) * 1_000, 1)


def make_target(plan: dict[str, Any], secrets: dict[str, Any], directory: str) -> Target:
    """Return the target of a plan that came over the pipe."""
    connector = get(plan["type"])
    values = plan["values"]
    parameters = values.get("parameters") or {}
    # Some types know `ssl`, true or false, beside the words that all share.
    plain_word = None if "ssl" not in parameters else "verify" if parameters["ssl"] else "disable"
    mode = parameters.get("ssl_mode") or plain_word or plan["ssl_mode"]
    known = {**values, "parameters": {**parameters, "ssl_mode": mode}}  # a port may hang on whether TLS is spoken
    endpoint = connector.endpoint(known) if connector.endpoint is not None else None
    name = endpoint.host if endpoint else values.get("host") or ""
    encrypted = connector.tls != "none" and (endpoint is None or endpoint.https)
    return Target(
        type=connector.type,
        parameters=parameters,
        timeout_s=plan["timeout_s"],
        directory=directory,
        host=name.removesuffix("."),
        name=name,
        port=endpoint.port if endpoint else values.get("port") or connector.default_port or 0,
        username=values.get("username"),
        password=secrets.get("password"),
        passphrase=secrets.get("passphrase"),
        path=values.get("uri") or "",
        uri=values.get("uri"),
        access_key=secrets.get("access_key"),
        secret_key=secrets.get("secret_key"),
        catalog=values.get("catalog"),
        catalog_type=values.get("catalog_type"),
        database=plan["database"],
        schema=plan["schema"],
        root_path=plan["root_path"],
        entrances=tuple(plan["entrances"]),
        fetch_size=values.get("jdbc_fetch_size") or 1_000,
        max_parallelization=values.get("max_parallelization"),
        tls=make_tls(mode, parameters, directory) if encrypted else None,
    )
