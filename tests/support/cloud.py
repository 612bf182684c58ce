"""What the tests of cloud services share: runs in the real child, discovery, and servers that say what they should."""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.server
import multiprocessing
import tempfile
import threading
from typing import Any

from qualytics.connectors import get
from qualytics.errors import InvalidInput
from qualytics.probe import Plan
from qualytics.probe.child.target import make_target
from qualytics.secret import Secret
from qualytics.service.connections.drafts import draft
from testbed.relay import server_context
from tests.support import children, faults
from tests.support.faults_suite import FAULTS, FIRST, meet, stage_of, verdict

# Beside those that every type meets.
MORE_FAULTS = {
    "resetting": (FIRST, "network"),
    "trickling": (FIRST, "timeout"),
    "endless": (FIRST, "timeout"),
}


def plan_of(type_: str, values: dict[str, Any], password: str | None, **options: Any) -> Plan:
    secrets = {} if password is None else {"password": Secret(password)}
    return Plan(type_, values, secrets, **{"timeout_s": 30.0, **options})


def trial(type_: str, values: dict[str, Any], password: str | None = "secret", **options: Any) -> Any:
    """Test a connection in the real child."""
    return children.run(plan_of(type_, values, password, **options))


def discovered(type_: str, call: str, values: dict[str, Any], password: str | None, *more: str, **options: Any) -> Any:
    """Return what a discovery call finds, `[(name, kind, is_system)]`, from a process of its own as in the product."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_discover, type_, call, values, password, more, options).result()


def _discover(type_, call, values, password, more, options):
    plan = plan_of(type_, values, password, **options)
    with tempfile.TemporaryDirectory() as directory:
        target = make_target(plan, directory)
        connector = get(type_)
        handle = connector.open(target)
        found = [(item.name, item.kind, item.is_system) for item in getattr(connector, call)(handle, target, *more)]
        connector.close(handle)
        return found


def problems(type_: str, **given: Any) -> list[str]:
    """Return where a connection with these fields has problems when it is stored."""
    try:
        draft({"type": type_} | given)
    except InvalidInput as exc:
        return [problem.message for problem in exc.problems]
    return []


def meet_fault(type_: str, fault: str, values_of: Any, password: str | None = "secret", **options: Any) -> None:
    """Meet a fault with the real driver: the right class and stage, in time."""
    stage, failure_class = (FAULTS | MORE_FAULTS)[fault]
    is_plain = "http://" in str(values_of(1))
    report = meet(
        getattr(faults, fault),
        failure_class,
        lambda port, limit_s: trial(type_, values_of(port), password, timeout_s=limit_s, **options),
    )
    assert verdict(report) == (stage_of(stage, is_plain=is_plain), failure_class), report.failure


@contextlib.contextmanager
def serving(
    answer: Any, certificate: Any = None, address: tuple[str, int] = ("127.0.0.1", 0), context: Any = None
) -> Any:
    """Serve HTTP, over TLS with a certificate or a context; yields the port.

    `answer(method, path, headers, body)` returns (status, headers, body).
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, text = answer(self.command, self.path, dict(self.headers), body)
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers, "Content-Length": len(text)}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(text)

        do_GET = handle_any  # noqa: N815 - http.server's names
        do_POST = handle_any  # noqa: N815 - as above

        def log_message(self, *_: Any) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """Take a client that hangs up as it comes."""

    with Server(address, Handler) as server:
        if certificate is not None:
            context = server_context(*certificate)
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join(60)
