"""Reads of DuckDB: its own Arrow, but where that would be another value."""

import datetime as dt
from contextlib import closing

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qualytics.connectors.contract import Target
from qualytics.connectors.reading import Query
from qualytics.connectors.reads.duckdb import begin
from qualytics.errors import ReadFailed

pytestmark = pytest.mark.slow  # each test starts processes

ROWS = 300_000


@pytest.fixture
def file(client, tmp_path):
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as handle:
        handle.execute(f"create table t as select i, 'x' || i as s from range({ROWS}) r(i)")
    client.connections.create({"type": "duckdb", "name": "file", "uri": str(path)})


def read(client, **options):
    with client.connections.read(1, **options) as reader:
        return pa.Table.from_batches(list(reader), reader.schema), reader.receipt


def session_of(handle, **options):
    target = Target(type="duckdb", parameters={}, timeout_s=60.0, directory="")
    return begin(handle, target, Query(**options), None, None)


def test_values_that_arrow_has_no_type_for_come_as_text(client, file):
    sql = (
        "select 170141183460469231731687303715884105727::hugeint h, 18446744073709551615::ubigint u, "
        "'12:00:00+02'::timetz z, '101'::bit b, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid g, [1, null] l"
    )
    table, receipt = read(client, sql=sql)
    assert table.to_pylist() == [
        {
            "h": "170141183460469231731687303715884105727",
            "u": 18446744073709551615,
            "z": "12:00:00+02",
            "b": "101",
            "g": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
            "l": [1, None],
        }
    ]
    assert [one["note"] for one in receipt["columns"]] == ["as text", None, "as text", "as text", "as text", None]


def test_infinite_dates_are_no_dates(client, file):
    row = "select date '2020-01-01' as d, timestamp '2020-01-01' as t"
    sql = f"{row} union all select date 'infinity', timestamp '-infinity'"
    with pytest.raises(ReadFailed, match="column 'd', row 2: an infinite date"):
        read(client, sql=sql)
    assert read(client, sql=sql, special="null")[0].column("t")[1].as_py() is None
    assert read(client, sql=sql, special="text")[0].column("t").to_pylist() == ["2020-01-01 00:00:00", "-infinity"]


def test_what_stands_within_other_values_is_no_other_value_either(client, file):
    sql = (
        "select {'z': '12:00:00+02'::timetz} z, [{'b': '101'::bit}] b, map{1: union_value(n := 'x')} u, "
        "{'h': 170141183460469231731687303715884105727::hugeint} h, {'l': [date '2020-01-01', null]} d"
    )
    table, receipt = read(client, sql=sql)
    assert table.to_pylist() == [
        {
            "z": "{'z': '12:00:00+02'}",
            "b": "[{'b': 101}]",
            "u": "{1=x}",
            "h": "{'h': 170141183460469231731687303715884105727}",
            "d": {"l": [dt.date(2020, 1, 1), None]},
        }
    ]
    assert [one["note"] for one in receipt["columns"]] == [*["as text"] * 4, None]

    row = "select 1 as i, null as l, null as m, null as t"
    for name, values in {
        "l": ("[{'d': '-infinity'::timestamp_ns}]", "null", "null"),
        "m": ("null", "map{date 'infinity': 1}", "null"),
        "t": ("null", "null", "time '24:00'"),
    }.items():
        query = f"{row} union all select 2, {', '.join(values)}"
        with pytest.raises(ReadFailed, match=f"column '{name}', row 2: (an infinite date|24:00)"):
            read(client, sql=query)
        assert read(client, sql=query, special="text")[0].column(name)[1].as_py() is not None
    assert read(client, sql="select time '24:00' as t", special="text")[0].to_pylist() == [{"t": "24:00:00"}]
    assert read(client, sql="select time '24:00' as t", special="null")[0].to_pylist() == [{"t": None}]


# Nobody can write to a file that is read, so that no test does.
@pytest.mark.parametrize("parallel", [1, 2, 7])
def test_ranges_of_rows_hold_each_row_once(client, file, parallel):
    table, receipt = read(client, table="t", parallel=parallel, verify=True, columns=("i",))
    assert len(receipt["partitions"]) == min(parallel, 2)
    assert sorted(table.column("i").to_pylist()) == list(range(ROWS))
    assert receipt["verified"] == {"count": ROWS, "ok": True}


