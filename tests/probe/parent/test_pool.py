"""The pool: tests of many at once, forked from zygotes; whatever a driver does, the others do not notice."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qualytics import connectors, probe
from qualytics.errors import TooMany
from qualytics.probe.egress import Policy
from qualytics.probe.parent.pool import Pool
from qualytics.secret import Secret
from tests.probe.child.test_faults import plan_for
from tests.probe.parent.test_hanging import descendants, holds, readable
from tests.support import faults
from tests.support.processes import parent, watched
from tests.support.trial import outcome

pytestmark = pytest.mark.slow  # each test starts processes

HERE = Policy(("127.0.0.0/8", "::1"))
KEY, CANARY = b"key-of-the-store-0d4c", "canary-77e1ac"


@pytest.fixture
def private(tmp_path, monkeypatch):
    """Return the directory in which all private directories are made."""
    place = tmp_path / "private"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


@pytest.fixture
def pool(private):
    """Return a pool that must leave nothing behind."""
    before = descendants(os.getpid())
    with Pool(8, 100) as found:
        yield found
    assert list(private.iterdir()) == []
    assert descendants(os.getpid()) <= before


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Return a function that writes a driver of our own, and returns the plan of a test by it."""
    place = tmp_path / "drivers"
    place.mkdir()
    monkeypatch.syspath_prepend(place)
    database = tmp_path / "a.duckdb"
    database.write_bytes(bytes(8) + b"DUCK" + bytes(100))  # as a DuckDB file begins

    def write(body, at_import="", timeout_s=20.0):
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        head = "import ctypes, json, os, signal, subprocess, sys, tempfile, threading, time"
        text = f"{head}\nHERE = {str(tmp_path)!r}\n{at_import}\ndef connect(*_, **__):\n{lines}\n"
        (place / "duckdb.py").write_text(text)
        return probe.Plan("duckdb", {"uri": str(database)}, {}, timeout_s, policy=HERE)

    return write


def server_plan(type_, port, timeout_s=20.0, policy=HERE, password="a password", **parameters):
    values = {"host": "127.0.0.1", "port": port, "username": "somebody", "parameters": parameters}
    return probe.Plan(type_, values, {"password": Secret(password)}, timeout_s, policy=policy)


def told(report):
    """Return what a driver raised as a JSON text."""
    return json.loads(report.failure.detail.removeprefix("ValueError: "))


WHO = "raise ValueError(json.dumps([os.getpid(), IMPORTED_BY, os.nice(0), os.getppid()]))"
# What a child of a pool has: its parent's niceness and the pool's own, as far as the system goes.
NICENESS = min(os.nice(0) + 10, 19)
IMPORTED = "IMPORTED_BY = os.getpid()"


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
    for number, report in enumerate(reports):
        if number % 3 == 1:  # a PostgreSQL without the extension
            assert outcome(report) in {None, ("query", "config"), ("query", "unknown_db")}, report.failure
        else:
            assert outcome(report) is None, report.failure
            assert report.tls["verified"]


def test_a_driver_is_imported_once_for_all_its_tests(pool, driver):
    plan = driver(WHO, IMPORTED)
    found = [told(pool.run(plan, "ann")) for _ in range(3)]
    assert len({child for child, *_ in found}) == 3
    assert len({imported for _, imported, *_ in found}) == 1
    assert {niceness for *_, niceness, _ in found} == {NICENESS}
    assert all(imported != child for child, imported, *_ in found)


def test_a_driver_that_is_not_to_be_forked_is_imported_by_each_test(pool):
    assert not connectors.get("jdbc").forks
    with faults.closed() as port:
        for type_ in (connector.type for connector in connectors.all_connectors() if not connector.forks):
            assert connectors.get(type_).kind != "embedded"
        report = pool.run(server_plan("teradata", port), "ann")
    assert outcome(report) == ("tcp", "refused")


