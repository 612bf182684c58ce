"""The child process of a test: what a driver that crashes, floods, hangs or breeds can do to us, which is nothing.

The drivers are modules of our own called like a real one: the child looks for modules where its parent does.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import time

import pytest

from qualytics import connectors, probe
from qualytics.masking import Masking
from qualytics.probe import _platform
from qualytics.probe.child.output import masked
from qualytics.probe.protocol import Failed
from qualytics.probe.verdicts.exceptions import judge
from qualytics.secret import Secret

pytestmark = pytest.mark.slow  # each test starts processes

CANARY = "canary-b4a6e1"


@pytest.fixture
def driven(tmp_path, monkeypatch):
    """Return a function that tests a database file by a driver with the given body of `connect`."""
    place = tmp_path / "drivers"
    private = tmp_path / "private"
    place.mkdir()
    private.mkdir()
    database = tmp_path / "a.duckdb"
    database.write_bytes(bytes(8) + b"DUCK" + bytes(100))  # as a DuckDB file begins
    monkeypatch.syspath_prepend(place)
    monkeypatch.setattr(tempfile, "tempdir", str(private))

    def call(body, timeout_s=20.0, secrets=None):
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        head = f"import ctypes, json, os, signal, subprocess, sys, time\nHERE = {str(tmp_path)!r}\n"
        (place / "duckdb.py").write_text(f"{head}\ndef connect(*_, **__):\n{lines}\n")
        began = time.monotonic()
        report = probe.run(probe.Plan("duckdb", {"uri": str(database)}, secrets or {}, timeout_s))
        assert time.monotonic() - began <= timeout_s + 1
        assert list(private.iterdir()) == []
        return report

    return call


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
        ("os.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(60)", "killed"),
    ],
)
def test_a_driver_that_crashes_is_an_internal_failure_of_its_stage(driven, body, ending):
    assert outcome(driven(body)) == ("open", "internal", f"the driver crashed ({ending})")


@pytest.mark.slow
def test_what_a_driver_prints_never_reaches_the_report(driven):
    report = driven(
        """
for stream in (sys.stdout, sys.__stdout__, sys.stderr):
    print('["Passed", false]', file=stream, flush=True)
os.write(1, b'["Passed", false]\\n')
os.write(2, b"noise")
subprocess.run(["echo", '["Passed", false]'])
raise ValueError("after all that")
"""
    )
    assert outcome(report)[:2] == ("open", "unknown")
    assert report.failure.detail == "ValueError: after all that"


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        b"junk\n",
        b"\xff\xfe\n",
        b"1\n",
        b"[]\n",
        b"{}\n",
        b'["Failed", "no such class", null, null, null, null]\n',
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
time.sleep(60)
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
@pytest.mark.parametrize("text", ["'x' * 10_000_000", "'\\U0001f600' * 5_000_000", "'\\0\\x1b' * 5_000_000"])
def test_a_message_of_any_length_is_cut_and_keeps_its_class(driven, text):
    report = driven(f"raise PermissionError({text} + 'permission denied')")
    assert outcome(report)[:2] == ("open", "unknown")
    assert len(report.failure.detail) == 4_096


def test_a_message_that_is_no_text_still_makes_a_report(driven):
    report = driven("raise ValueError('half a character: \\udce9, and \\x00')")
    assert report.failure.detail == "ValueError: half a character: ?, and \x00"
    report.failure.detail.encode()


def test_an_error_that_cannot_be_shown_still_makes_a_report(driven):
    body = """
class Odd(Exception):
    def __str__(self):
        raise RuntimeError("cannot be shown")
raise Odd
"""
    assert outcome(driven(body))[:2] == ("open", "internal")


def test_a_driver_that_takes_all_memory_is_stopped(driven):
    report = driven("raise ValueError(len(bytearray(3 << 30)))")
    assert outcome(report) == ("open", "config", "the test ran out of memory: no test needs that much")


@pytest.mark.slow
def test_a_driver_may_reserve_much_more_memory_than_it_uses(driven):
    report = driven("import mmap\nraise ValueError(len(mmap.mmap(-1, 3 << 30, prot=mmap.PROT_READ)))")
    assert report.failure.detail == f"ValueError: {3 << 30}"


@pytest.mark.slow
def test_a_driver_that_fills_the_disk_is_stopped(driven):
    report = driven("open('big', 'wb').truncate(1 << 30)")
    assert "File too large" in report.failure.detail


DRIVER_THAT_TELLS = """
import resource

def connect(*_, **__):
    raise ValueError(resource.getrlimit(resource.RLIMIT_NOFILE))