WHOLE = st.sampled_from([0, 1, -1, 2**63 - 1, -(2**63)]) | st.integers(-50, 50)
KEYS = {
    "bigint": WHOLE,
    "ubigint": st.integers(0, 2**64 - 1),
    "hugeint": WHOLE,
    "decimal(18,3)": st.decimals(-(10**14), 10**14, places=3),
    "double": st.floats() | st.integers(-9, 9).map(float),
    "date": st.dates(),
    "timestamp": st.datetimes(),
    "timestamptz": st.datetimes(timezones=st.just(dt.UTC)),
}


@pytest.mark.parametrize("kind", KEYS)
@given(data=st.data(), parallel=st.sampled_from([2, 7]))
@settings(max_examples=15, deadline=None)
def test_ranges_of_a_column_hold_each_row_once(kind, data, parallel):
    keys = data.draw(st.lists(st.none() | KEYS[kind], max_size=30).map(lambda some: some * 2))
    with duckdb.connect() as handle:
        handle.execute(f"create table t (k {kind}, n integer)")
        for n, key in enumerate(keys):
            handle.execute("insert into t values (?, ?)", (key, n))
        session = session_of(handle, table="t", columns=("k", "n"), parallel=parallel, partition_column="k")
        found = [
            n for part in session.partitions() for batch in session.batches(part) for n in batch.column("n").to_pylist()
        ]
    assert sorted(found) == list(range(len(keys)))


def test_a_column_of_a_query_makes_ranges_or_is_refused(client, file):
    sql = "select i % 100 as k, s from t"
    table, receipt = read(client, sql=sql, parallel=3, partition_column="k", verify=True)
    assert (table.num_rows, receipt["parallel"], receipt["verified"]["ok"]) == (ROWS, 3, True)
    assert len(receipt["partitions"]) > 3
    table, receipt = read(client, table="t", columns=("s",), parallel=2, partition_column="i", verify=True)
    assert (table.column_names, receipt["verified"]["ok"]) == (["s"], True)
    assert len(receipt["partitions"]) > 2
    with pytest.raises(ReadFailed, match="column 's' makes no ranges"):
        read(client, sql=sql, parallel=2, partition_column="s")


def test_settings_are_those_of_reads_and_stay(client, file):
    table, _ = read(client, sql="select current_setting('memory_limit') m, current_setting('lock_configuration') l")
    assert table.to_pylist() == [{"m": "953.6 MiB", "l": True}]


def test_little_of_a_table_stays_in_memory_and_rows_that_need_more_follow(tmp_path):
    path = str(tmp_path / "large.duckdb")
    with duckdb.connect(path) as handle:
        # Which nothing makes smaller.
        handle.execute("create table large as select hash(i) as h from range(12_000_000) r(i)")
        long = "case when i = 45_000 then repeat('long', 16 << 20) else 'x' || i end"
        handle.execute(f"create table long as select i, {long} as s from range(50_000) r(i)")
    with duckdb.connect(path, read_only=True) as handle:
        session = session_of(handle, table="large", fetch_size=10_000)
        assert sum(batch.num_rows for batch in session.batches(session.partitions()[0])) == 12_000_000
        held = handle.execute("select sum(memory_usage_bytes) from duckdb_memory()").fetchone()[0]
        assert held <= 48_000_000
    with duckdb.connect(path, read_only=True) as handle:
        session = session_of(handle, table="long", fetch_size=1_000)
        table = pa.Table.from_batches(session.batches(session.partitions()[0]))
        assert table.column("i").to_pylist() == list(range(50_000))
        assert table.column("s")[45_000].as_py() == "long" * (16 << 20)
        assert handle.execute("select current_setting('memory_limit')").fetchone() == ("953.6 MiB",)


def test_a_session_for_others_takes_no_settings(client, file):
    with closing(client.connections.open(1)) as handle, pytest.raises(duckdb.Error, match="configuration"):
        handle.execute("set threads = 1")