@pytest.mark.parametrize(
    "at_import",
    [
        "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
        "if 'IS_TEMPLATE': raise_once()",
        "os.abort() if os.environ['HOME'].rpartition('/')[2].startswith('qualytics-zygote') else None",
        "os._exit(0) if os.environ['HOME'].rpartition('/')[2].startswith('qualytics-zygote') else None",
        "1 / 0 if os.environ['HOME'].rpartition('/')[2].startswith('qualytics-zygote') else None",
    ],
    ids=["thread", "name", "abort", "exit", "error"],
)
def test_a_driver_whose_import_cannot_be_shared_is_tested_all_the_same(pool, driver, at_import):
    plan = driver(WHO, f"raise_once = lambda: None\n{at_import}\n{IMPORTED}")
    for _ in range(2):
        report = pool.run(plan, "ann")
        child, imported, niceness, _ = told(report)
        assert (child == imported) is ("raise_once" not in at_import)
        assert niceness == NICENESS


def test_a_thread_that_an_import_needs_for_a_moment_does_no_harm(pool, driver):
    plan = driver(WHO, f"threading.Thread(target=time.sleep, args=(0.05,)).start()\n{IMPORTED}")
    child, imported, *_ = told(pool.run(plan, "ann"))
    assert child != imported


def test_a_zygote_that_crashed_is_started_again(pool, driver):
    plan = driver(WHO, IMPORTED)
    first = told(pool.run(plan, "ann"))[1]
    process = os.pidfd_open(first)
    os.kill(first, signal.SIGKILL)
    assert select.select([process], [], [], 10)[0]
    os.close(process)
    child, second, *_ = told(pool.run(plan, "ann"))
    assert second not in {first, child}


def test_a_test_outlasts_the_zygote_that_it_came_from(pool, driver, tmp_path):
    body = """
os.mkfifo(HERE + "/told")
with open(HERE + "/started", "w") as out: out.write(str(IMPORTED_BY))
open(HERE + "/told").read()
raise ValueError("told")
"""
    plan = driver(body, IMPORTED)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(pool.run, plan, "ann")
        while not (tmp_path / "started").exists() or not (tmp_path / "started").read_text():
            assert not running.done(), running.result().failure
        os.kill(int((tmp_path / "started").read_text()), signal.SIGKILL)
        (tmp_path / "told").write_text("")
        assert running.result(20).failure.detail == "ValueError: told"


def test_the_zygote_used_longest_ago_makes_room(private):
    with faults.closed() as port, Pool(4, 10, max_zygotes=2) as pool:
        for type_ in ("postgresql", "mysql", "trino", "presto", "postgresql", "mysql"):
            assert outcome(pool.run(server_plan(type_, port), "ann")) == ("tcp", "refused")
            drivers = [key for key in pool._zygotes._zygotes if key]
            assert len(drivers) <= 2
        assert drivers == ["psycopg", "pymysql"]
    assert list(private.iterdir()) == []


@pytest.mark.parametrize(
    ("body", "ending"),
    [
        ("ctypes.string_at(0)", "the driver crashed (SIGSEGV)"),
        ("os._exit(3)", "the driver crashed (exit 3)"),
        ("raise SystemExit(4)", "the driver crashed (exit 1)"),
        ("os.closerange(0, 256)", "the driver crashed (exit 1)"),
        ("os.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(60)", "the driver crashed (killed)"),
        (
            "while True:\n for n in range(3, 32):\n  try: os.write(n, b'x' * 4096)\n  except OSError: pass",
            "the driver wrote more",
        ),
        ("raise ValueError(len(bytearray(3 << 30)))", "the test ran out of memory"),
        ("open('big', 'wb').truncate(1 << 30)", "the server answered with an error"),
    ],
)
def test_a_driver_that_crashes_is_an_internal_failure_and_the_next_test_is_well(pool, driver, body, ending):
    plan = driver(
        f"if os.path.exists(HERE + '/well'): raise ValueError('well')\nopen(HERE + '/well', 'w').close()\n{body}"
    )
    assert pool.run(plan, "ann").failure.message.startswith(ending)
    assert pool.run(plan, "ann").failure.detail == "ValueError: well"


