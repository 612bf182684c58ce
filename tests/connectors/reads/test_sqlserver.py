"""Reads of SQL Server, which is not here: what is asked of the driver, and what becomes of its answers."""

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from qualytics.connectors import get
from qualytics.connectors.contract import Refusal
from qualytics.connectors.reading import Query
from qualytics.connectors.reads import sqlserver
from tests.support.scripted_driver import Scripted, batch_of, target


def test_sqlserver_writes_moments_and_counts_their_digits():
    types = [
        "int",
        "decimal(38,2)",
        "datetime2(7)",
        "datetime2(7)",
        "datetimeoffset(7)",
        "time(7)",
        "date",
        "uniqueidentifier",
        "varbinary(3)",
        "geography",
    ]
    names = "abcdefghij"
    values = [
        1,
        Decimal("-1.25"),
        "9999-12-31 23:59:59.1234560",
        "2020-01-01 00:00:00.1234567",
        "2019-12-31 22:00:00.5000000",
        "10:11:12.5000000",
        "0044-03-15",
        "x",
        b"\0\xff",
        "POINT",
    ]
    handle = Scripted(
        ([], [(0,)]),
        ([], list(zip(names, types, strict=True))),
        ([], [(0, 700, 0, 0)]),
        ([], [values]),
    )
    session = sqlserver.begin(
        handle, target("sqlserver", database="d", schema="s"), Query(table="o]x", limit=5), None, None
    )
    batch = batch_of(session)
    assert handle.autocommit is False
    assert handle.asked[1].startswith(
        "select name, system_type_name from sys.dm_exec_describe_first_result_set("
        "N'select * from [d].[s].[o]]x] where ( 1 = 0 )'"
    )
    assert handle.asked[3].startswith("select top (5) [a], [b], convert(varchar(27), [c], 121) as [c], ")
    assert "convert(varchar(27), cast(switchoffset([e], '+00:00') as datetime2(7)), 121) as [e]" in handle.asked[3]
    assert [str(one) for one in session.schema.types[2:6]] == [
        "timestamp[us]",
        "timestamp[ns]",
        "timestamp[us, tz=UTC]",
        "time64[us]",
    ]
    row = batch.drop_columns(["d"]).to_pylist()[0]
    assert row["c"] == dt.datetime(9999, 12, 31, 23, 59, 59, 123456)  # noqa: DTZ001 - it has no zone
    assert batch.column("d").cast(pa.int64())[0].as_py() % 1_000 == 700
    assert (row["e"], row["f"]) == (dt.datetime(2019, 12, 31, 22, 0, 0, 500000, dt.UTC), dt.time(10, 11, 12, 500000))
    assert (row["g"], row["h"], row["i"], row["j"]) == (dt.date(44, 3, 15), "x", b"\0\xff", "POINT")


def test_sqlserver_divides_by_literals_of_its_own():
    handle = Scripted(
        ([], [("k", "datetime2(3)")]), ([], [(0,)]), ([], [("2020-01-01 00:00:00.000", "2020-01-09 00:00:00.000")])
    )
    query = Query(table="o", parallel=2, partition_column="k")
    session = sqlserver.begin(handle, target("sqlserver", schema="s"), query, None, None)
    predicates = [one.predicate for one in session.partitions()]
    assert predicates[0] == "[k] < cast('2020-01-02 00:00:00' as datetime2)"
    assert predicates[-1] == "[k] is null"
    assert len(predicates) == 9
    assert session.snapshot is None


@pytest.mark.parametrize("kind", ["synapse", "fabric"])
def test_its_kin_have_the_same_reader(kind):
    assert (get(kind).reads, get(kind).snapshots) == ("sqlserver", "none")


def test_a_query_alone_is_described_and_run_as_it_stands():
    sql = "with x as (select 1 as a) select a from x order by a"
    handle = Scripted(([], [("a", "int")]), ([], [(1,)]))
    session = sqlserver.begin(handle, target("fabric", schema="s"), Query(sql=sql), None, None)
    assert batch_of(session).to_pylist() == [{"a": 1}]
    assert f"sys.dm_exec_describe_first_result_set(N'{sql}', null, 0)" in handle.asked[0]
    assert handle.asked[1] == sql


def test_the_first_rows_of_a_query_come_in_its_order():
    handle = Scripted(([], [("a", "int")]), ([], [(1,), (2,), (3,)]))
    session = sqlserver.begin(
        handle, target("fabric", schema="s"), Query(sql="select a from x order by a", limit=2), None, None
    )
    assert batch_of(session).to_pylist() == [{"a": 1}, {"a": 2}]
    assert handle.asked[1] == "select a from x order by a"


def test_ranges_need_no_column_that_is_read():
    moment = ("k", "datetime2(7)")
    handle = Scripted(
        ([], [("a", "int")]),
        ([], [("a", "int"), moment]),
        ([], [(100,)]),
        ([], [("2020-01-01 00:00:00", "2020-01-09 00:00:00")]),
    )
    query = Query(table="o", columns=("a",), parallel=2, partition_column="K")
    session = sqlserver.begin(handle, target("fabric", schema="s"), query, None, None)
    assert session.partitions()[-1].predicate == "[k] is null"
    assert session.schema.names == ["a"]
    sql = session.selected("[k] is null")
    assert "select [a] from [s].[o] where" in " ".join(sql.split())


def test_two_columns_of_one_name_are_refused():
    handle = Scripted(([], [("a", "int"), ("b", "int"), ("a", "int")]))
    query = Query(sql="select 1 as a, 2 as b, 3 as a")
    with pytest.raises(Refusal, match="two columns are called 'a'"):
        sqlserver.begin(handle, target("fabric", schema="s"), query, None, None)
