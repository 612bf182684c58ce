"""One test of a connection as a control plane runs it, and its outcome in short."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics import probe
from qualytics.secret import Secret
from tests.support import children

if TYPE_CHECKING:
    from collections.abc import Callable

    from qualytics.model import TestReport


def trial(
    type_: str,
    port: int,
    *,
    username: str | None = "somebody",
    password: str | None = "a password",
    timeout_s: float = 20.0,
    place: tuple[str | None, str | None] = (None, None),
    run: Callable[[probe.Plan], TestReport] = children.run,
    **values: Any,
) -> TestReport:
    """Test a connection to a port of 127.0.0.1, or of another `host`; other values are parameters.

    `default_mode` is the `ssl_mode` of a connection without one. With `run=probe.run` the interpreter is a new one,
    with the variables of now.
    """
    host = values.pop("host", "127.0.0.1")
    default_mode = values.pop("default_mode", "auto")
    plan = probe.Plan(
        type=type_,
        values={"host": host, "port": port, "username": username, "parameters": values},
        secrets={} if password is None else {"password": Secret(password)},
        timeout_s=timeout_s,
        ssl_mode=default_mode,
        database=place[0],
        schema=place[1],
    )
    return run(plan)


def outcome(report: TestReport) -> tuple[str, str] | None:
    """Return stage and class of a failure, None when connected."""
    return report.failure and (report.failure.stage, report.failure.failure_class)
