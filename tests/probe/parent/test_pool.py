"""The pool: tests of many at once; whatever a driver does, the others do not notice."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qualytics import probe
from qualytics.errors import TooMany
from qualytics.probe.egress import Policy
from qualytics.probe.parent.pool import Pool
from qualytics.secret import Secret
from qualytics.structs import replace
from tests.support import deadlines, faults
from tests.support.pooled import HERE, server_plan, told
from tests.support.processes import descendants, holds, parent, readable, watched
from tests.support.trial import outcome

pytestmark = pytest.mark.slow  # each test starts processes


KEY, CANARY = b"key-of-the-store-0d4c", "canary-77e1ac"


@pytest.mark.servers
def test_many_tests_of_real_servers_are_connected(pool, postgres_server, mariadb_server, root_file):
    plans = []
    for type_, server in (("postgresql", postgres_server), ("timescale", postgres_server), ("mariadb", mariadb_server)):
        values = {
            "host": "localhost",
            "port": server.port,
            "username": server.user,
            "parameters": {"ssl_root_cert_file": str(root_file)},
        }
        plans.append(probe.Plan(type_, values, {"password": Secret(server.password)}, 20.0, policy=HERE))
    with ThreadPoolExecutor(12) as threads:
        reports = list(threads.map(lambda number: pool.run(plans[number % 3], f"owner {number % 2}"), range(24)))
    for report in reports:
        assert outcome(report) is None, report.failure
        assert report.tls["verified"]


@pytest.mark.parametrize(
    ("body", "ending"),
    [
        ("ctypes.string_at(0)", "the driver crashed (SIGSEGV)"),
        ("os._exit(3)", "the driver crashed (exit 3)"),
        ("raise SystemExit(4)", "the driver crashed (exit 1)"),
        ("os.closerange(0, 256)", "the driver crashed (exit 1)"),
        ("os.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(600)", "the driver crashed (killed)"),
        (
            "while True:\n for n in range(3, 32):\n  try: os.write(n, b'x' * 4096)\n  except OSError: pass",
            "the driver wrote more",
        ),
        ("raise ValueError(len(bytearray(3 << 30)))", "the test ran out of memory"),
        ("open('big', 'wb').truncate(1 << 30)", "the server answered with an error"),
    ],
)
def test_a_driver_that_crashes_is_an_internal_failure_and_the_next_test_is_well(pool, pool_driver, body, ending):
    plan = pool_driver(
        f"if os.path.exists(HERE + '/well'): raise ValueError('well')\nopen(HERE + '/well', 'w').close()\n{body}"
    )
    assert pool.run(plan, "ann").failure.message.startswith(ending)
    assert pool.run(plan, "ann").failure.detail == "ValueError: well"


# The zygote imports a driver once, so what comes first and what comes then is of one text.
FIRST = """if not os.path.exists(HERE + "/first"):
    open(HERE + "/first", "w").close()
    raise ValueError("first")
