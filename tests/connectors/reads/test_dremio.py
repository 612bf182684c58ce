"""Reads of Dremio from ROAPI, which speaks Flight SQL: Arrow as it is sent."""

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from qualytics.connectors.reading import Query
from qualytics.model import Scope
from testbed import roapi
from tests.support.late import read_late
from tests.support.reads import each_once, read

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture(scope="module")
def server():
    with roapi.roapi({"orders": "id,amount\n1,2.5\n"}) as running:
        yield running


@pytest.fixture
def opened(client, server):
    login = {"username": server.user, "password": server.password, "parameters": {"ssl_mode": "disable"}}
    client.connections.create({"type": "dremio", "name": "lake", "host": "127.0.0.1", "port": server.port, **login})
    return client


def test_a_table_and_a_query_are_read_as_arrow(opened):
    assert read(opened, scope=Scope(None, roapi.SCHEMA), table="orders")[0].to_pylist() == [{"id": 1, "amount": 2.5}]
    sql = "select cast(1.5 as decimal(38,2)) as m, date '1582-10-04' as d, 'é' as t, array[1, 2] as l, x'00ff' as b"
    table, receipt = read(opened, sql=sql)
    day = dt.date(1582, 10, 4)
    assert table.to_pylist() == [{"m": Decimal("1.50"), "d": day, "t": "é", "l": [1, 2], "b": b"\x00\xff"}]
    assert table.schema.field("m").type == pa.decimal128(38, 2)
    assert receipt["snapshot"] is None


def test_partitions_hold_each_row_once_and_batches_the_fetch_size(opened):
    key = "case when value % 10 = 0 then null else value - 50 end"
    moment = "to_timestamp(value * 86400)"
    sql = f"select value as i, {key} as k, {moment} as t from generate_series(1, 1000)"
    for column in ("k", "t"):
        assert each_once(opened, sql, column, parallel=2)
    _, receipt = read(opened, sql=sql, limit=7, fetch_size=3)
    assert (receipt["rows"], receipt["batches"]) == (7, 3)


def test_a_query_may_take_longer_than_the_login(server):
    login = {"username": server.user, "password": server.password}
    assert read_late("dremio", server.port, Query(sql="select 1 as a"), **login) == [{"a": 1}]
