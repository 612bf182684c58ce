"""A reader: what it hands on, what it holds, and what it leaves behind."""

import contextlib
import gc
import itertools
import os
import signal
import sqlite3
import stat
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest

from qualytics import connectors, errors
from qualytics.client.local import LocalClient
from qualytics.errors import Conflict, InvalidInput, NotWhole, ReadFailed
from qualytics.model import Scope
from qualytics.service.connections import reads
from qualytics.settings import Settings
from qualytics.structs import replace
from testbed import servers

SALES = Scope("sales")
LOCK = 4711
# Without an end, and nowhere held whole; its session holds a lock.
MANY = f"select generate_series(1, 1000000000) as n, repeat('x', 1000) as s from (select pg_advisory_lock({LOCK})) l"
# Each time that it runs in a session it has one row more.
GROWS = (
    "select * from generate_series(1, set_config('q.n', "
    "(coalesce(nullif(current_setting('q.n', true), ''), '0')::int + 1)::text, false)::int) n"
)


def test_others_take_it_as_an_arrow_stream(on_server):
    with on_server.connections.read(1, SALES, sql="select n from generate_series(1, 2500) n") as reader:
        table = pa.table(reader)
        assert (table.num_rows, reader.receipt["rows"], reader.receipt["batches"]) == (2500, 2500, 3)
        assert (reader.receipt["fetch_size"], reader.receipt["parallel"]) == (1000, 1)


def test_tuning_is_that_of_the_connection_unless_it_is_given(on_server):
    on_server.connections.update(1, {"jdbc_fetch_size": 700, "max_parallelization": 100})
    sql = "select n from generate_series(1, 1500) n"
    with on_server.connections.read(1, SALES, sql=sql) as reader:
        assert [batch.num_rows for batch in reader] == [700, 700, 100]
    with on_server.connections.read(1, SALES, sql=sql, fetch_size=1500) as reader:
        assert [batch.num_rows for batch in reader] == [1500]


def test_who_takes_no_more_stops_the_source_and_leaves_no_session(on_server, postgres_server):
    with on_server.connections.read(1, SALES, sql=MANY, fetch_size=100) as reader:
        batches = iter(reader)
        assert next(batches).num_rows == 100
        with pytest.raises(ReadFailed, match="no receipt before the last batch"):
            _ = reader.receipt
    with closing(servers.postgres_admin(postgres_server, "sales")) as admin:
        admin.execute("set statement_timeout = '60s'")
        admin.execute(f"select pg_advisory_lock({LOCK})")  # waits for the end of the session that held it
    with pytest.raises(ReadFailed, match="was closed before its end"):
        list(batches)


def test_a_query_that_sends_nothing_ends_with_its_reader(on_server, postgres_server):
    hours = "generate_series(1, 1000000) a, generate_series(1, 1000000) b"
    silent = f"select count(*) as n from {hours}, (select pg_advisory_lock({LOCK + 1})) l"
    with closing(servers.postgres_admin(postgres_server, "sales")) as admin:
        locked = f"select count(*) from pg_locks where locktype = 'advisory' and objid = {LOCK + 1} and granted"
        until = time.monotonic() + 60
        with on_server.connections.read(1, SALES, sql=silent):
            while admin.execute(locked).fetchone() == (0,):
                assert time.monotonic() < until
                time.sleep(0.02)
        admin.execute("set statement_timeout = '60s'")
        admin.execute(f"select pg_advisory_lock({LOCK + 1})")


def test_batches_come_once(on_server):
    with on_server.connections.read(1, SALES, sql="select n from generate_series(1, 2500) n") as reader:
        assert sum(batch.num_rows for batch in itertools.islice(reader, 1)) == 1000
        assert sum(batch.num_rows for batch in reader) == 1500
        for again in (list, pa.table):
            with pytest.raises(ReadFailed, match="all batches of this read were taken"):
                again(reader)
        assert reader.receipt["rows"] == 2500