@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        "time.sleep(60)",
        "os.kill(os.getpid(), signal.SIGSTOP)",
        "for one in range(1, 65):\n try: signal.signal(one, signal.SIG_IGN)\n except OSError: pass\ntime.sleep(60)",
        "os.closerange(0, 256)\ntime.sleep(60)",
        "os.kill(os.getppid(), signal.SIGSTOP)\ntime.sleep(60)",
    ],
)
def test_a_driver_that_hangs_ends_at_the_deadline(pool, driver, body):
    plan = driver(body, timeout_s=1.5)
    pool.run(driver("pass"), "ann")  # the zygote stands
    driver(body)
    began = time.monotonic()
    assert outcome(pool.run(plan, "ann"))[1] in {"timeout", "unknown"}
    assert time.monotonic() - began <= 2.5


def test_a_hanging_test_delays_no_other(pool, driver, tmp_path):
    hanging = driver("time.sleep(60)", timeout_s=15.0)
    done = threading.Event()
    with faults.silent() as silent, faults.closed() as closed, ThreadPoolExecutor(5) as threads:
        reports = [threads.submit(pool.run, hanging, "ann") for _ in range(2)]
        reports += [threads.submit(pool.run, server_plan("postgresql", silent, 15.0), "ann") for _ in range(3)]
        for _ in range(4):
            assert outcome(pool.run(server_plan("postgresql", closed), "bob")) == ("tcp", "refused")
        assert not any(report.done() for report in reports)
        done.set()
        pool.close_early = True
        for report in reports:
            assert outcome(report.result(30))[1] == "timeout"


def test_the_childs_surroundings_are_clean_and_its_own(pool, driver, monkeypatch):
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
    plan = driver(body, "HOME_THEN = tempfile.gettempdir()\nopen(HOME_THEN + '/left', 'w').close()")
    seen = set()
    for _ in range(2):
        environment, directory, files, mode, temporary, then, is_there, has_socket, has_inode = told(
            pool.run(plan, "ann")
        )
        assert CANARY not in json.dumps(environment)
        assert environment.keys() == {"PATH", "LANG", "HOME", "TMPDIR", "SSL_CERT_FILE"}
        assert environment["HOME"] == environment["TMPDIR"] == directory == temporary
        assert (files, mode) == ([], "0o700")
        assert then != directory
        assert not is_there  # what an import knew as its home is gone
        assert not has_socket
        assert not has_inode
        seen.add(directory)
    assert len(seen) == 2


@pytest.mark.parametrize("last", ["raise ValueError('bred')", "os._exit(5)", "time.sleep(60)"])
def test_nothing_that_a_driver_starts_outlives_the_test(pool, driver, tmp_path, last):
    body = """
for leave in (False, True):
    if os.fork() == 0:
        if leave: os.setsid()
        if os.fork() == 0: time.sleep(60)
        os._exit(0)
subprocess.Popen(["sleep", "61"], start_new_session=True)
"""
    pool.run(driver("pass"), "ann")
    before = descendants(os.getpid())
    pool.run(driver(body + last, timeout_s=3.0), "ann")
    assert descendants(os.getpid()) <= before


def test_the_policy_holds_in_the_pool(pool, driver):
    with faults.silent() as port:
        assert outcome(pool.run(server_plan("postgresql", port, policy=Policy()), "ann")) == ("resolve", "blocked")
    body = "from socket import create_connection\ncreate_connection(('127.0.0.1', 9))"
    plan = driver(body)
    blocked = probe.Plan(plan.type, plan.values, {}, 20.0, policy=Policy())
    assert outcome(pool.run(blocked, "ann")) == ("open", "blocked")
    assert outcome(pool.run(plan, "ann")) == ("open", "refused")  # one test's policy is not another's


def test_a_name_that_a_driver_took_of_a_look_up_at_its_import_is_guarded_as_well(pool, driver):
    plan = driver("look_up('localhost', 9)", "from socket import getaddrinfo as look_up")
    blocked = probe.Plan(plan.type, plan.values, {}, 20.0, policy=Policy())
    assert outcome(pool.run(blocked, "ann")) == ("open", "blocked")


