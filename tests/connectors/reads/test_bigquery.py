"""Reads of BigQuery from bqemulator: each value is the one that is stored, a table at one moment of its history."""

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from qualytics.connectors.reading import Query
from qualytics.model import Scope
from testbed import cloud
from tests.support.late import read_late
from tests.support.reads import each_once, notes, read

pytestmark = [pytest.mark.servers, pytest.mark.slow]
SALES = Scope(cloud.PROJECT, "sales")
COLUMNS = {
    "a": ("9223372036854775807", pa.int64(), 2**63 - 1),
    "b": ("numeric '-1.25'", pa.decimal128(38, 9), Decimal("-1.25")),
    "c": (
        "bignumeric '12345678901234567890.5'",
        pa.decimal256(76, 38),
        Decimal("12345678901234567890.5"),
    ),
    "d": ("1.5", pa.float64(), 1.5),
    "e": ("'é'", pa.string(), "é"),
    "f": ("b'ab'", pa.binary(), b"ab"),
    "g": ("date '9999-12-31'", pa.date32(), dt.date(9999, 12, 31)),
    "h": ("time '10:11:12.5'", pa.time64("us"), dt.time(10, 11, 12, 500000)),
    "i": (
        "timestamp '9999-12-31 23:59:59.123456+00'",
        pa.timestamp("us", "UTC"),
        dt.datetime(9999, 12, 31, 23, 59, 59, 123456, dt.UTC),
    ),
    "j": ("datetime '1582-10-04 00:00:00.5'", pa.timestamp("us"), dt.datetime(1582, 10, 4, 0, 0, 0, 500000)),  # noqa: DTZ001 - it has no zone
    "k": ("true", pa.bool_(), True),
    "l": ("[1, 2]", pa.list_(pa.int64()), [1, 2]),
    "m": ("struct(1 as x, [true] as y, struct('a' as b) as z)", pa.string(), '{"x":1,"y":[true],"z":{"b":"a"}}'),
    "n": ("cast(null as int64)", pa.int64(), None),
}


@pytest.fixture(scope="module")
def port():
    with cloud.bigquery() as server:
        options = {"api_endpoint": f"http://{server.host}:{server.port}"}
        admin = bigquery.Client(project=cloud.PROJECT, credentials=AnonymousCredentials(), client_options=options)
        admin.create_dataset("sales")
        admin.query_and_wait("create table sales.orders as select 1 as id union all select null")
        admin.close()
        yield server.port


@pytest.fixture
def opened(client, port):
    parameters = {"endpoint_url": f"http://127.0.0.1:{port}"}
    client.connections.create({"type": "bigquery", "name": "bq", "parameters": parameters})
    return client


def test_every_value_is_read_as_it_is_stored(opened):
    sql = "select " + ", ".join(f"{literal} as {name}" for name, (literal, _, _) in COLUMNS.items())
    table, receipt = read(opened, scope=SALES, sql=sql)
    assert table.to_pylist() == [{name: value for name, (_, _, value) in COLUMNS.items()}]
    assert table.schema.types == [arrow_type for _, arrow_type, _ in COLUMNS.values()]
    assert notes(receipt) == {"m": "as text: JSON"}
    assert receipt["snapshot"] is None


def test_a_table_is_read_and_counted_at_one_moment(opened):
    table, receipt = read(opened, scope=SALES, table="orders", verify=True, parallel=2, partition_column="id")
    assert sorted(table.column("id").to_pylist(), key=str) == [1, None]
    assert receipt["snapshot"]["kind"].startswith("bigquery time travel to 20")
    assert receipt["verified"] == {"count": 2, "ok": True}


def test_partitions_hold_each_row_once_and_pages_the_fetch_size(opened):
    key = "case when mod(x, 10) = 0 then null else cast(x - 50 as numeric) end"
    moment = "timestamp_add(timestamp '2020-01-01 00:00:00+00', interval x second)"
    sql = f"select x, {key} as k, {moment} as t from unnest(generate_array(1, 1000)) x"
    for column in ("k", "t"):
        assert each_once(opened, sql, column, parallel=2, scope=SALES)
    _, receipt = read(opened, scope=SALES, sql=sql, limit=7, fetch_size=3)
    assert (receipt["rows"], receipt["batches"]) == (7, 3)


def test_a_query_may_take_longer_than_the_login(port):
    given = {
        "parameters": {"endpoint_url": "http://127.0.0.1:{port}"},
        "password": None,
        "username": None,
        "database": cloud.PROJECT,
    }
    assert read_late("bigquery", port, Query(sql="select 1 as a"), **given) == [{"a": 1}]
