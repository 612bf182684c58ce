"""Ranges of a column, and of blocks, hold each row of the snapshot once, whatever the keys are."""

import datetime as dt
import math
from contextlib import ExitStack
from decimal import Decimal

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qualytics.connectors.contract import Target
from qualytics.connectors.reading import Query
from qualytics.connectors.reads.postgresql import begin

KEYS = {
    "smallint": st.integers(-(2**15), 2**15 - 1),
    "bigint": st.sampled_from([-(2**63), 2**63 - 1]) | st.integers(-3, 3),
    "oid": st.integers(0, 2**32 - 1),
    "numeric": st.decimals(-1000, 1000, places=3),
    "numeric(4,1)": st.decimals(-999, 999, places=1),
    "float8": st.floats(allow_nan=True, allow_infinity=True),
    "date": st.dates(),
    "timestamp": st.datetimes(),
    "timestamptz": st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30), timezones=st.just(dt.UTC)),  # noqa: DTZ001 - the strategy adds the zone
}


@pytest.fixture
def sessions(postgres_server):
    """Open three sessions on the database `sales`."""
    login = {"user": postgres_server.user, "password": postgres_server.password}
    where = {"host": "127.0.0.1", "port": postgres_server.port, "dbname": "sales"}
    with ExitStack() as opened:
        yield [opened.enter_context(psycopg.connect(**login, **where, autocommit=True)) for _ in range(3)]


def same(value):
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None, fold=0)  # of UTC, by whichever name
    return "nan" if isinstance(value, float) and math.isnan(value) else Decimal(value) if type(value) is int else value


@pytest.mark.slow
@pytest.mark.parametrize("kind", KEYS)
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), parallel=st.sampled_from([1, 2, 7]))
def test_each_row_comes_once(sessions, kind, data, parallel):
    keys = data.draw(st.lists(st.none() | KEYS[kind], max_size=30))
    admin, first, second = sessions
    for session in (first, second):
        session.execute("rollback")  # of the example before, however that ended
    admin.execute(f"drop table if exists ranged_{parallel}")
    admin.execute(f"create table ranged_{parallel} (k {kind})")
    admin.execute(f"insert into ranged_{parallel} select unnest(%s::text[])::{kind}", ([written(key) for key in keys],))
    target = Target(type="postgresql", parameters={}, timeout_s=60.0, directory="")
    query = Query(table=f"ranged_{parallel}", parallel=parallel, partition_column="k", fetch_size=7)
    one = begin(first, target, query, None, None)
    parts = one.partitions()
    other = begin(second, target, query, one.snapshot.id, one.schema) if parallel > 1 else one
    admin.execute(f"insert into ranged_{parallel} select k from ranged_{parallel}")  # which no snapshot sees
    found = [
        row["k"]
        for number, part in enumerate(parts)
        for batch in (one, other)[number % 2].batches(part)
        for row in batch.to_pylist()
    ]
    assert sorted(map(repr, map(same, found))) == sorted(map(repr, map(same, stored(kind, keys))))
    assert one.count() == len(keys)


def written(key):
    return None if key is None else str(key)


def stored(kind, keys):
    """Return keys as the column holds them: with its digits behind the point."""
    places = {"numeric(4,1)": Decimal("0.1")}.get(kind)
    if kind == "numeric":
        scale = max((-key.as_tuple().exponent for key in keys if key is not None), default=0)
        places = Decimal(1).scaleb(-scale)
    return [key if key is None or places is None else key.quantize(places) for key in keys]