def test_too_many_are_sent_away_and_the_rest_are_served(private, driver, tmp_path):
    os.mkfifo(tmp_path / "go")
    plan = driver("open(HERE + '/started', 'a').close()\nopen(HERE + '/go').read()\nraise ValueError('gone')")
    with Pool(1, 0) as pool, ThreadPoolExecutor(1) as threads:
        running = threads.submit(pool.run, plan, "ann")
        while not (tmp_path / "started").exists():
            assert not running.done()
        with pytest.raises(TooMany):
            pool.run(plan, "bob")
        (tmp_path / "go").write_text("")
        assert running.result(20).failure.detail == "ValueError: gone"


@pytest.mark.parametrize("where", ["connect", "import"])
def test_closing_ends_what_runs(private, driver, tmp_path, where):
    hang = f"open({str(tmp_path)!r} + '/started', 'w').close()\ntime.sleep(600)"
    plan = driver(hang, timeout_s=120.0) if where == "connect" else driver("pass", hang, timeout_s=120.0)
    before = descendants(os.getpid())
    pool = Pool(2, 2)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(pool.run, plan, "ann")
        while not (tmp_path / "started").exists():
            assert not running.done(), running.result().failure
        began = time.monotonic()
        pool.close()
        report = running.result(5)
        assert time.monotonic() - began < 5
    assert outcome(report)[1] in {"transient", "internal"}
    assert list(private.iterdir()) == []
    assert descendants(os.getpid()) <= before


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
    plan = probe.Plan(type_, values, {"password": Secret("CANARY")}, 100.0, policy=Policy(("127.0.0.0/8",)))
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
        assert select.select([one], [], [], 10)[0], "a process of the pool lives on"
        os.close(one)
    serving.wait(10)
    assert list(private.iterdir()) == []


FORKED = [
    connector.type for connector in connectors.all_connectors() if connector.forks and connector.kind != "embedded"
]
FAULTS = {"closed": faults.closed, "closing": faults.closing, "http": faults.garbage}


@pytest.fixture(scope="module")
def shared():
    with Pool(4, 100, max_zygotes=32) as pool:
        yield pool


@pytest.mark.parametrize("type_", FORKED)
def test_a_forked_driver_does_what_one_in_a_fresh_interpreter_does(shared, private, type_):
    connector = connectors.get(type_)
    for fault in FAULTS.values():
        with fault() as port:
            plan = plan_for(type_, "127.0.0.1", port, 20.0)
            reports = shared.run(plan, "ann"), probe.run(plan)
        assert outcome(reports[0]) == outcome(reports[1])
        assert [stage.name for stage in reports[0].stages] == [stage.name for stage in reports[1].stages]
    assert connector.driver not in shared._zygotes._unfit
    assert list(private.glob("qualytics-test-*")) == []


def test_no_driver_leaves_anything_where_it_was_imported(private):
    with faults.closing() as port, Pool(4, 100, max_zygotes=32) as pool:
        for type_ in FORKED:
            pool.run(plan_for(type_, "127.0.0.1", port, 20.0), "ann")
            assert list(private.iterdir()) == [], type_


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
        return bool(select.select([descriptor], [], [], 10)[0])
    finally:
        os.close(descriptor)


def test_what_a_stopped_test_has_started_ends_at_its_deadline(pool, driver, tmp_path):
    body = """
pids = [os.getppid(), subprocess.Popen(["sleep", "61"], start_new_session=True).pid]
if (child := os.fork()) == 0:
    os.setsid()
    time.sleep(62)
open(HERE + "/pids", "w").write(json.dumps([*pids, child]))
os.kill(os.getppid(), signal.SIGSTOP)
time.sleep(60)
"""
    assert outcome(pool.run(driver(body, timeout_s=3.0), "ann"))[1] == "timeout"
    assert all(map(has_ended, json.loads((tmp_path / "pids").read_text())))