"""


@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        "time.sleep(600)",
        "os.kill(os.getpid(), signal.SIGSTOP)",
        "for one in range(1, 65):\n try: signal.signal(one, signal.SIG_IGN)\n except OSError: pass\ntime.sleep(600)",
        "os.closerange(0, 256)\ntime.sleep(600)",
        "os.kill(os.getppid(), signal.SIGSTOP)\ntime.sleep(600)",
    ],
)
def test_a_driver_that_hangs_ends_at_the_deadline(pool, pool_driver, body):
    plan = pool_driver(FIRST + body, timeout_s=1.5)
    assert pool.run(replace(plan, timeout_s=20.0), "ann").failure.detail == "ValueError: first"
    with deadlines.within(plan.timeout_s):
        assert outcome(pool.run(plan, "ann")) == ("open", "timeout")


def test_a_hanging_test_delays_no_other(private, pool_driver):
    hanging = pool_driver("time.sleep(600)", timeout_s=120.0)
    with faults.silent() as silent, faults.closed() as closed, ThreadPoolExecutor(5) as threads:
        with Pool(8, 100) as pool:
            reports = [threads.submit(pool.run, hanging, "ann") for _ in range(2)]
            reports += [threads.submit(pool.run, server_plan("postgresql", silent, 120.0), "ann") for _ in range(3)]
            for _ in range(4):
                assert outcome(pool.run(server_plan("postgresql", closed), "bob")) == ("tcp", "refused")
            assert not any(report.done() for report in reports)
        assert {outcome(report.result(60))[1] for report in reports} == {"transient"}


def test_the_childs_surroundings_are_clean_and_its_own(pool, pool_driver, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", CANARY)
    monkeypatch.setenv("QUALYTICS_KEY", CANARY)
    monkeypatch.setenv("SSL_CERT_FILE", "/roots.pem")
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    body = """
found = [dict(os.environ), os.getcwd(), os.listdir(), oct(os.stat(".").st_mode & 0o777), tempfile.gettempdir()]
open("left", "w").close()
fds = sorted(int(n) for n in os.listdir("/proc/self/fd"))
kinds = [os.readlink(f"/proc/self/fd/{n}").partition(":")[0] for n in fds if os.path.exists(f"/proc/self/fd/{n}")]
raise ValueError(json.dumps([*found, HOME_THEN, os.path.exists(HOME_THEN), "socket" in kinds, "anon_inode" in kinds]))
"""
    plan = pool_driver(body, "HOME_THEN = tempfile.gettempdir()\nopen(HOME_THEN + '/left', 'w').close()")
    seen = set()
    for _ in range(2):
        environment, directory, files, mode, temporary, then, is_there, has_socket, has_inode = told(
            pool.run(plan, "ann")
        )
        assert CANARY not in json.dumps(environment)
        assert environment.keys() == {"PATH", "LANG", "HOME", "TMPDIR", "SSL_CERT_FILE", "OPENBLAS_NUM_THREADS"}
        assert environment["HOME"] == environment["TMPDIR"] == directory == temporary
        assert (files, mode) == ([], "0o700")
        assert then != directory
        assert not is_there  # what an import knew as its home is gone
        assert not has_socket
        assert not has_inode
        seen.add(directory)
    assert len(seen) == 2


def own_processes():
    """Return the processes of tests and of what they start, and no server's: PostgreSQL forks when it likes."""
    programs = {os.path.realpath(sys.executable), os.path.realpath(shutil.which("sleep"))}
    found = set()
    for pid in descendants(os.getpid()):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            if os.path.realpath(f"/proc/{pid}/exe") in programs:
                found.add(pid)
    return found


@pytest.mark.parametrize(
    ("last", "failure_class"),
    [("raise ValueError('bred')", "unknown"), ("os._exit(5)", "internal"), ("time.sleep(600)", "timeout")],
)
def test_nothing_that_a_driver_starts_outlives_the_test(pool, pool_driver, last, failure_class):
    body = """
for leave in (False, True):
    if os.fork() == 0:
        if leave: os.setsid()
        if os.fork() == 0: time.sleep(600)
        os._exit(0)
subprocess.Popen(["sleep", "610"], start_new_session=True)
"""
    plan = pool_driver(FIRST + body + last)
    assert pool.run(plan, "ann").failure.detail == "ValueError: first"
    before = own_processes()
    limit_s = 4.0 if failure_class == "timeout" else plan.timeout_s
    assert outcome(pool.run(replace(plan, timeout_s=limit_s), "ann")) == ("open", failure_class)
    assert own_processes() <= before


def test_the_policy_holds_in_the_pool(pool, pool_driver):
    with faults.silent() as port:
        assert outcome(pool.run(server_plan("postgresql", port, policy=Policy()), "ann")) == ("resolve", "blocked")
    body = "from socket import create_connection\ncreate_connection(('127.0.0.1', 9))"
    plan = pool_driver(body)
    blocked = probe.Plan(plan.type, plan.values, {}, 20.0, policy=Policy())
    assert outcome(pool.run(blocked, "ann")) == ("open", "blocked")
    assert outcome(pool.run(plan, "ann")) == ("open", "refused")  # one test's policy is not another's


def test_too_many_are_refused_and_the_rest_are_served(private, pool_driver, started, tmp_path):
    os.mkfifo(tmp_path / "go")
    plan = pool_driver("open(HERE + '/started', 'w').write('x')\nopen(HERE + '/go').read()\nraise ValueError('gone')")
    with Pool(1, 0) as pool, ThreadPoolExecutor(1) as threads:
        running = threads.submit(pool.run, plan, "ann")
        started.wait()
        with pytest.raises(TooMany):
            pool.run(plan, "bob")
        (tmp_path / "go").write_text("")
        assert running.result(60).failure.detail == "ValueError: gone"


