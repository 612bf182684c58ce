"""The child process of one test: reads a plan from its standard input, writes JSON lines, and ends."""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from qualytics.probe import masking_of
from qualytics.probe._platform import confine, expendable, go_on_without_parent, harden
from qualytics.probe.child.meter import LISTING_BYTES, TEST_BYTES, Meter
from qualytics.probe.child.supervisor import keep
from qualytics.secret import Secret

if TYPE_CHECKING:
    from qualytics.masking import Masking

# The longest texts of a report, in characters.
_MAX_DETAIL = 4_096
_MAX_TRACE = 8_192
_MAX_WORDS = 1_000
_MAX_NAME = 255


def main() -> None:
    """Run one test in a worker and clean up behind it; its parent closes our input at the deadline."""
    expendable()
    harden()
    go_on_without_parent()
    plan = _read_plan()
    ending = keep(lambda: _work(plan))
    if ending is None:
        _remove(plan["directory"])
    else:
        _say(1, {"ended": ending})
    os._exit(0)


def _work(plan: dict[str, Any]) -> None:
    confine(cpu_s=int(plan["timeout_s"]) + 2)
    out = os.dup(1)
    _silence()
    secrets = {name: Secret(value) for name, value in plan.pop("secrets").items()}
    masking = masking_of(plan, secrets)
    one_at_a_time = threading.Lock()

    def emit(word: dict[str, Any]) -> None:
        with one_at_a_time:
            _say(out, _cleared(word, masking))

    Meter(emit, LISTING_BYTES if plan["listing"] else TEST_BYTES).start()
    try:
        _run(plan, secrets, emit)
    except Exception as exc:  # noqa: BLE001 - a fault of ours must still reach the parent as a report
        emit({"fail": {"class": "internal", "cause": None, "hint": None, "detail": f"{type(exc).__name__}: {exc}"}})
    os._exit(0)  # no driver's exit handler may hang


def _run(plan: dict[str, Any], secrets: dict[str, Secret], emit: Any) -> None:
    from qualytics.connectors import Refusal, get
    from qualytics.model import Listing
    from qualytics.probe.child.dns_guard import GUARD
    from qualytics.probe.child.stages import Walk, failure, make_target
    from qualytics.probe.child.tls import gather_roots

    connector = get(plan["type"])
    GUARD.install()
    if plan["policy"] is not None:
        from qualytics.probe.egress import Policy

        GUARD.obey(Policy.read(plan["policy"]))
    driver = {"driver_name": connector.distribution or connector.driver, "driver_version": connector.driver_version()}
    emit({"note": driver})
    try:
        gather_roots(plan["directory"])
        target = make_target(plan, secrets, plan["directory"])
    except Refusal as exc:
        emit({"begin": connector.stages[0]})
        emit({"end": connector.stages[0], "ok": False, "ms": 0.0})
        emit(failure(exc.verdict, exc))
        return
    listing = Listing(**plan["listing"]) if plan["listing"] else None
    Walk(connector, target, emit, listing=listing, guard=GUARD).run()


def _read_plan() -> dict[str, Any]:
    # One line; the pipe stays open behind it, and its end means that the parent is gone.
    line = b""
    while not line.endswith(b"\n"):
        chunk = os.read(0, 65_536)
        if not chunk:
            sys.exit(0)
        line += chunk
    plan: dict[str, Any] = json.loads(line)
    return plan


def _silence() -> None:
    # Drivers print; the report is all that leaves this process.
    void = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(void, stream)


def _say(out: int, word: dict[str, Any]) -> None:
    line = json.dumps(word, ensure_ascii=False).encode(errors="replace") + b"\n"
    while line:
        line = line[os.write(out, line) :]


def _cleared(word: dict[str, Any], masking: Masking) -> dict[str, Any]:
    """Return a word whose foreign texts show no secret and have a length that a report can hold.

    Secrets are masked before the cut: half of one would be found by nobody afterwards.
    """
    if "fail" in word:
        from qualytics.probe.verdicts.stack_traces import brief

        fail = dict(word["fail"])
        for key in ("cause", "hint"):
            fail[key] = fail[key] and masking.mask_own(fail[key])[:_MAX_WORDS]
        whole = fail["detail"] and masking.mask(fail["detail"])
        fail["detail"] = whole and brief(whole)[:_MAX_DETAIL]
        fail["trace"] = whole and whole[:_MAX_TRACE]
        return {"fail": fail}
    if "note" in word:
        return {"note": {key: _noted(found, masking) for key, found in word["note"].items()}}
    if "warn" in word:
        return {"warn": masking.mask_own(word["warn"])[:_MAX_WORDS]}
    return word


def _noted(found: Any, masking: Masking) -> Any:
    return masking.mask_own(found)[:_MAX_NAME] if isinstance(found, str) else found


def _remove(directory: str) -> None:
    import shutil

    shutil.rmtree(directory, ignore_errors=True)
