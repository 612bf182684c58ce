"""Runs over many connections of an embedded store, against servers that behave badly."""

import contextlib
import socket
import sqlite3

import pytest

from qualytics.client.local import LocalClient
from qualytics.errors import Busy, InvalidInput, NotAllowed
from qualytics.service.connections.runs import Candidate, Run, Runs
from qualytics.service.connections.schedule import Entry
from qualytics.service.context import Context
from qualytics.service.rights import MEMBER, Actor
from qualytics.settings import Settings
from tests.support.gate import gate

pytestmark = pytest.mark.slow  # each test starts processes

SECRET = "geheim-geheim"


@pytest.fixture
def client(home):
    with LocalClient(Settings(home=home)) as found:
        yield found


def add(client, count, port=1, host="127.0.0.1", prefix="c", **more):
    for number in range(count):
        fields = {"type": "postgresql", "host": host, "port": port, "username": "u", "password": SECRET, **more}
        client.connections.create({**fields, "name": f"{prefix}{number}"})


def add_files(client, tmp_path, count):
    path = tmp_path / "sales.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("create table orders (id integer)")
    for number in range(count):
        client.connections.create({"type": "sqlite", "uri": str(path), "name": f"file{number}"})


def test_every_connection_gets_a_result_with_what_says_whose_it_is_first(client, tmp_path):
    add_files(client, tmp_path, 3)
    add(client, 2)
    with client.runs.start() as run:
        results = list(run)
    assert run.total == 5
    assert sorted((one["id"], one["name"], one["type"], one["class"]) for one in results) == [
        *((number, f"file{number - 1}", "sqlite", None) for number in (1, 2, 3)),
        *((number, f"c{number - 4}", "postgresql", "refused") for number in (4, 5)),
    ]
    assert all(list(one)[:4] == ["id", "name", "type", "connected"] for one in results)
    assert list(run.untested()) == []
    assert client.connections.get("file0")["product_name"] == "SQLite"  # as a test of one leaves it


def test_filters_choose_as_those_of_a_list(client, tmp_path):
    add_files(client, tmp_path, 2)
    add(client, 1)
    with client.runs.start("FILE1") as run:
        assert [one["name"] for one in run] == ["file1"]
    with client.runs.start(None, ["postgresql"]) as run:
        assert [one["name"] for one in run] == ["c0"]
    with client.runs.start("nothing like it") as run:
        assert (run.total, list(run)) == (0, [])


def test_one_server_sees_no_more_than_eight_at_once_of_a_hundred(client):
    with gate(100) as server:
        add(client, 100, server.port)
        running = []
        with client.runs.start(parallel=32, timeout_s=300) as run:
            classes = []
            for one in run:
                running.append(len(run.running()))
                classes.append(one["class"])
    assert classes == ["auth"] * 100
    assert server.most == 8
    assert max(running) <= 8


def test_two_names_of_one_server_share_its_limit(client):
    with gate(40) as server:
        add(client, 20, server.port)
        add(client, 20, server.port, host="localhost", prefix="named")
        with client.runs.start(parallel=32, timeout_s=300) as run:
            running = [(one["class"], len(run.running())) for one in run]
    assert [name for name, _ in running] == ["auth"] * 40
    assert max(count for _, count in running) <= 8  # with a limit for each name it would be more at the first result
    assert server.most == 8


def test_a_name_that_leads_nowhere_is_tested_by_itself(client):
    add(client, 1, host="nothing.invalid")
    with client.runs.start() as run:
        assert [one["class"] for one in run] == ["dns"]


def test_an_engine_that_hangs_holds_up_no_other(client, tmp_path):
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        add(client, 20, silent.getsockname()[1])
        add_files(client, tmp_path, 5)
        with client.runs.start(parallel=8, timeout_s=2) as run:
            results = [one["class"] for one in run]
    assert results[:5] == [None] * 5
    assert results[5:] == ["timeout"] * 20


