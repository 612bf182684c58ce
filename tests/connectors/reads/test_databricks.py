"""Reads of Databricks from Spark's HiveServer2 behind a relay, which sends no Arrow and has no versions of tables."""

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from qualytics.connectors.reading import Query
from qualytics.model import Scope
from testbed import databricks
from tests.support.late import read_late
from tests.support.reads import each_once, notes, read

pytestmark = [pytest.mark.servers, pytest.mark.slow]
DEFAULT = Scope(databricks.CATALOG, "default")
COLUMNS = {
    "a": ("cast(-128 as tinyint)", pa.int8(), -128),
    "b": ("cast('1.5' as decimal(38,10))", pa.decimal128(38, 10), Decimal("1.5")),
    "c": (
        "timestamp '9999-12-31 23:59:59.123456'",
        pa.timestamp("us", "UTC"),
        dt.datetime(9999, 12, 31, 23, 59, 59, 123456, dt.UTC),
    ),
    "d": ("timestamp_ntz '0001-01-01 00:00:00'", pa.timestamp("us"), dt.datetime(1, 1, 1)),  # noqa: DTZ001 - it has no zone
    "e": ("date '0044-03-15'", pa.date32(), dt.date(44, 3, 15)),
    "f": ("array(1, 2)", pa.string(), "[1,2]"),
    "g": ("map('a', 1)", pa.string(), '{"a":1}'),
    "h": ("x'00ff'", pa.binary(), b"\x00\xff"),
    "i": ("cast(1.1 as float)", pa.float32(), 1.100000023841858),
    "j": ("'é🚀'", pa.string(), "é🚀"),
    "k": ("interval '1' day", pa.string(), "INTERVAL '1' DAY"),
    "l": ("cast(null as int)", pa.int32(), None),
}


@pytest.fixture
def port(warehouse_port):
    return warehouse_port


@pytest.fixture
def opened(client, port, root_file):
    parameters = {"path": "/sql/1.0/warehouses/1234567890abcdef", "ssl_root_cert_file": str(root_file)}
    where = {"host": "localhost", "port": port, "parameters": parameters}
    client.connections.create({"type": "databricks", "name": "dbx", "password": databricks.TOKEN, **where})
    return client


def test_every_value_is_read_as_it_is_stored(opened):
    sql = "select " + ", ".join(f"{literal} as {name}" for name, (literal, _, _) in COLUMNS.items())
    table, receipt = read(opened, scope=DEFAULT, sql=sql)
    assert table.to_pylist() == [{name: value for name, (_, _, value) in COLUMNS.items()}]
    assert table.schema.types == [arrow_type for _, arrow_type, _ in COLUMNS.values()]
    assert notes(receipt) == {"f": "as text: JSON", "g": "as text: JSON", "k": "as text"}


def test_partitions_hold_each_row_once(opened):
    moment = "timestamp '2020-01-01 00:00:00' + make_interval(0, 0, 0, cast(id as int))"
    sql = f"select id, case when id % 10 = 0 then null else {moment} end as k from range(1000)"
    assert each_once(opened, sql, "k", parallel=2, scope=DEFAULT, fetch_size=100)


def test_a_query_may_take_longer_than_the_login(port, root_file):
    given = {
        "password": databricks.TOKEN,
        "parameters": {"path": "/sql/1.0/warehouses/1234567890abcdef"},
        "host": "localhost",
    }
    assert read_late("databricks", port, Query(sql="select 1 as a"), ca_file=str(root_file), **given) == [{"a": 1}]
