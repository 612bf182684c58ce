"""Reads of Snowflake from fakesnow, which has no history of tables, and no times."""

import datetime as dt
import socket
from decimal import Decimal

import pyarrow as pa
import pytest

from qualytics.connectors.reading import Query
from qualytics.model import Scope
from tests.support.late import read_late
from tests.support.reads import each_once, notes, read

pytestmark = [pytest.mark.servers, pytest.mark.slow]
RAW = Scope("SALES", "RAW")
COLUMNS = {
    "A": ("12345::number(10,0)", pa.int64(), 12345),
    "B": ("1.25::number(38,2)", pa.decimal128(38, 2), Decimal("1.25")),
    "C": ("1.5e300::float", pa.float64(), 1.5e300),
    "D": ("'9999-12-31'::date", pa.date32(), dt.date(9999, 12, 31)),
    "E": (
        "'2020-02-29 00:00:00.123456 +0200'::timestamp_tz",
        pa.timestamp("us", "UTC"),
        dt.datetime(2020, 2, 28, 22, 0, 0, 123456, dt.UTC),
    ),
    "F": ("true", pa.bool_(), True),
    "G": ("parse_json('{\"a\":1}')", pa.string(), '{"a":1}'),
    "H": ("'é🚀'", pa.string(), "é🚀"),
    "I": ("null::varchar", pa.string(), None),
}


@pytest.fixture
def opened(client, fakesnow_server, root_file):
    login = {"username": "analyst", "password": "any", "parameters": {"ssl_root_cert_file": str(root_file)}}
    where = {"host": "127.0.0.1", "port": fakesnow_server.port}
    client.connections.create({"type": "snowflake", "name": "snow", **where, **login})
    return client


def test_every_value_is_read_as_it_is_stored(opened):
    sql = "select " + ", ".join(f"{literal} as {name}" for name, (literal, _, _) in COLUMNS.items())
    table, receipt = read(opened, scope=RAW, sql=sql)
    assert table.to_pylist() == [{name: value for name, (_, _, value) in COLUMNS.items()}]
    assert table.schema.types == [arrow_type for _, arrow_type, _ in COLUMNS.values()]
    assert notes(receipt) == {"E": "in UTC: the offset of each value is not kept", "G": "as text"}
    assert receipt["snapshot"] is None


def test_awkward_values_keep_their_types_also_where_there_are_none(opened):
    awkward = {
        "A": (f"'{'9' * 37}.9'::number(38,1)", Decimal("9" * 37 + ".9")),
        "B": ("(-0.5)::number(38,37)", Decimal("-0.5")),
        "C": ("'-inf'::float", float("-inf")),
        "D": ("null::number(5,2)", None),
        "E": ("null::timestamp_tz", None),
        "F": ("''", ""),
        "G": ("(-128)::number(3,0)", -128),
    }
    sql = "select " + ", ".join(f"{literal} as {name}" for name, (literal, _) in awkward.items())
    table, _ = read(opened, scope=RAW, sql=sql)
    assert table.to_pylist() == [{name: value for name, (_, value) in awkward.items()}]
    empty, receipt = read(opened, scope=RAW, sql=f"select * from ({sql}) where a = 0")
    assert (empty.schema, receipt["rows"]) == (table.schema, 0)


def test_partitions_hold_each_row_once(opened):
    key = "case when seq4() % 10 = 0 then null else seq4() - 500 end"
    moment = "dateadd(second, seq4(), '2020-01-01 00:00:00 +0000'::timestamp_ltz)"
    sql = f"select seq4() as i, {key} as k, {moment} as t from table(generator(rowcount => 1000))"
    for column in ("K", "T"):
        assert each_once(opened, sql, column, parallel=2, scope=RAW, fetch_size=100)


def test_a_query_may_take_longer_than_the_login_and_results_come_from_any_host(fakesnow_server, root_file):
    look_up, port = socket.getaddrinfo, fakesnow_server.port
    place = {"database": "SALES", "schema": "RAW"}
    rows = read_late("snowflake", port, Query(sql="select 1 as a"), ca_file=str(root_file), **place)
    assert rows == [{"A": 1}]
    assert socket.getaddrinfo is look_up