def test_a_reader_that_nobody_holds_leaves_no_session_and_no_descriptor(on_server, postgres_server):
    for _ in range(2):
        taken = on_server.connections.read(1, SALES, sql="select 1 as n")
        before = len(os.listdir("/dev/fd"))
        assert pa.table(taken).num_rows == 1
    # What a read had opened is closed while its reader is there.
    assert len(os.listdir("/dev/fd")) < before
    before = len(os.listdir("/dev/fd"))
    reader = on_server.connections.read(1, SALES, sql=MANY, fetch_size=100)
    stream = pa.RecordBatchReader.from_stream(reader)
    assert stream.read_next_batch().num_rows == 100
    del reader, stream
    gc.collect()
    with closing(servers.postgres_admin(postgres_server, "sales")) as admin:
        admin.execute("set statement_timeout = '60s'")
        admin.execute(f"select pg_advisory_lock({LOCK})")  # waits for the end of the session that held it
    until = time.monotonic() + 60
    while len(os.listdir("/dev/fd")) > before:
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of threads beside a fork
def test_a_fork_that_closes_or_drops_a_reader_does_not_end_the_read(on_server):
    sql = "select n, repeat('x', 1000) as s from generate_series(1, 20000) n"
    with on_server.connections.read(1, SALES, sql=sql, fetch_size=100) as reader:
        batches = iter(reader)
        assert next(batches).num_rows == 100
        if (child := os.fork()) == 0:
            try:
                reader.close()
                reader._sessions.abandon()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert sum(batch.num_rows for batch in batches) == 19_900


@pytest.mark.slow
def test_more_is_sorted_than_memory_holds(client, tmp_path):
    with closing(sqlite3.connect(tmp_path / "empty.sqlite")) as database:
        database.execute("create table t (n)")
    client.connections.create({"type": "sqlite", "name": "sorting", "uri": str(tmp_path / "empty.sqlite")})
    sql = (
        "with n(i) as (select 1 union all select i + 1 from n where i < 70000) "
        "select i, hex(zeroblob(500)) as s from n order by s, i desc"
    )
    with client.connections.read("sorting", sql=sql, fetch_size=10_000) as reader:
        found = [n for batch in reader for n in batch.column(0).to_pylist()]
    assert found == list(range(70_000, 0, -1))


def test_reads_at_once_and_one_after_the_other_leave_nothing(on_server, home):
    sql, ended = "select n from generate_series(1, 3000) n", []

    def read(number):
        with LocalClient(Settings(home=home)) as client:
            with contextlib.suppress(ZeroDivisionError), client.connections.read(1, SALES, sql=sql) as reader:
                for _ in reader:
                    _ = 1 // (1 - number % 2)  # whoever takes them may fail
            opened = client.connections.open(1, "sales")
            opened.close()
            opened.close()
        ended.append(number)

    def is_pipe(descriptor):
        with contextlib.suppress(OSError):  # the one of the folder itself
            mode = os.fstat(descriptor).st_mode
            return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
        return False

    def left():  # but for the store, which SQLite keeps open for as long as somebody in the process holds it
        pipes = sum(is_pipe(int(name)) for name in os.listdir("/dev/fd"))
        return pipes, threading.active_count(), len(children_of(os.getpid()))

    read(0)
    before = left()
    threads = [threading.Thread(target=read, args=(number,)) for number in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended) == list(range(7))
    assert left() == before


def test_a_count_that_differs_is_told(on_server):
    told = pytest.raises(NotWhole, match="rows were read, and the engine counts")
    with on_server.connections.read(1, SALES, sql=GROWS, verify=True) as reader, told as found:
        list(reader)
    assert found.value.exit_code == 8
    assert found.value.receipt["verified"]["ok"] is False


def test_partitions_come_one_after_the_other_where_that_is_asked(on_server, postgres_server):
    with closing(servers.postgres_admin(postgres_server, "sales")) as admin:
        admin.execute("create table in_order as select n, repeat('x', 400) as s from generate_series(1, 12000) n")
    # The first range is the last that is read.
    slow = "case when n = 1 then pg_sleep(1) is not null else true end"
    options = {"table": "in_order", "where": slow, "parallel": 3, "fetch_size": 200, "columns": ["n"]}
    with on_server.connections.read(1, Scope("sales", "public"), ordered=True, **options) as reader:
        found = [n for batch in reader for n in batch.column(0).to_pylist()]
        assert len(reader.receipt["partitions"]) > 3
    assert found == list(range(1, 12001))


def test_a_child_that_dies_in_the_middle_fails_the_read(on_server):
    before = set(children_of(os.getpid()))
    with on_server.connections.read(1, SALES, sql=MANY, fetch_size=100) as reader:
        batches = iter(reader)
        next(batches)
        (supervisor,) = set(children_of(os.getpid())) - before
        (worker,) = children_of(supervisor)
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(ReadFailed, match="in partition 0"):
            list(batches)


