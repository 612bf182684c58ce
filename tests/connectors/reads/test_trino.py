"""Reads of Trino and Presto from BuenaVista, and what their types mean, which that has few of."""

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from qualytics.connectors.reading import Query
from qualytics.connectors.reads.cursors import array_of
from qualytics.connectors.reads.type_names import column_of
from qualytics.errors import ReadFailed, UsageError
from qualytics.model import Scope
from tests.support.late import read_late
from tests.support.reads import each_once, read

SALES = Scope("hive", "sales")
# As Trino writes values of its types into JSON.
VALUES = {
    "boolean": (True, pa.bool_(), True),
    "tinyint": (-128, pa.int8(), -128),
    "bigint": (-(2**63), pa.int64(), -(2**63)),
    "double": ("NaN", pa.float64(), "nan"),
    "decimal(38,10)": (
        "1234567890123456789012345678.0000000001",
        pa.decimal128(38, 10),
        Decimal("1234567890123456789012345678.0000000001"),
    ),
    "varchar(3)": ("é🚀", pa.string(), "é🚀"),
    "varbinary": ("AP9B", pa.binary(), b"\x00\xffA"),
    "date": ("9999-12-31", pa.date32(), dt.date(9999, 12, 31)),
    "timestamp(6)": ("2020-02-29 23:59:59.999999", pa.timestamp("us"), dt.datetime(2020, 2, 29, 23, 59, 59, 999999)),  # noqa: DTZ001 - it has no zone
    "timestamp(3) with time zone": (
        "2020-02-29 12:00:00.000 UTC",
        pa.timestamp("us", "UTC"),
        dt.datetime(2020, 2, 29, 12, tzinfo=dt.UTC),
    ),
    "timestamp(12)": ("2020-02-29 12:00:00.123456789012", pa.string(), "2020-02-29 12:00:00.123456789012"),
    "time(3)": ("10:11:12.500", pa.time64("us"), dt.time(10, 11, 12, 500000)),
    "array(bigint)": ([1, None], pa.list_(pa.int64()), [1, None]),
    "map(varchar, bigint)": ({"a": 1}, pa.string(), '{"a":1}'),
    "row(x bigint)": ([1], pa.string(), "[1]"),
}


def array(type_name, values, special="error"):
    column = column_of("c", type_name, Query(special=special))
    return array_of(column, column.field, values, 1, special)


@pytest.mark.parametrize("type_name", VALUES)
def test_a_value_is_read_as_it_is_stored(type_name):
    stored, arrow_type, wanted = VALUES[type_name]
    found = array(type_name, [stored, None])
    assert found.type == arrow_type
    assert found[1].as_py() is None
    assert (str(found[0].as_py()) if wanted == "nan" else found[0].as_py()) == wanted


def test_nanoseconds_and_far_years_keep_every_digit():
    assert array("timestamp(9)", ["2020-01-01 00:00:00.123456789"]).cast(pa.int64())[0].as_py() == 1577836800123456789
    days = array("date", ["-0044-03-15", "+10000-01-01", "0000-01-01"]).cast(pa.int32()).to_pylist()
    assert days == [-735525, 2932897, -719528]


def test_what_arrow_cannot_hold_is_an_error_null_or_text():
    far = ["2300-01-01 00:00:00.000000001"]
    with pytest.raises(Exception, match="column 'c', row 1: a timestamp beyond what nanoseconds count"):
        array("timestamp(9)", far)
    assert array("timestamp(9)", far, "null").to_pylist() == [None]
    assert array("timestamp(9)", far, "text").to_pylist() == far
    with pytest.raises(Exception, match="finer than microseconds"):
        array("timestamp(3)", ["2020-01-01 00:00:00.0000001"])


@pytest.fixture(params=["trino", "presto"])
def opened(request, client, buenavista_server):
    where = {
        "host": "127.0.0.1",
        "port": buenavista_server.port,
        "username": "ann",
        "parameters": {"ssl_mode": "disable"},
    }
    client.connections.create({"type": request.param, "name": "lake", **where})
    return client


@pytest.mark.servers
@pytest.mark.slow
def test_a_table_and_a_query_are_read(opened):
    assert read(opened, scope=SALES, table="or_v")[0].to_pylist() == [{"id": 1}]
    sql = "select 18446744073709551615.5 as m, timestamp '2020-02-29 12:00:00.000001' as t, cast(null as varchar) as n;"
    table, receipt = read(opened, scope=SALES, sql=sql)
    when = dt.datetime(2020, 2, 29, 12, 0, 0, 1)  # noqa: DTZ001 - it has no zone
    assert table.to_pylist() == [{"m": Decimal("18446744073709551615.5"), "t": when, "n": None}]
    assert receipt["snapshot"] is None


@pytest.mark.servers
@pytest.mark.slow
def test_partitions_hold_each_row_once_and_pages_the_fetch_size(opened):
    key = "case when range % 10 = 0 then null else range % 500 - 250 end"
    sql = f"select range as i, {key} as k, date '2020-01-01' + cast(range as int) as d from range(1000)"
    assert each_once(opened, sql, "k", parallel=2, scope=SALES, fetch_size=7)
    assert each_once(opened, sql, "d", parallel=2, scope=SALES)
    _, receipt = read(opened, scope=SALES, sql=sql, limit=7, fetch_size=3)
    assert (receipt["rows"], receipt["batches"]) == (7, 3)


@pytest.mark.servers
@pytest.mark.slow
def test_what_cannot_be_read_says_why(opened):
    with pytest.raises(ReadFailed, match="nope"):
        read(opened, scope=SALES, table="nope")
    with pytest.raises(ReadFailed, match="column 'n' makes no ranges"):
        read(opened, scope=SALES, sql="select 'x' as n", partition_column="n", parallel=2)
    with pytest.raises(UsageError, match=r"statements of .* see each a state of its own"):
        read(opened, scope=SALES, table="parts", verify=True)


@pytest.mark.servers
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["trino", "presto"])
def test_a_query_may_take_longer_than_the_login(buenavista_server, kind):
    login = {"username": "ann", "password": None}
    assert read_late(kind, buenavista_server.port, Query(sql="select 1 as a"), **login) == [{"a": 1}]
