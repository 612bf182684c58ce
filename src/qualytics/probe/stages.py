"""The stages of a test, walked inside the child process: resolve, tcp, tls, login, database, query, list, open."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any

from qualytics.connectors import Connector, Refusal, Target, Tls, Verdict, get
from qualytics.connectors._wire import reject_stranger
from qualytics.probe.verdict import NOT_TLS, judge
from qualytics.settings import DIAL_STAGGER_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Emit = Callable[[dict[str, Any]], None]

# Where distributions keep their roots when OpenSSL's own default has none (a driver's wheel brings its OpenSSL).
_ROOTS = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")

# What only a server that was reached through TLS can answer.
_PAST_TLS = frozenset({"auth", "permission", "unknown_db", "quota"})


class Walk:
    """Runs one test from stage to stage and says each step through `emit`."""

    def __init__(self, connector: Connector, target: Target, emit: Emit) -> None:
        """Take what to test and where to say it."""
        self._connector = connector
        self._target = target
        self._emit = emit
        self._stage = connector.stages[0]
        self._began = 0.0

    def run(self) -> None:
        """Walk all stages; emit `fail` at the first that does not pass, else `done`."""
        try:
            handle = self._walk()
        except Exception as exc:  # noqa: BLE001 - any driver's any exception becomes a verdict
            self._fail(exc)
            return
        self._emit({"done": True})
        with contextlib.suppress(Exception):  # the verdict stands; a server that cannot say goodbye changes nothing
            self._connector.close(handle)

    def _walk(self) -> Any:
        connector, target = self._connector, self._target
        if connector.kind == "embedded":
            with self.stage("open"):
                connector.require_driver()
                handle = connector.open(target)
        else:
            self._reach()
            handle = self._login()
        if connector.select is not None and self._has_scope():
            with self.stage("database"):
                connector.select(handle, target)
        with self.stage(connector.stages[-1]):
            server = connector.check(handle, target)
        self._emit({"note": {"product_name": server.product_name, "product_version": server.product_version}})
        for warning in server.warnings:
            self._emit({"warn": warning})
        return handle

    def _login(self) -> Any:
        connector, target = self._connector, self._target
        own = connector.tls == "own" and target.tls is not None and target.tls.mode != "disable"
        with self.stage("tls" if own else "login"):
            self._require_login()
            connector.require_driver()
            handle = connector.open(target)
        if own and target.tls is not None:
            with self.stage("login"):
                self._own_tls(target.tls)
        return handle

    def _own_tls(self, tls: Tls) -> None:
        # The driver logged in by itself: all that is known is whether it was told to encrypt and verify.
        if tls.active is False:
            self._emit({"warn": "the connection is not encrypted"})
            return
        self._emit({"note": {"tls": {"version": None, "cipher": None, "verified": tls.verified, "not_after": None}}})
        if not tls.verified:
            self._emit({"warn": "the server's certificate was not verified (ssl_mode=require)"})

    def _reach(self) -> None:
        connector, target = self._connector, self._target
        with self.stage("resolve"):
            found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        with self.stage("tcp"):
            sock, target.address = dial(found)
            local = sock.getsockname()
            self._emit({"note": {"address": _join(target.address, target.port), "local_address": _join(*local[:2])}})
        if target.tls is not None:
            self._encrypt(sock, target.tls)
        elif connector.tls != "none":  # an endpoint of this machine over plain http
            self._emit({"warn": "the connection is not encrypted"})
        if connector.tls in {"driver", "own"}:
            target.sock = sock
        else:
            sock.close()

    def _encrypt(self, sock: socket.socket, tls: Tls) -> None:
        connector = self._connector
        if connector.tls == "own" and tls.mode != "disable":
            return  # the driver says later what it did
        if tls.mode == "disable" and connector.tls in {"preamble", "own"}:
            tls.active = False
        else:
            with self.stage("tls"):
                tls.active = self._offered(sock, tls)
                if tls.active and connector.tls != "driver":
                    self.secured(handshake(sock, tls, self._target.host))
        if not tls.active:
            self._emit({"warn": "the connection is not encrypted"})

    def _offered(self, sock: socket.socket, tls: Tls) -> bool:
        if self._connector.greet is None:
            return True
        offered = self._connector.greet(sock)
        if not offered and tls.mode in {"verify", "require"}:
            hint = "turn TLS on at the server, or set ssl_mode to auto or disable in --parameters"
            raise Refusal(Verdict("tls", "the server does not offer TLS", hint))
        return offered and tls.mode != "disable"

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

    def _require_login(self) -> None:
        needed = "username" in self._connector.fields and not self._connector.username_optional
        if needed and not self._target.username:
            raise Refusal(Verdict("config", "no username is set", "give one with --username"))

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Say that a stage begins and, unless it raises, that it ended well."""
        self._stage, self._began = name, time.monotonic()
        self._emit({"begin": name})
        yield
        self._end(ok=True)

    def _end(self, *, ok: bool) -> None:
        self._emit({"end": self._stage, "ok": ok, "ms": _ms_since(self._began)})

    def _fail(self, exc: Exception) -> None:
        verdict = judge(self._connector, exc)
        stages = self._connector.stages
        stage = verdict.stage
        if self._stage == "tls" and self._connector.tls == "own" and verdict.failure_class in _PAST_TLS:
            stage = stage or "login"  # an encrypted channel stood, or the server could not have said this
        if stage in stages and stages.index(stage) > stages.index(self._stage):
            self._end(ok=True)  # the driver got further than the call it was made in
            self._stage, self._began = stage, time.monotonic()
        self._end(ok=False)
        detail = "" if isinstance(exc, Refusal) else f"{type(exc).__name__}: {exc}"
        self._emit(
            {
                "fail": {
                    "class": verdict.failure_class,
                    "cause": verdict.cause,
                    "hint": verdict.hint,
                    "detail": detail or None,
                }
            }
        )


