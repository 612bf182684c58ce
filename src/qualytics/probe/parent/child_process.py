"""One test, seen from the program: the plan goes to a child, and its messages come back until the deadline."""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from typing import TYPE_CHECKING

from qualytics.model import StageEvent
from qualytics.probe.parent.launch import spawn
from qualytics.probe.parent.report import Progress, report_of
from qualytics.probe.protocol import (
    MAX_LISTING_BYTES,
    MAX_REPORT_BYTES,
    Began,
    Ended,
    Failed,
    Lines,
    ReadMessage,
    Unreadable,
    decode,
)
from qualytics.settings import CANCEL_S, TEST_CLOSE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qualytics.model import TestReport
    from qualytics.probe.parent.launch import Child
    from qualytics.probe.plan import Plan
    from qualytics.probe.protocol import Message

_CHUNK_BYTES = 65_536
# So many children a processor come to their first stage at once.
_LOADING = 2
# How long a child that has its slot may take up to its first stage: what hangs there gives the slot back.
_LOAD_S = 30.0
_TOO_MUCH = Failed(
    "transient",
    "the tests that run at this moment need more memory than they may have together, and this one most of it",
    "try again in a moment, or let the control plane run fewer tests at once",
)
_STOPPED = Failed("transient", "the test was stopped")


def loading_slots() -> threading.Semaphore:
    """Return the slots of children that start together."""
    return threading.Semaphore(_LOADING * (os.cpu_count() or 1))


def run_test(
    plan: Plan,
    start: Callable[[str], Child] = spawn,
    stops: Sequence[int] = (),
    may_hold: Callable[[int], bool] = lambda _: True,
    slots: threading.Semaphore | None = None,
) -> TestReport:
    """Test a connection and return what was found; takes at most the plan's timeout and a moment.

    The child that `start` makes gets the plan over a pipe, a clean environment and an empty home directory. The time
    counts from its start; among many, from its first stage, up to which it holds one of the `slots`: each needs the
    processor until then, and too many at once would make each other late. The test ends at the deadline, when one of
    `stops` becomes readable, or when `may_hold` says no to the bytes of memory that its child has come to hold; nothing
    that the child started stays behind.
    """
    import shutil
    import tempfile

    progress = Progress(time.monotonic())
    directory = None
    try:
        directory = tempfile.mkdtemp(prefix="qualytics-test-")
        child = start(directory)
    except OSError as exc:  # no space for the directory, no room for a process
        progress.failed = Failed("internal", f"the process of the test could not be started: {exc.strerror or exc}")
    else:
        try:
            with contextlib.ExitStack() as slot:
                if slots is not None:
                    slot.enter_context(slots)
                progress.began = time.monotonic()
                dialogue = _Dialogue(child, plan, directory, progress, slot if slots is not None else None)
                failed = dialogue.run(stops, may_hold)
            progress.failed = progress.failed or failed
        finally:
            child.end(0.0 if plan.reading is None else CANCEL_S)
    finally:
        if directory is not None:
            shutil.rmtree(directory, ignore_errors=True)
    report = report_of(plan, progress)
    if plan.on_stage is not None and progress.open_stage is not None:  # it was cut short, which the report alone says
        last = report.stages[-1]
        plan.on_stage(StageEvent(last.name, last.ok, last.ms))
    return report


class _Dialogue:
    """Sends the plan to a child and reads its messages, both at once, until its end or the deadline."""

    def __init__(
        self, child: Child, plan: Plan, directory: str, progress: Progress, slot: contextlib.ExitStack | None
    ) -> None:
        self._stdin, self._stdout = child.stdin, child.stdout
        self._unsent = plan.encode(directory)
        self._lines = Lines(MAX_LISTING_BYTES if plan.listing or plan.reading else MAX_REPORT_BYTES)
        self._progress, self._slot, self._timeout_s = progress, slot, plan.timeout_s
        self._deadline = progress.began + (plan.timeout_s if slot is None else max(plan.timeout_s, _LOAD_S))
        self._on_stage, self._on_message = plan.on_stage, plan.on_message
        self._reading_s = math.inf if plan.reading is None or plan.reading.limit_s is None else plan.reading.limit_s
        self._read_too_long: Failed | None = None

    def run(self, stops: Sequence[int], may_hold: Callable[[int], bool]) -> Failed | None:
        """Return what ended the test in place of a verdict (timeout, crash, flood …), None when there is one."""
        import selectors

        os.set_blocking(self._stdin, False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdin, selectors.EVENT_WRITE)
            selector.register(self._stdout, selectors.EVENT_READ)
            for stop in stops:
                selector.register(stop, selectors.EVENT_READ)
            left_s = self._timeout_s
            while left_s > 0:
                left_s = self._deadline - time.monotonic()
                # What has come in time is read, however late; a read without a limit ends when it ends.
                for key, _ in selector.select(max(left_s, 0.0) if left_s < math.inf else None):
                    if key.fd == self._stdin:
                        if not self._send():
                            selector.unregister(self._stdin)
                    elif key.fd in stops:
                        return _STOPPED
                    elif ending := self._read():
                        return None if self._progress.over else ending
                    elif not self._progress.over and not may_hold(self._progress.held_bytes):
                        return _TOO_MUCH
        if self._progress.over:
            return None
        return self._read_too_long or Failed("timeout", *(self._progress.unanswered or ()))

    def _send(self) -> bool:
        try:
            self._unsent = self._unsent[os.write(self._stdin, self._unsent) :]
        except BrokenPipeError:  # it died; its silence will say so
            return False
        return bool(self._unsent)

    def _read(self) -> Failed | None:
        chunk = os.read(self._stdout, _CHUNK_BYTES)
        if not chunk:
            return Failed("internal", f"the driver crashed ({self._progress.worker_status or 'killed'})")
        try:
            for line in self._lines.feed(chunk):
                self._add(decode(line))
        except Unreadable as exc:
            return Failed("internal", exc.cause)
        if self._progress.over:
            self._deadline = min(self._deadline, time.monotonic() + TEST_CLOSE_S)
        return None

    def _add(self, message: Message) -> None:
        if self._on_message is not None and isinstance(message, ReadMessage):
            self._on_message(message)
            return
        self._progress.add(message)
        if self._slot is not None and isinstance(message, Began):
            self._slot.close()
            self._slot, self._deadline = None, time.monotonic() + self._timeout_s
        if isinstance(message, Began) and message.stage == "read":
            self._deadline = time.monotonic() + self._reading_s
            cause = f"it took longer than {self._reading_s:g} s"
            self._read_too_long = Failed("timeout", cause, "give it more time with --timeout, or read less at once")
        if self._on_stage is not None and isinstance(message, Began | Ended):
            self._on_stage(StageEvent(*message))
