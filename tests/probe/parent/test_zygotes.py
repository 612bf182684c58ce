"""Zygotes: a driver is imported once and forked for each test, unless that does harm."""

from __future__ import annotations

import os
import select
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from qualytics import connectors, probe
from qualytics.probe.egress import Policy
from qualytics.probe.parent.pool import Pool
from tests.probe.child.test_stages import plan_for
from tests.support import faults
from tests.support.pooled import IMPORTED, NICENESS, WHO, server_plan, told
from tests.support.processes import descendants
from tests.support.trial import outcome

pytestmark = pytest.mark.slow  # each test starts processes


def test_a_driver_is_imported_once_for_all_its_tests(pool, pool_driver):
    plan = pool_driver(WHO, IMPORTED)
    found = [told(pool.run(plan, "ann")) for _ in range(3)]
    assert len({child for child, *_ in found}) == 3
    assert len({imported for _, imported, *_ in found}) == 1
    assert {niceness for *_, niceness, _ in found} == {NICENESS}
    assert all(imported != child for child, imported, *_ in found)


def test_a_driver_that_was_asked_for_ahead_is_imported_when_its_test_begins(pool, pool_driver):
    plan = pool_driver(WHO, IMPORTED)
    before = descendants(os.getpid())
    pool.prepare(plan.type)
    made = descendants(os.getpid()) - before
    pool.prepare(plan.type)
    assert told(pool.run(plan, "ann"))[1] in made


def test_what_a_failed_test_needs_is_there_before_it_is_forked(pool, pool_driver):
    needed = {"probe.child.second_look", "probe.verdicts.stack_traces", "connectors.types.oracle"}
    needed = {f"qualytics.{name}" for name in needed}
    patterns = "from qualytics.connectors.contract import _ignoring_case as patterns"
    words = f"raise ValueError(json.dumps([sorted({needed!r} & set(sys.modules)), patterns.cache_info().currsize]))"
    modules, compiled = told(pool.run(pool_driver(f"{patterns}\n{words}"), "ann"))
    assert set(modules) == needed
    assert compiled > 0


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
        "if 'IS_ZYGOTE': raise_once()",
        "os.abort() if os.environ['HOME'].rpartition('/')[2].startswith('qualytics-zygote') else None",
        "os._exit(0) if os.environ['HOME'].rpartition('/')[2].startswith('qualytics-zygote') else None",
        "1 / 0 if os.environ['HOME'].rpartition('/')[2].startswith('qualytics-zygote') else None",
    ],
    ids=["thread", "name", "abort", "exit", "error"],
)
def test_a_driver_whose_import_cannot_be_shared_is_tested_all_the_same(pool, pool_driver, at_import):
    plan = pool_driver(WHO, f"raise_once = lambda: None\n{at_import}\n{IMPORTED}")
    for _ in range(2):
        report = pool.run(plan, "ann")
        child, imported, niceness, _ = told(report)
        assert (child == imported) is ("raise_once" not in at_import)
        assert niceness == NICENESS


def test_a_thread_that_an_import_needs_for_a_moment_does_no_harm(pool, pool_driver):
    plan = pool_driver(WHO, f"threading.Thread(target=time.sleep, args=(0.05,)).start()\n{IMPORTED}")
    child, imported, *_ = told(pool.run(plan, "ann"))
    assert child != imported


def test_a_zygote_that_crashed_is_started_again(pool, pool_driver):
    plan = pool_driver(WHO, IMPORTED)
    first = told(pool.run(plan, "ann"))[1]
    process = os.pidfd_open(first)
    os.kill(first, signal.SIGKILL)
    assert select.select([process], [], [], 60)[0]
    os.close(process)
    child, second, *_ = told(pool.run(plan, "ann"))
    assert second not in {first, child}


def test_a_test_outlasts_the_zygote_that_it_came_from(pool, pool_driver, started, tmp_path):
    os.mkfifo(tmp_path / "go")
    body = """
with open(HERE + "/started", "w") as out: out.write(str(IMPORTED_BY))
open(HERE + "/go").read()
raise ValueError("gone")
"""
    plan = pool_driver(body, IMPORTED)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(pool.run, plan, "ann")
        os.kill(int(started.wait()), signal.SIGKILL)
        (tmp_path / "go").write_text("")
        assert running.result(60).failure.detail == "ValueError: gone"


def test_the_zygote_used_longest_ago_makes_room(private):
    with faults.closed() as port, Pool(4, 10, max_zygotes=2) as pool:
        for type_ in ("postgresql", "mysql", "trino", "presto", "postgresql", "mysql"):
            assert outcome(pool.run(server_plan(type_, port), "ann")) == ("tcp", "refused")
            drivers = [key for key in pool._zygotes._zygotes if key]
            assert len(drivers) <= 2
        assert drivers == ["psycopg", "pymysql"]
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


def test_a_name_that_a_driver_took_of_a_look_up_at_its_import_is_guarded_as_well(pool, pool_driver):
    plan = pool_driver("look_up('localhost', 9)", "from socket import getaddrinfo as look_up")
    blocked = probe.Plan(plan.type, plan.values, {}, 20.0, policy=Policy())
    assert outcome(pool.run(blocked, "ann")) == ("open", "blocked")
