"""The talk with the child of one test: the plan goes in, lines come out, until the verdict or the deadline."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from qualytics.connectors import get
from qualytics.fields import DETECTED
from qualytics.model import Failure, Found, StageResult, TestReport
from qualytics.probe.child.dial import join
from qualytics.probe.parent.secret_edges import stray_ends
from qualytics.probe.verdicts.failure_classes import CLASSES
from qualytics.probe.verdicts.messages import cause_and_hint
from qualytics.settings import TEST_CLOSE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qualytics.masking import Masking
    from qualytics.probe import Plan

# Also the longest line of any report.
_MAX_REPORT_BYTES = 98_304
_MAX_LISTING_BYTES = 16 << 20
_TIMEOUT = "timeout"
_STAGES = ("resolve", "tcp", "tls", "login", "database", "query", "list", "open")
_TOO_MUCH = {
    "class": "transient",
    "cause": "the tests that run at this moment need more memory than they may have together, and this one most of it",
    "hint": "try again in a moment, or let the control plane run fewer tests at once",
    "detail": None,
}
_STOPPED = {"class": "transient", "cause": "the test was stopped", "hint": None, "detail": None}


class Child(Protocol):
    """A child process, by the descriptors of its pipes."""

    stdin: int
    stdout: int

    def end(self) -> None:
        """Have it end whatever it started, and itself; after a moment kill it. Closes the pipes."""


@dataclass(slots=True)
class _Progress:
    """What the child has said so far."""

    began: float
    notes: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    stages: list[StageResult] = field(default_factory=list)
    items: list[Found] = field(default_factory=list)
    more: bool = False
    open_stage: str | None = None
    open_since: float = 0.0
    ended: float | None = None
    fail: dict[str, Any] | None = None
    done: bool = False
    ending: str | None = None

    def hear(self, line: bytes) -> None:
        """Take one line of the child.

        Raises:
            ValueError, LookupError, TypeError, RecursionError: it is none of the words that the child knows.

        """
        word = json.loads(line)
        if "begin" in word:
            self.open_stage, self.open_since = _known_stage(word["begin"]), time.monotonic()
        elif "end" in word:
            self.stages.append(StageResult(_known_stage(word["end"]), bool(word["ok"]), float(word["ms"])))
            self.open_stage, self.ended = None, time.monotonic()
        elif "note" in word:
            self.notes |= _checked_notes(word["note"])
        elif "warn" in word:
            self.warnings.append(str(word["warn"]))
        elif "items" in word:
            self.items += [Found(str(name), str(kind), bool(is_system)) for name, kind, is_system in word["items"]]
        elif "more" in word:
            self.more = bool(word["more"])
        elif "fail" in word:
            self.fail = _checked_failure(word["fail"])
        elif "done" in word:
            self.done = True
        else:
            self.ending = str(word["ended"])

    @property
    def over(self) -> bool:
        """Say whether the verdict is in."""
        return self.done or self.fail is not None


def _known_stage(said: Any) -> str:
    if said not in _STAGES:
        raise ValueError("no such stage")
    return str(said)


def _checked_failure(said: dict[str, Any]) -> dict[str, Any]:
    fail = {key: said[key] for key in ("class", "cause", "hint", "detail")} | {"trace": said.get("trace")}
    if fail["class"] not in CLASSES or not all(isinstance(text, str | None) for text in fail.values()):
        raise ValueError("no failure")
    return fail


def _checked_notes(said: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(said, dict) or not isinstance(said.get("tls"), dict | None):
        raise TypeError("no facts of TLS")
    if not isinstance(said.get("asked"), str | None):
        raise TypeError("no host")
    return said


def converse(
    plan: Plan,
    start: Callable[[str], Child],
    stops: Sequence[int] = (),
    may_hold: Callable[[int], bool] = lambda _: True,
) -> TestReport:
    """Run a plan in the child that `start` makes in a directory of its own, and return what was found.

    The time counts from when the child was started. The test ends when one of `stops` becomes readable, or when
    `may_hold` says no to the bytes of memory that its child has come to hold.
    """
    import shutil
    import tempfile

    progress = _Progress(time.monotonic())
    directory = None
    reason = None
    try:
        directory = tempfile.mkdtemp(prefix="qualytics-test-")
        child = start(directory)
    except OSError as exc:  # no space for the directory, no room for a process
        reason = f"its process could not be started: {exc.strerror or exc}"
    else:
        progress.began = time.monotonic()
        try:
            reason = _Conversation(child, plan, directory, progress).run(stops, may_hold)
        finally:
            child.end()
    finally:
        if directory is not None:
            shutil.rmtree(directory, ignore_errors=True)
    return _report(plan, progress, reason)


class _Conversation:
    """Sends the plan to a child and hears it out, both at once, until its end or the deadline."""

    def __init__(self, child: Child, plan: Plan, directory: str, progress: _Progress) -> None:
        self._stdin, self._stdout = child.stdin, child.stdout
        self._unsent, self._unread, self._heard = plan.line(directory), b"", 0
        self._progress, self._deadline = progress, progress.began + plan.timeout_s
        self._limit = _MAX_LISTING_BYTES if plan.listing else _MAX_REPORT_BYTES

    def run(self, stops: Sequence[int], may_hold: Callable[[int], bool]) -> str | None:
        """Return what ended the test in place of a verdict (timeout, crash, flood …), None when there is one."""
        import selectors

        os.set_blocking(self._stdin, False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdin, selectors.EVENT_WRITE)
            selector.register(self._stdout, selectors.EVENT_READ)
            for stop in stops:
                selector.register(stop, selectors.EVENT_READ)
            while (left := self._deadline - time.monotonic()) > 0:
                for key, _ in selector.select(left):
                    if key.fd == self._stdin:
                        if not self._send():
                            selector.unregister(self._stdin)
                    elif key.fd in stops:
                        self._progress.fail = self._progress.fail or _STOPPED
                        return None
                    elif ending := self._hear():
                        return None if self._progress.over else ending
                    elif not self._progress.over and not may_hold(self._progress.notes.get("holds", 0)):
                        self._progress.fail = _TOO_MUCH
                        return None
        return None if self._progress.over else _TIMEOUT

    def _send(self) -> bool:
        try:
            self._unsent = self._unsent[os.write(self._stdin, self._unsent) :]
        except BrokenPipeError:  # it died; its silence will say so
            return False
        return bool(self._unsent)

    def _hear(self) -> str | None:
        chunk = os.read(self._stdout, _MAX_REPORT_BYTES)
        self._heard += len(chunk)
        if not chunk:
            return f"the driver crashed ({self._progress.ending or 'killed'})"
        *lines, self._unread = (self._unread + chunk).split(b"\n")
        if self._heard > self._limit or len(self._unread) > _MAX_REPORT_BYTES:
            return "the driver said more than a report may hold"
        try:
            for line in lines:
                self._progress.hear(line)
        except (ValueError, LookupError, TypeError, RecursionError):
            return "the driver wrote into the report"
        if self._progress.over:
            self._deadline = min(self._deadline, time.monotonic() + TEST_CLOSE_S)
        return None


def _report(plan: Plan, progress: _Progress, reason: str | None) -> TestReport:
    # A child runs foreign code, so nothing that it says is believed to show no secret.
    masking = plan.masking()
    # To the end of the last stage: how long words took to be cleared is nobody's business.
    over = time.monotonic() if progress.open_stage is not None or progress.ended is None else progress.ended
    stages = list(progress.stages)
    if progress.open_stage is not None:
        ms = round((time.monotonic() - progress.open_since) * 1_000, 1)
        stages.append(StageResult(progress.open_stage, ok=False, ms=ms))
    failure = None if progress.done else _failure(plan, progress, reason, stages, masking)
    notes = progress.notes
    return TestReport(
        failure=failure,
        stages=tuple(stages),
        duration_ms=round((over - progress.began) * 1_000, 1),
        message=failure.message if failure else f"connected to {plan.where()}",
        detected={key: _noted(notes.get(key), masking) for key in DETECTED},
        address=_address(notes.get("address")),
        local_address=_address(notes.get("local_address")),
        tls={key: _noted(found, masking) for key, found in notes["tls"].items()} if notes.get("tls") else None,
        warnings=tuple(map(masking.mask_own, progress.warnings)),
        items=tuple(progress.items),
        more=progress.more,
    )


def _noted(found: Any, masking: Masking) -> Any:
    return found if found is None or isinstance(found, bool) else masking.mask_own(str(found))


def _address(found: Any) -> str | None:
    from ipaddress import ip_address

    host, _, port = str(found).rpartition(":")
    try:
        return join(str(ip_address(host.strip("[]"))), int(port))
    except ValueError:
        return None


def _failure(
    plan: Plan, progress: _Progress, reason: str | None, stages: list[StageResult], masking: Masking
) -> Failure:
    fail = progress.fail or {"class": "internal", "cause": reason, "hint": None, "detail": None}
    if progress.fail is None and reason == _TIMEOUT:
        fail |= {"class": "timeout", "cause": None}
    message, hint = cause_and_hint(plan, fail, progress.notes.get("asked"), masking)
    stray = stray_ends(plan.secrets) if fail["class"] == "auth" else None
    return Failure(
        stage=stages[-1].name if stages else get(plan.type).stages[0],
        failure_class=fail["class"],
        retryable=CLASSES[fail["class"]].retryable,
        message=message,
        hint=f"{stray}; {hint}" if stray else hint,
        detail=masking.mask(fail["detail"]) if fail["detail"] else None,
        trace=masking.mask(fail["trace"]) if fail.get("trace") else None,
    )
