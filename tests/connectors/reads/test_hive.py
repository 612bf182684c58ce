"""Reads of Spark's HiveServer2: each value is the one that is stored."""

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from qualytics.connectors.reading import Query
from qualytics.model import Scope
from tests.support.late import read_late
from tests.support.reads import each_once, notes, read

pytestmark = [pytest.mark.servers, pytest.mark.slow]
COLUMNS = {
    "a": ("2147483647", pa.int32(), 2147483647),
    "b": ("cast(-128 as tinyint)", pa.int8(), -128),
    "c": (
        "cast('12345678901234567890123456789.5' as decimal(38,9))",
        pa.decimal128(38, 9),
        Decimal("12345678901234567890123456789.5"),
    ),
    "d": ("timestamp '9999-12-31 23:59:59.123456'", pa.timestamp("us"), dt.datetime(9999, 12, 31, 23, 59, 59, 123456)),  # noqa: DTZ001 - it has no zone
    "e": ("timestamp_ntz '0001-01-01 00:00:00'", pa.timestamp("us"), dt.datetime(1, 1, 1)),  # noqa: DTZ001 - it has no zone
    "f": ("date '1582-10-04'", pa.date32(), dt.date(1582, 10, 4)),
    "g": ("x'00ff41'", pa.binary(), b"\x00\xffA"),
    "h": ("cast(1.1 as float)", pa.float32(), 1.100000023841858),
    "i": ("'é🚀\"\n'", pa.string(), 'é🚀"\n'),
    "j": ("true", pa.bool_(), True),
    "k": ("array(1, null)", pa.string(), "[1,null]"),
    "l": ("interval '1 02:03:04.5' day to second", pa.string(), "INTERVAL '1 02:03:04.5' DAY TO SECOND"),
    "m": ("1.7976931348623157e308", pa.float64(), 1.7976931348623157e308),
}


@pytest.fixture
def opened(client, hive_server):
    login = {"username": hive_server.user, "password": hive_server.password, "parameters": {"ssl_mode": "disable"}}
    client.connections.create({"type": "hive", "name": "hive", "host": "127.0.0.1", "port": hive_server.port, **login})
    return client


def test_every_value_is_read_as_it_is_stored(opened):
    sql = "select " + ", ".join(f"{literal} as {name}" for name, (literal, _, _) in COLUMNS.items())
    nulls = "select " + ", ".join(f"cast(null as string) as {name}" for name in COLUMNS)
    table, receipt = read(opened, scope=Scope("default"), sql=sql)
    assert table.schema.types == [arrow_type for _, arrow_type, _ in COLUMNS.values()]
    assert table.to_pylist() == [{name: value for name, (_, _, value) in COLUMNS.items()}]
    assert notes(receipt).keys() == {"d", "e", "k", "l"}
    assert set(read(opened, sql=nulls)[0].to_pylist()[0].values()) == {None}


def test_partitions_hold_each_row_once(opened):
    key = "case id % 10 when 0 then null when 1 then double('nan') when 2 then double('-infinity') else id * 1.5e0 end"
    moment = "timestamp '2020-01-01 00:00:00' + make_interval(0, 0, 0, cast(id as int))"
    sql = f"select id, {key} as k, cast(id - 50 as decimal(20,3)) as m, {moment} as t from range(1000)"
    for column in ("k", "m", "t"):
        assert each_once(opened, sql, column, parallel=2, fetch_size=100)


def test_a_query_may_take_longer_than_the_login(hive_server):
    login = {"username": hive_server.user, "password": hive_server.password}
    assert read_late("hive", hive_server.port, Query(sql="select 1 as a"), **login) == [{"a": 1}]
