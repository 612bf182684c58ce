"""Tables that are emptied, rewritten or replaced while a read begins: no snapshot keeps their rows from that."""

import threading
import time
from contextlib import closing

import pyarrow as pa
import pytest

from qualytics.connectors.contract import Refusal, Target
from qualytics.connectors.reading import Query
from qualytics.connectors.reads.postgresql import begin
from qualytics.model import Scope
from testbed import servers

pytestmark = pytest.mark.servers

WAITING = "select count(*) from pg_locks where not granted"


@pytest.fixture
def connect(postgres_server):
    """Return a function that opens a session on the database `sales`, to be closed by whoever asked."""
    return lambda: closing(servers.postgres_admin(postgres_server, "sales"))


@pytest.fixture
def table(connect):
    """Make a table of 20,000 rows in many blocks."""
    with connect() as admin:
        admin.execute("drop table if exists replaced")
        admin.execute("create table replaced as select n, repeat('x', 300) as s from generate_series(1, 20000) n")
        yield "replaced"
        admin.execute("drop table replaced")


def wait_until(is_so):
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("change", "parallel"),
    [
        ("truncate replaced; insert into replaced select n, 'new' from generate_series(1, 70) n", 1),
        ("delete from replaced where n > 70; alter table replaced alter column n type bigint", 3),
        ("drop table replaced; create table replaced as select n, 'new' as s from generate_series(1, 70) n", 1),
    ],
    ids=["filled anew", "rewritten", "made anew"],
)
def test_what_takes_a_table_s_place_while_a_read_waits_for_it_is_read(on_server, connect, table, change, parallel):
    with connect() as writer, connect() as admin:

        def commit():
            wait_until(lambda: admin.execute(WAITING).fetchone()[0])
            writer.execute("commit")

        writer.execute("begin")
        writer.execute(change)
        committing = threading.Thread(target=commit)
        committing.start()
        with on_server.connections.read(1, Scope("sales", "public"), table=table, parallel=parallel) as reader:
            found = pa.table(reader)
        committing.join()
    assert sorted(found.column("n").to_pylist()) == list(range(1, 71))


def test_a_session_takes_no_partition_before_it_holds_the_table(connect, table):
    target = Target(type="postgresql", parameters={}, timeout_s=60.0, directory="", schema="public")
    query = Query(table=table, parallel=2)
    has_begun = threading.Event()
    with connect() as one, connect() as other, connect() as writer, connect() as admin:
        first = begin(one, target, query, None, None)

        def join():
            begin(other, target, query, first.snapshot.id, first.schema)
            has_begun.set()

        emptying = threading.Thread(target=writer.execute, args=(f"truncate {table}",))
        joining = threading.Thread(target=join)
        emptying.start()
        try:
            wait_until(lambda: admin.execute(WAITING).fetchone()[0] == 1)
            joining.start()
            wait_until(lambda: has_begun.is_set() or admin.execute(WAITING).fetchone()[0] == 2)
            assert not has_begun.is_set()
            assert sum(batch.num_rows for part in first.partitions() for batch in first.batches(part)) == 20_000
        finally:
            one.execute("rollback")
            emptying.join()
            joining.join()


@pytest.fixture
def divided(connect):
    """Make a table of two partitions, and a table that may become the third."""
    with connect() as admin:
        admin.execute("drop table if exists divided, third")
        admin.execute("create table divided (n int, s text) partition by range (n)")
        for number, (low, high) in enumerate([(1, 10001), (10001, 20001)]):
            admin.execute(f"create table divided_{number} partition of divided for values from ({low}) to ({high})")
        admin.execute("insert into divided select n, repeat('x', 300) from generate_series(1, 20000) n")
        admin.execute("create table third (like divided)")
        admin.execute("insert into third select n, repeat('x', 300) from generate_series(20001, 30000) n")
        yield "divided"
        admin.execute("drop table if exists divided, divided_0, divided_1, third")


DETACH = "alter table divided detach partition divided_0"
ATTACH = "alter table divided attach partition third for values from (20001) to (40001)"


def test_a_partition_that_others_attach_meanwhile_ends_a_read_and_a_new_one_does_not(connect, divided):
    target = Target(type="postgresql", parameters={}, timeout_s=60.0, directory="", schema="public")
    query = Query(table=divided, parallel=2)
    with connect() as one, connect() as other, connect() as writer:
        first = begin(one, target, query, None, None)
        parts = first.partitions()
        assert len(parts) > 2
        second = begin(other, target, query, first.snapshot.id, first.schema)
        writer.execute("create table later as select 40001 as n, 'later' as s")
        writer.execute("alter table divided attach partition later for values from (40001) to (50001)")
        assert all(batch.num_rows for batch in first.batches(parts[0]))
        writer.execute(ATTACH)
        for session in (first, second):
            with pytest.raises(Refusal) as refused:
                list(session.batches(parts[-1]))
            assert refused.value.verdict.cause == "table third became a partition of divided while that was read"
        with pytest.raises(Refusal):
            first.count()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (f"delete from divided where n <= 10000; {ATTACH}", [*range(10001, 30001)]),
        (
            f"{DETACH}; insert into third select n + 30000, s from divided_0; {ATTACH}",
            [*range(10001, 40001)],
        ),
        (
            f"insert into divided select n + 10000, s from divided_0; {DETACH}",
            [*range(10001, 20001), *range(10001, 20001)],
        ),
    ],
    ids=["attached", "replaced", "detached"],
)
def test_partitions_that_come_and_go_while_a_read_waits_are_those_of_its_snapshot(
    on_server, connect, divided, change, expected
):
    with connect() as writer, connect() as admin:

        def commit():
            wait_until(lambda: admin.execute(WAITING).fetchone()[0])
            writer.execute("commit")

        writer.execute("begin")
        writer.execute("lock table divided in access exclusive mode")
        writer.execute(change)
        committing = threading.Thread(target=commit)
        committing.start()
        with on_server.connections.read(1, Scope("sales", "public"), table=divided, parallel=2) as reader:
            found = pa.table(reader)
        committing.join()
    assert sorted(found.column("n").to_pylist()) == sorted(expected)