def make_tls(mode: str, parameters: dict[str, Any], directory: str) -> Tls:
    """Return the TLS settings of a connection; PEM text is written to a 0600 file in `directory`."""
    if mode == "disable":
        return Tls(mode, None, None)
    ca_file = parameters.get("ssl_root_cert_file")
    if pem := parameters.get("ssl_root_cert"):
        ca_file = os.path.join(directory, "roots.pem")
        with open(os.open(ca_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
            out.write(pem)
    ca_file = ca_file or _system_roots()
    verified = Tls(mode, None, None).verified
    try:
        context = ssl.create_default_context(cafile=ca_file if verified else None)
    except (ssl.SSLError, OSError) as exc:
        cause = f"the root certificates in {ca_file} cannot be read"
        raise Refusal(Verdict("config", cause, "give PEM certificates")) from exc
    if not verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return Tls(mode, context, ca_file)


def _system_roots() -> str | None:
    paths = ssl.get_default_verify_paths()
    candidates = (os.environ.get("SSL_CERT_FILE"), paths.cafile, paths.openssl_cafile, *_ROOTS)
    return next((path for path in candidates if path and os.path.exists(path)), None)


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
            reject_stranger(raw, "TLS", b"")
        raise
    finally:
        raw.close()


def describe(sock: ssl.SSLSocket, *, verified: bool) -> dict[str, Any]:
    """Return `{version, cipher, verified, not_after}` of a finished handshake; `not_after` is RFC 3339."""
    from cryptography import x509

    raw = sock.getpeercert(binary_form=True)
    end = x509.load_der_x509_certificate(raw).not_valid_after_utc if raw else None
    cipher = sock.cipher()
    return {
        "version": sock.version(),
        "cipher": cipher[0] if cipher else None,
        "verified": verified,
        "not_after": end.isoformat().replace("+00:00", "Z") if end else None,
    }


def dial(found: list[Any]) -> tuple[socket.socket, str]:
    """Connect to the first of many addresses that answers; the next is dialled after a short pause.

    Returns the socket and its IP address. When all fail, raises the error of the address that got
    furthest: a refusal says more than silence, which the deadline ends.
    """
    waiting: dict[socket.socket, str] = {}
    errors: list[OSError] = []
    todo = list(dict.fromkeys((family, address) for family, _, _, _, address in found))
    try:
        while todo or waiting:
            if todo:
                _start(todo.pop(0), waiting, errors)
            pause = DIAL_STAGGER_S if todo else None
            if not waiting:
                continue
            ready = select.select([], list(waiting), [], pause)[1]
            for sock in ready:
                address = waiting.pop(sock)
                failed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if not failed:
                    sock.setblocking(True)  # noqa: FBT003 - the standard library's own signature
                    return sock, address
                sock.close()
                errors.append(OSError(failed, os.strerror(failed)))
        raise min(errors, key=lambda exc: not isinstance(exc, ConnectionRefusedError))
    finally:
        for sock in waiting:
            sock.close()


def _start(place: tuple[Any, Any], waiting: dict[socket.socket, str], errors: list[OSError]) -> None:
    family, address = place
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as exc:  # a kernel without IPv6
        errors.append(exc)
        return
    sock.setblocking(False)  # noqa: FBT003
    code = sock.connect_ex(address)
    if code in {0, errno.EINPROGRESS}:
        waiting[sock] = address[0]
    else:
        sock.close()
        errors.append(OSError(code, os.strerror(code)))


def _join(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _ms_since(began: float) -> float:
    return round((time.monotonic() - began) * 1_000, 1)


def make_target(plan: dict[str, Any], secrets: dict[str, Any], directory: str) -> Target:
    """Return the target of a plan that came over the pipe."""
    connector = get(plan["type"])
    values = plan["values"]
    parameters = values.get("parameters") or {}
    # Some types know `ssl`, true or false, beside the words that all share.
    flag = parameters.get("ssl")
    by_flag = None if flag is None else "verify" if flag else "disable"
    mode = parameters.get("ssl_mode") or by_flag or plan["ssl_mode"]
    endpoint = connector.endpoint(values) if connector.endpoint is not None else None
    encrypted = connector.tls != "none" and (endpoint is None or endpoint.https)
    return Target(
        type=connector.type,
        parameters=parameters,
        timeout_s=plan["timeout_s"],
        directory=directory,
        host=endpoint.host if endpoint else values.get("host") or "",
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
        fetch_size=values.get("jdbc_fetch_size") or 1_000,
        max_parallelization=values.get("max_parallelization"),
        tls=make_tls(mode, parameters, directory) if encrypted else None,
    )
