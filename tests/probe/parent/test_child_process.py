"""What a driver that crashes, floods or hangs can do to the program that tests, which is nothing."""

from __future__ import annotations

import tempfile

import pytest

from qualytics import probe

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