def run_of(*names, test, **how):
    """Return a run whose tests are a function."""
    entries = [Entry(Candidate(number, name, "postgresql"), "e", name) for number, name in enumerate(names, start=1)]
    return Run(iter(entries), len(entries), test, **{"parallel": 4, "retry": False, "stop": lambda: None, **how})


def report(failure_class=None, *, retryable=None):
    stage = failure_class and "tcp"
    return {"connected": not stage, "stage": stage, "class": failure_class, "retryable": retryable, "warnings": ["w"]}


def test_what_may_pass_a_moment_later_is_tested_once_more_and_says_so():
    reports = {
        "passes": [report("refused", retryable=True), report()],
        "fails": [report("refused", retryable=True), report("timeout", retryable=True)],
        "wrong": [report("auth", retryable=False)],
        "good": [report()],
    }
    run = run_of(*reports, test=lambda candidate: reports[candidate.name].pop(0), retry=True)
    results = {one["name"]: one for one in run}
    assert reports == {"passes": [], "fails": [], "wrong": [], "good": []}
    assert {name: one["class"] for name, one in results.items()} == {
        "passes": None,
        "good": None,
        "fails": "timeout",
        "wrong": "auth",
    }
    assert results["passes"]["warnings"] == ["w", "passed at the second try; the first failed at tcp (refused)"]
    assert results["fails"]["warnings"] == ["w"]


def test_nothing_is_tested_twice_unless_asked_for():
    reports = [report("refused", retryable=True)]
    assert [one["class"] for one in run_of("a", test=lambda _: reports.pop(0))] == ["refused"]


def test_an_error_that_is_no_verdict_ends_the_run_and_what_it_began():
    ended = []

    def test(_candidate):
        raise Busy("the store is busy")

    with pytest.raises(Busy):
        list(run_of("a", test=test, stop=lambda: ended.append(True)))
    assert ended == [True]


def test_what_is_deleted_meanwhile_has_no_result(client, tmp_path):
    add_files(client, tmp_path, 3)
    with client.runs.start(parallel=1) as run:
        results = iter(run)
        first = next(results)
        with LocalClient(client._context.settings) as other:
            other.connections.delete("file2")
        assert [first["name"], *(one["name"] for one in results)] == ["file0", "file1"]


def test_leaving_early_ends_the_tests_and_says_which_have_no_result(client, tmp_path):
    add_files(client, tmp_path, 1)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        add(client, 9, silent.getsockname()[1])
        with client.runs.start(parallel=4, timeout_s=300) as run, contextlib.closing(iter(run)) as results:
            assert next(results)["name"] == "file0"
    assert sorted(run.untested()) == [f"c{number}" for number in range(9)]


def test_values_that_a_later_rule_refuses_fail_their_own_connection_alone(client, tmp_path, home):
    add_files(client, tmp_path, 1)
    client.connections.create({"type": "oracle", "host": "h", "parameters": {"service_name": "x"}, "name": "c0"})
    with contextlib.closing(sqlite3.connect(home / "store.db")) as store:
        store.execute("""update connections set parameters = '{"service_name": "x)(y"}' where name = 'c0'""")
        store.commit()
    with client.runs.start() as run:
        results = {one["name"]: one for one in run}
    assert results["file0"]["connected"]
    assert (results["c0"]["class"], results["c0"]["stage"]) == ("config", "resolve")


@pytest.mark.parametrize("parallel", [0, 129])
def test_numbers_out_of_range_are_refused(client, parallel):
    with pytest.raises(InvalidInput, match="parallel must be from 1 to 128"):
        client.runs.start(parallel=parallel)


def test_a_time_limit_out_of_range_is_refused(client):
    with pytest.raises(InvalidInput, match="timeout must be more than 0"):
        client.runs.start(timeout_s=0)


def test_who_may_not_test_begins_no_run(home):
    with Context(Settings(home=home), actor=Actor("eve", MEMBER)) as context, pytest.raises(NotAllowed):
        Runs(context).start()