"""
LIMITED = """
import resource, sys
sys.path.insert(0, sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
from qualytics import probe
print(probe.run(probe.Plan("duckdb", {"uri": sys.argv[1] + "/a.duckdb"}, {}, 20.0)).failure.detail)
"""


@pytest.mark.slow
def test_limits_of_the_shell_are_kept_where_they_are_lower(tmp_path):
    # In a process of its own: what runs the tests has more files open than that.
    (tmp_path / "duckdb.py").write_text(DRIVER_THAT_TELLS)
    (tmp_path / "a.duckdb").write_bytes(bytes(8) + b"DUCK" + bytes(100))
    command = [sys.executable, "-c", LIMITED, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "ValueError: (100, 100)\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        "time.sleep(60)",
        "os.kill(os.getpid(), signal.SIGSTOP)",
        "for one in range(1, 65):\n try: signal.signal(one, signal.SIG_IGN)\n except OSError: pass\ntime.sleep(60)",
        "os.closerange(0, 256)\ntime.sleep(60)",
    ],
)
def test_a_driver_that_hangs_ends_at_the_deadline(driven, body):
    report = driven(body, timeout_s=1.5)
    assert outcome(report)[:2] == ("open", "timeout")
    assert report.failure.retryable


BREED = """
def note():
    with open(HERE + "/pids", "a") as out:
        out.write(f"{os.getpid()}\\n")

def breed(depth, leave):
    if os.fork() == 0:
        if leave:
            os.setsid()
        if depth:
            breed(depth - 1, leave)
            if leave:
                os._exit(0)
        note()
        time.sleep(60)
        os._exit(0)

for _ in range(8):
    breed(0, False)
    breed(2, False)
    breed(2, True)
subprocess.Popen(["sleep", "61"], start_new_session=True)
while len(open(HERE + "/pids").readlines() if os.path.exists(HERE + "/pids") else []) < 40:
    time.sleep(0.01)
"""


@pytest.mark.slow
@pytest.mark.parametrize("last", ["raise ValueError('bred')", "os._exit(5)", "time.sleep(60)"])
def test_nothing_that_a_driver_starts_outlives_the_test(driven, tmp_path, last):
    driven(BREED + last, timeout_s=5.0)
    pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 8 * (1 + 3 + 1)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_the_childs_surroundings_are_clean(driven, monkeypatch):
    prefixes = ("PG", "MYSQL", "AWS", "GOOGLE", "SNOWFLAKE", "AZURE", "ODBC", "KRB5", "QUALYTICS", "LD", "PYTHON")
    names = [f"{prefix}_CANARY" for prefix in prefixes]
    names += ["PGPASSWORD", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "KRB5CCNAME", "PYTHONSTARTUP", "LD_PRELOAD_X"]
    for name in names:
        monkeypatch.setenv(name, CANARY)
    monkeypatch.setenv("SSL_CERT_FILE", "/roots.pem")
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    report = driven(
        "raise ValueError(json.dumps([dict(os.environ), os.getcwd(), os.listdir(), os.getsid(0) == os.getpid()]))"
    )
    environment, directory, files, leads = json.loads(report.failure.detail.removeprefix("ValueError: "))
    assert CANARY not in json.dumps(environment)
    assert environment.keys() == {"PATH", "LANG", "HOME", "TMPDIR", "SSL_CERT_FILE"}
    assert environment["HOME"] == environment["TMPDIR"] == directory
    assert files == []
    assert not leads


def test_a_child_holds_nothing_of_the_program_that_tests(driven):
    report = driven("raise ValueError(json.dumps([name for name in sys.modules if name.startswith('qualytics.')]))")
    modules = set(json.loads(report.failure.detail.removeprefix("ValueError: ")))
    assert "qualytics.probe.child.stages" in modules
    apart = ("store", "service", "client", "server", "cli", "probe.parent")
    assert not [name for name in modules if name.removeprefix("qualytics.").startswith(apart)]


def test_the_private_directory_is_the_users_alone(driven):
    report = driven("raise ValueError(oct(os.stat('.').st_mode))")
    assert report.failure.detail.endswith("700")


def test_no_module_is_found_by_a_relative_place(driven, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    import sys

    monkeypatch.setattr(sys, "path", ["drivers" if place.endswith("drivers") else place for place in sys.path])
    assert driven("raise ValueError('found')").failure.detail != "ValueError: found"


def test_a_process_that_cannot_be_started_is_an_internal_failure(driven, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    report = probe.run(probe.Plan("duckdb", {"uri": "x"}, {}, 5.0))
    assert outcome(report)[:2] == ("open", "internal")
    assert "could not be started: No such file or directory" in report.failure.message


def test_a_secret_that_is_cut_in_two_is_masked_whole():
    secret = "s3cr3t-" * 20
    failed = masked(Failed("auth", f"no {secret}", detail="x" * 4_090 + secret), Masking([Secret(secret)]))
    assert failed.cause == "no ********"
    assert "s3cr" not in failed.detail


@pytest.mark.parametrize(
    "word",
    [
        ["Failed", "auth", CANARY, f"try {CANARY}", f"it is {CANARY}", CANARY],
        ["Failed", "auth", None, None, CANARY.encode().hex(" "), None],
        ["Detected", {"product_name": CANARY, "product_version": CANARY}],
        ["Connected", f"fe80::1%{CANARY}", 1, f"fe80::1%{CANARY}", 1],
        ["Encrypted", CANARY, CANARY[::-1], True, CANARY],
        ["SecondHost", CANARY],
        ["Warned", CANARY],
        ["WorkerEnded", CANARY],
        ["Began", CANARY],
    ],
)
def test_a_child_that_writes_a_secret_into_its_report_is_not_believed(driven, word):
    body = f"""
for stream in range(3, 64):
    try:
        os.write(stream, {json.dumps(word).encode() + b"{NEWLINE}"!r})
    except OSError:
        pass
time.sleep(60)
""".replace("{NEWLINE}", "\\n")
    report = driven(body, 3.0, {"password": Secret(CANARY)})
    shown = repr(dataclasses.asdict(report))
    assert CANARY not in shown
    assert CANARY.encode().hex(" ") not in shown


def test_the_children_of_a_process_are_found_whatever_they_are_called():
    child = os.fork()
    if child == 0:
        with open("/proc/self/comm", "w") as name:
            name.write("a) S 1 (b")
        signal.pause()
    try:
        assert child in _platform.children()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert child not in _platform.children()


@pytest.mark.parametrize("error", [ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError, EOFError])
def test_a_connection_that_ends_within_a_handshake_is_class_network(error):
    # Which of them OpenSSL raises depends on its version and on how the peer closed.
    assert judge(connectors.get("postgresql"), error("closed")).failure_class == "network"