@pytest.mark.parametrize(("where", "failure_class"), [("connect", "transient"), ("import", "internal")])
def test_closing_ends_what_runs(private, pool_driver, started, tmp_path, where, failure_class):
    hang = f"open({str(tmp_path)!r} + '/started', 'w').write('x')\ntime.sleep(600)"
    plan = pool_driver(hang, timeout_s=120.0) if where == "connect" else pool_driver("pass", hang, timeout_s=120.0)
    before = own_processes()
    pool = Pool(2, 2)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(pool.run, plan, "ann")
        started.wait()
        pool.close()
        report = running.result(60)
    assert outcome(report)[1] == failure_class
    assert list(private.iterdir()) == []
    assert own_processes() <= before


PROGRAM = """
import sys, threading
from qualytics import probe
from qualytics.probe.egress import Policy
from qualytics.probe.parent.pool import Pool
from qualytics.secret import Secret
key = open(sys.argv[1], "rb").read()
pool = Pool(8, 8)
for type_ in ("postgresql", "dremio"):
    values = {"host": "127.0.0.1", "port": int(sys.argv[2]), "username": "ann", "parameters": {}}
    plan = probe.Plan(type_, values, {"password": Secret("CANARY")}, 300.0, policy=Policy(("127.0.0.0/8",)))
    threading.Thread(target=pool.run, args=(plan, "ann")).start()
print("started", flush=True)
""".replace("CANARY", CANARY)


@pytest.fixture
def serving(tmp_path, private):
    """Start a program that holds a key, and whose pool runs a forked and a fresh test that hang; yield it."""
    (tmp_path / "key").write_bytes(KEY)
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as stack:
        program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path / "key"), str(listener.getsockname()[1])],
            env={**os.environ, "TMPDIR": str(private), "QUALYTICS_KEY": KEY.decode()},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        stack.enter_context(program)
        stack.callback(program.kill)
        listener.settimeout(60)
        for _ in range(3):  # the second type asks on a connection of its own whether TLS is offered
            peer, _ = listener.accept()
            stack.enter_context(peer)
        yield program


def test_the_key_of_the_store_is_in_no_process_of_the_pool(serving):
    family = descendants(serving.pid)
    assert len(family) >= 2 + 2 * 2  # two zygotes, and a supervisor and a worker of each test
    for pid in family:
        for name in ("cmdline", "environ"):
            assert KEY not in readable(pid, name)
            assert CANARY.encode() not in readable(pid, name)
        if os.geteuid() == 0:
            assert not holds(pid, KEY)
    if os.geteuid() == 0:
        assert holds(serving.pid, KEY)  # the search finds what is there
        holders = {pid for pid in family if holds(pid, CANARY.encode())}
        assert holders
        zygotes = {
            pid
            for pid in family
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1] == str(serving.pid)
        }
        assert not holders & zygotes


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_all_ends_with_the_program_also_when_it_is_killed(serving, private, number):
    family = [os.pidfd_open(pid) for pid in descendants(serving.pid)]
    serving.send_signal(number)
    for one in family:
        assert select.select([one], [], [], 60)[0], "a process of the pool lives on"
        os.close(one)
    serving.wait(60)
    assert list(private.iterdir()) == []


@pytest.mark.parametrize("who", ["supervisors", "zygotes", "all but workers"])
def test_what_was_stopped_ends_with_the_program_too(serving, private, who):
    family = descendants(serving.pid)
    zygotes = {pid for pid in family if parent(pid) == serving.pid}
    supervisors = {pid for pid in family if parent(pid) in zygotes}
    assert zygotes
    assert supervisors
    with watched(family) as left:
        for pid in {"supervisors": supervisors, "zygotes": zygotes}.get(who, supervisors | zygotes):
            os.kill(pid, signal.SIGSTOP)
        serving.kill()
        assert left() == []
    assert not [path for path in private.iterdir() if path.name.startswith("qualytics-test-")]


def has_ended(pid):
    """Wait until a process has ended, whether or not somebody has asked for its status yet."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 60)[0])
    finally:
        os.close(descriptor)


def test_what_a_stopped_test_has_started_ends_at_its_deadline(pool, pool_driver, tmp_path):
    body = f"""{FIRST}
pids = [os.getppid(), subprocess.Popen(["sleep", "610"], start_new_session=True).pid]
if (child := os.fork()) == 0:
    os.setsid()
    time.sleep(620)
open(HERE + "/pids", "w").write(json.dumps([*pids, child]))
os.kill(os.getppid(), signal.SIGSTOP)
time.sleep(600)
"""
    plan = pool_driver(body)
    limit_s = deadlines.limit_after(lambda: pool.run(plan, "ann"))
    assert outcome(pool.run(replace(plan, timeout_s=limit_s), "ann"))[1] == "timeout"
    assert all(map(has_ended, json.loads((tmp_path / "pids").read_text())))