def test_one_of_several_children_that_dies_fails_the_read(on_server, postgres_server):
    with closing(servers.postgres_admin(postgres_server, "sales")) as admin:
        admin.execute("create table to_die as select n, repeat('x', 400) as s from generate_series(1, 12000) n")
    before = set(children_of(os.getpid()))
    options = {"table": "to_die", "where": "pg_sleep(0.001) is not null", "parallel": 3, "fetch_size": 10}
    with on_server.connections.read(1, Scope("sales", "public"), **options) as reader:
        batches = iter(reader)
        while any(child.partition is None for child in reader._sessions._children):
            next(batches)
        supervisors = set(children_of(os.getpid())) - before
        assert len(supervisors) == 3
        (worker,) = children_of(supervisors.pop())
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(ReadFailed, match=r"in partition \d"):
            list(batches)


def children_of(pid):
    own = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError):  # a thread that has ended meanwhile
            own += Path(f"/proc/{pid}/task/{task}/children").read_text().split()
    return {int(one) for one in own}


def test_a_time_limit_ends_a_read(on_server):
    read = on_server.connections.read
    # On a slow machine the limit comes before the first row is asked for.
    with pytest.raises(ReadFailed) as failed, read(1, SALES, sql="select pg_sleep(600)", limit_s=1.0) as reader:
        list(reader)
    assert failed.value.report["class"] == "timeout"
    assert str(failed.value).endswith(": it took longer than 1 s")


def test_a_login_that_fails_is_a_failed_test(on_server):
    on_server.connections.update(1, {"password": "another"})
    with pytest.raises(errors.TestFailed) as failed:
        on_server.connections.read(1, SALES, sql="select 1")
    assert (failed.value.exit_code, failed.value.report["class"]) == (6, "auth")


@pytest.mark.parametrize(
    ("options", "loc"),
    [
        ({}, "table"),
        ({"table": "t", "sql": "select 1"}, "table"),
        ({"sql": "select 1", "where": "true"}, "sql"),
        ({"table": "t", "fetch_size": 0}, "fetch_size"),
        ({"table": "t", "parallel": 101}, "parallel"),
        ({"table": "t", "limit_s": 0}, "limit_s"),
        ({"table": "t", "limit_s": "1"}, "limit_s"),
        ({"table": "t", "special": "zero"}, "special"),
        ({"table": "t", "speed": 1}, "speed"),
        ({"table": " "}, "table"),
        ({"table": "t", "columns": "id"}, "columns"),
        ({"table": "t", "where": "a = 1) or (b = 2"}, "where"),
        ({"table": "t", "where": "a = ')' --)\nand (b = 2"}, "where"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_opened(client, options, loc):
    client.connections.create({"type": "postgresql", "name": "pg", "host": "db.example.com", "username": "u"})
    with pytest.raises(InvalidInput) as refused:
        client.connections.read(1, **options)
    assert [problem.loc for problem in refused.value.problems] == [loc]


def test_a_place_that_is_no_scope_is_told_what_it_must_be(client):
    client.connections.create({"type": "postgresql", "name": "pg", "host": "db.example.com", "username": "u"})
    for place, options in (("sales", {}), (Scope(), {"database": "sales"})):
        with pytest.raises(InvalidInput) as refused:
            client.connections.read(1, place, table="t", **options)
        assert "qualytics.Scope(" in refused.value.hint


def test_a_type_that_cannot_be_read_is_told():
    unread = replace(connectors.get("postgresql"), type="unread", reads=None)
    with pytest.raises(Conflict, match="tables of unread cannot be read yet") as refused:
        reads._require_readable(unread)
    assert "postgresql" in refused.value.hint


def test_many_sessions_are_in_time_where_each_takes_long_to_start(client, tmp_path, monkeypatch):
    with closing(sqlite3.connect(tmp_path / "many.db")) as database:
        database.execute("create table t (n integer primary key)")
        database.executemany("insert into t values (?)", ((number,) for number in range(1, 1401)))
        database.commit()
    client.connections.create({"type": "sqlite", "name": "many", "uri": str(tmp_path / "many.db")})
    slow = tmp_path / "python"
    slow.write_text(f'#!/bin/sh\nexec 9>{tmp_path}/lock; flock 9; sleep 1; exec 9>&-; exec {sys.executable} "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow))  # as where one processor starts all of them
    with client.connections.read(1, table="t", parallel=12, partition_column="n") as reader:
        assert sum(batch.num_rows for batch in reader) == 1400
        assert reader.receipt["parallel"] == 12
