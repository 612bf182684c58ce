"""What the tests of several connectors share: targets, runs in the real child, and the faults of servers."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import TYPE_CHECKING, Any

from hypothesis import strategies

from qualytics.connectors.contract import Target, Tls
from qualytics.probe import Plan
from qualytics.secret import Secret
from tests.support import children, deadlines, faults

if TYPE_CHECKING:
    from collections.abc import Callable

# Any text that a field may hold: no NUL, no half of a surrogate pair.
PASSWORDS = strategies.text(strategies.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1)
AWKWARD = ("$HOME", "a@b:c/d?e#f", "*;!%{}\"'\\", " lead and trail ", "line\nend", "pässwörd", "пароль", "💥", "${X}")

LONG_S = 60.0
# Fault → the stage in which it shows, and its class (docs/errors.md); FIRST is the first stage after the dialling.
FIRST = "first"
FAULTS = {
    "closed": ("tcp", "refused"),
    "dropping": ("tcp", "timeout"),
    "silent": (FIRST, "timeout"),
    "closing": (FIRST, "network"),
    "garbage": (FIRST, "config"),
}


def meet(fault: Callable[[], Any], failure_class: str, tested: Callable[[int, float], Any]) -> Any:
    """Have a server with a fault tested by `tested(port, limit_s)`, and return the report, which comes in time.

    Where the limit itself is the verdict it is short, by how long this machine takes to dial; else no machine needs it.
    """
    limit_s = LONG_S
    if failure_class == "timeout":
        with faults.closed() as closed:
            limit_s = deadlines.limit_after(lambda: tested(closed, LONG_S))
    with fault() as port, deadlines.within(limit_s):
        return tested(port, limit_s)


def stage_of(stage: str, *, is_plain: bool) -> str:
    """Return the stage of a fault: what is met first is TLS, and where there is none, the login."""
    return ("login" if is_plain else "tls") if stage == FIRST else stage


def target(type_: str, *, tls: Tls | None = None, password: str | None = "secret", **values: Any) -> Target:
    """Return a target as the child makes it, for a server called db.example.com."""
    given = {"parameters": {}, "timeout_s": 10.0, "directory": "/nowhere", "host": "db.example.com", "port": 1234}
    secret = Secret(password) if password is not None else None
    return Target(type_, **{**given, "username": "ann", "password": secret, "tls": tls or Tls(), **values})


def encrypted(mode: str = "verify", ca_file: str | None = "/roots.pem") -> Tls:
    """Return TLS that the server was found to offer."""
    return Tls(mode, None, ca_file if mode != "require" else None, active=True)


def plain(mode: str = "disable") -> Tls:
    """Return the settings of a connection that goes without TLS."""
    return Tls(mode, None, None, active=False)


def probe(type_: str, port: int, **options: Any) -> Any:
    """Test a connection in the real child."""
    return children.run(plan_for(type_, port, **options))


def plan_for(
    type_: str, port: int, *, host: str = "127.0.0.1", password: str | None = "secret", **options: Any
) -> Plan:
    """Return the plan of a test; what is no option of it is a parameter."""
    known = ("timeout_s", "database", "schema", "username")
    plan = {"timeout_s": 30.0, **{name: options.pop(name) for name in known if name in options}}
    username = plan.pop("username", "ann")
    values = {"host": host, "port": port, "username": username, "parameters": options}
    return Plan(type_, values, {"password": Secret(password)} if password is not None else {}, **plan)


def verdict(report: Any) -> tuple[str, str] | None:
    """Return stage and class of a failure, None when connected."""
    return None if report.failure is None else (report.failure.stage, report.failure.failure_class)


def check_fault(type_: str, fault: str, **options: Any) -> None:
    """Meet a fault with the real driver: the right class, in time."""
    stage, failure_class = FAULTS[fault]
    is_plain = options.get("ssl") is False or options.get("ssl_mode") == "disable"
    report = meet(
        getattr(faults, fault), failure_class, lambda port, limit_s: probe(type_, port, timeout_s=limit_s, **options)
    )
    assert verdict(report) == (stage_of(stage, is_plain=is_plain), failure_class), report.failure.detail


def check_unknown_host(type_: str, **options: Any) -> None:
    """Meet a host name that does not exist."""
    report = probe(type_, 1, host="no-such-host.invalid", timeout_s=LONG_S, **options)
    assert verdict(report) == ("resolve", "dns")


@contextlib.contextmanager
def untouched():
    """Yield a port; fail when anybody dialled it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        yield listener.getsockname()[1]
        with contextlib.suppress(BlockingIOError):
            listener.accept()
            raise AssertionError("somebody dialled the port")


def check_refused(run_command: Any, type_: str, parameters: dict[str, Any], key: str, *more: str) -> None:
    """Refuse parameters before any packet, with the key named."""
    with untouched() as port:
        done = run_command(
            *("connections", "test", "--type", type_, "--host", "127.0.0.1", "--port", port, "--username", "ann"),
            *("--parameters", json.dumps(parameters), *more),
        )
    assert done.code == 2, (done.out, done.err)
    assert key in done.err
