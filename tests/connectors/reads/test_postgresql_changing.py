"""Tables that others write to meanwhile, of every kind of column: each row comes once, as it is stored."""

import datetime as dt
import math
import struct
from contextlib import ExitStack, closing

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qualytics.connectors.contract import Target
from qualytics.connectors.reading import Query
from qualytics.connectors.reads.postgresql import begin
from tests.support.threads import Threads

pytestmark = pytest.mark.servers

COLUMNS = {
    "smallint": st.integers(-(2**15), 2**15 - 1),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "oid": st.integers(0, 2**32 - 1),
    "real": st.floats(width=32),
    "double precision": st.floats(),
    "boolean": st.booleans(),
    "text": st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
    "bytea": st.binary(max_size=20),
    "numeric(9,3)": st.decimals(-999_999, 999_999, places=3),
    "numeric(38,9)": st.decimals(-(10**28), 10**28, places=9),
    "numeric": st.decimals(-(10**12), 10**12, places=6),
    "date": st.dates(),
    "time": st.times(),
    "timestamp": st.datetimes(),
    "integer[]": st.lists(st.none() | st.integers(-(2**31), 2**31 - 1), max_size=3),
}
REAL = 1 + list(COLUMNS).index("real")  # behind the id
NAMES = [f"c{number}" for number in range(len(COLUMNS))]
ROWS = st.lists(st.tuples(*(st.none() | values for values in COLUMNS.values())), max_size=6)
# So many of each, in blocks that are nearly empty: enough for ranges of blocks.
COPIES, STORED = 400, "with (fillfactor = 10)"


@pytest.fixture
def connect(postgres_server):
    """Return a function that opens a session on the database `sales`, to be closed by whoever asked."""
    login = {"user": postgres_server.user, "password": postgres_server.password}
    where = {"host": "127.0.0.1", "port": postgres_server.port, "dbname": "sales"}
    return lambda: closing(psycopg.connect(**login, **where, autocommit=True))


class Writer(Threads):
    """A session that inserts, changes and deletes rows all the while."""

    def __init__(self, session, table):
        super().__init__(1)
        self._session, self._table = session, table

    def once(self, _number, _count):
        table = self._table
        some = f"(select ctid from {table} where mod(id, 7) = %s limit 20)"
        self._session.execute(f"insert into {table} select * from {table} where ctid in {some}", (1,))
        self._session.execute(f"delete from {table} where ctid in {some}", (2,))
        self._session.execute(f"update {table} set id = id + 7 where ctid in {some}", (3,))
        self.done()


@pytest.mark.slow
@pytest.mark.parametrize("parallel", [1, 2, 7])
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_each_row_comes_once_as_it_is_stored(connect, parallel, rows):
    with ExitStack() as opened:  # what an example opened would keep the next one from its table
        writer, *sessions = [opened.enter_context(connect()) for _ in range(parallel + 1)]
        parts, found, stored = compared(writer, sessions, rows)
    assert parts > 1 or parallel == 1 or not rows
    assert sorted(map(repr, map(alike, found))) == sorted(map(repr, map(alike, stored)))


def compared(writer, sessions, rows):
    """Return the number of ranges, the rows of a read by as many sessions, and those of one SELECT in its snapshot."""
    parallel = len(sessions)
    table = f"changing_{parallel}"
    columns = ", ".join(f"{name} {kind}" for name, kind in zip(NAMES, COLUMNS, strict=True))
    writer.execute(f"drop table if exists {table}")
    writer.execute(f"create table {table} (id integer, pad text, {columns}) {STORED}")
    for row in rows:
        marks = ", ".join(f"%s::{kind}" for kind in COLUMNS)
        writer.execute(
            f"insert into {table} select n, repeat('x', 300), {marks} from generate_series(1, {COPIES}) n", row
        )
    target = Target(type="postgresql", parameters={}, timeout_s=60.0, directory="", schema="public")
    query = Query(table=table, columns=("id", *NAMES), parallel=parallel, fetch_size=97)
    first = begin(sessions[0], target, query, None, None)
    with Writer(writer, table) as writing:
        writing.wait(1)
        parts = first.partitions()
        others = [begin(session, target, query, first.snapshot.id, first.schema) for session in sessions[1:]]
        found = [
            tuple(row.values())
            for number, part in enumerate(parts)
            for batch in [first, *others][number % parallel].batches(part)
            for row in batch.to_pylist()
        ]
        names = ", ".join(("id", *NAMES))
        stored = sessions[0].execute(f"select {names} from {table}").fetchall()
        assert first.count() == len(stored)
    return len(parts), found, stored


def alike(row):
    """Return a row with what Arrow and the driver write apart made one: of `real` the driver has the shortest text.

    A NaN has a sign in the bytes that are stored, and none in the driver's text.
    """
    values = [value.replace(fold=0) if isinstance(value, dt.datetime | dt.time) else value for value in row]
    values = [math.nan if isinstance(value, float) and math.isnan(value) else value for value in values]
    return [struct.pack("f", value) if at == REAL and value is not None else value for at, value in enumerate(values)]
