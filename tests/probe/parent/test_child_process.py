"""What a driver that crashes, floods or hangs can do to the program that tests, which is nothing."""

from __future__ import annotations

import os
import select
import tempfile
from concurrent.futures import ThreadPoolExecutor
from threading import Semaphore

import pytest

from qualytics import probe
from qualytics.probe.parent.child_process import run_test
from qualytics.probe.parent.launch import Child, open_pipes
from qualytics.probe.protocol import Began, Ended, Passed, encode

pytestmark = pytest.mark.slow  # each test starts processes


def outcome(report):
    return report.failure and (report.failure.stage, report.failure.failure_class, report.failure.message)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "ending"),
    [
        ("ctypes.string_at(0)", "SIGSEGV"),
        ("os.abort()", "SIGABRT"),
        ("os._exit(3)", "exit 3"),
        ("raise SystemExit(4)", "exit 1"),
        ("raise KeyboardInterrupt", "exit 1"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
        ("os.closerange(0, 256)", "exit 1"),
        ("os.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(600)", "killed"),
    ],
)
def test_a_driver_that_crashes_is_an_internal_failure_of_its_stage(driven, body, ending):
    assert outcome(driven(body)) == ("open", "internal", f"the driver crashed ({ending})")


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        b"junk\n",
        b"\xff\xfe\n",
        b"1\n",
        b"[]\n",
        b"{}\n",
        b'["Failed", "no such class", null, null, null, null, null]\n',
        b'["Forked", 2, null]\n',
        b"[" * 20_000 + b"\n",
    ],
)
def test_a_driver_that_writes_into_the_report_is_told_as_such(driven, line):
    body = f"""
for stream in range(3, 64):
    try:
        os.write(stream, {line!r})
    except OSError:
        pass
time.sleep(600)
"""
    assert outcome(driven(body)) == ("open", "internal", "the driver wrote into the report")


def test_a_flood_is_cut_off(driven):
    body = """
while True:
    for stream in range(3, 16):
        try:
            os.write(stream, b'["Warned", "x"]\\n' * 1000)
        except OSError:
            pass
"""
    assert outcome(driven(body)) == ("open", "internal", "the driver wrote more than a report may hold")


@pytest.mark.slow
def test_a_line_without_end_is_cut_off(driven):
    body = """
while True:
    for stream in range(3, 16):
        try:
            os.write(stream, b"x" * 4096)
        except OSError:
            pass
"""
    assert outcome(driven(body)) == ("open", "internal", "the driver wrote more than a report may hold")


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        "time.sleep(600)",
        "os.kill(os.getpid(), signal.SIGSTOP)",
        "for one in range(1, 65):\n try: signal.signal(one, signal.SIG_IGN)\n except OSError: pass\ntime.sleep(600)",
        "os.closerange(0, 256)\ntime.sleep(600)",
    ],
)
def test_a_driver_that_hangs_ends_at_the_deadline(driven, body):
    report = driven(body, timeout_s=1.5)
    assert outcome(report)[:2] == ("open", "timeout")
    assert report.failure.retryable


def test_a_process_that_cannot_be_started_is_an_internal_failure(driven, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    report = probe.run(probe.Plan("duckdb", {"uri": "x"}, {}, 5.0))
    assert outcome(report)[:2] == ("open", "internal")
    assert "could not be started: No such file or directory" in report.failure.message


class Scripted(Child):
    """A child whose other ends the test holds, so that it is as slow as the test wants it."""

    def __init__(self):
        with open_pipes() as pipes:
            self.its_stdin, self.its_stdout = os.dup(pipes.child_in), os.dup(pipes.child_out)
            super().__init__(0, pipes)

    def say(self, *messages):
        os.write(self.its_stdout, b"".join(map(encode, messages)))

    def has_plan(self, timeout_s):
        return bool(select.select([self.its_stdin], [], [], timeout_s)[0])

    def close(self):
        os.close(self.its_stdout)

    def _wake(self):
        os.close(self.its_stdin)

    def _wait(self, _timeout_s):
        return True


VERDICT = (Ended("open", ok=True, ms=1.0), Passed())
AT_ONCE_S = 1e-6  # over before anything is read


def plan_of(timeout_s):
    return probe.Plan("sqlite", {"uri": "x"}, {}, timeout_s)


def test_a_verdict_that_came_in_time_counts_however_late_it_is_read():
    child = Scripted()
    child.say(Began("open"), *VERDICT)
    child.close()
    assert outcome(run_test(plan_of(AT_ONCE_S), lambda _: child)) is None


def test_among_many_the_time_counts_from_the_first_stage():
    child = Scripted()
    with ThreadPoolExecutor(1) as threads:
        report = threads.submit(run_test, plan_of(AT_ONCE_S), lambda _: child, slots=Semaphore())
        assert child.has_plan(60)  # by now its time would be over
        child.say(Began("open"), *VERDICT)
        child.close()
        assert outcome(report.result(60)) is None


def test_among_many_a_child_holds_its_slot_up_to_its_first_stage():
    slots, child = Semaphore(), Scripted()
    slots.acquire()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(run_test, plan_of(60.0), lambda _: child, slots=slots)
        assert not child.has_plan(0)
        slots.release()
        assert child.has_plan(60)
        assert not slots.acquire(blocking=False)
        child.say(Began("open"))
        assert slots.acquire(timeout=60)
        child.say(*VERDICT)
        child.close()
        assert outcome(first.result(60)) is None
    assert not slots.acquire(blocking=False)  # it was given back once
