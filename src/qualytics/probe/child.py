"""The child process of one test: reads a plan from its standard input, writes JSON lines, and ends."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from qualytics.probe._platform import confine, die_with


def main() -> None:
    """Run one test; this process is killed by its parent at the deadline, whatever it does."""
    plan = _read_plan()
    confine(cpu_s=int(plan["timeout_s"]) + 2)
    out = os.dup(1)
    _silence()

    def emit(word: dict[str, Any]) -> None:
        os.write(out, json.dumps(word).encode() + b"\n")

    try:
        _run(plan, emit)
    except Exception as exc:  # noqa: BLE001 - a fault of ours must still reach the parent as a report
        emit({"fail": {"class": "internal", "cause": None, "hint": None, "detail": f"{type(exc).__name__}: {exc}"}})
    os._exit(0)  # no driver's exit handler may hang


def _run(plan: dict[str, Any], emit: Any) -> None:
    from qualytics.connectors import Refusal, get
    from qualytics.probe.stages import Walk, make_target
    from qualytics.secret import Secret

    secrets = {name: Secret(value) for name, value in plan.pop("secrets").items()}
    connector = get(plan["type"])
    try:
        target = make_target(plan, secrets, os.getcwd())
    except Refusal as exc:
        verdict = exc.verdict
        emit({"begin": connector.stages[0]})
        emit({"end": connector.stages[0], "ok": False, "ms": 0.0})
        emit(
            {
                "fail": {
                    "class": verdict.failure_class,
                    "cause": verdict.cause,
                    "hint": verdict.hint,
                    "detail": str(exc.__cause__),
                }
            }
        )
        return
    emit(
        {
            "note": {
                "driver_name": connector.distribution or connector.driver,
                "driver_version": connector.driver_version(),
            }
        }
    )
    Walk(connector, target, emit).run()


def _read_plan() -> dict[str, Any]:
    # One line; the pipe stays open behind it, and its end means that the parent is gone.
    line = b""
    while not line.endswith(b"\n"):
        chunk = os.read(0, 65_536)
        if not chunk:
            sys.exit(0)
        line += chunk
    die_with(os.dup(0))
    plan: dict[str, Any] = json.loads(line)
    return plan


def _silence() -> None:
    # Drivers print; the report is all that leaves this process.
    void = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(void, stream)
