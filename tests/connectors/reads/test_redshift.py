"""Reads of Redshift from PostgreSQL behind pgbouncer: each value is the one that is stored."""

import datetime as dt
from contextlib import closing
from decimal import Decimal

import pytest

from qualytics.connectors.reading import Query
from qualytics.model import Scope
from testbed import redshift, servers
from tests.support.late import read_late
from tests.support.reads import each_once, end_reader, notes, read, until

pytestmark = [pytest.mark.servers, pytest.mark.slow]
PUBLIC = Scope("dev", "public")
COLUMNS = {
    "a": ("9223372036854775807", 2**63 - 1),
    "b": ("(-1.25)::numeric(38,2)", Decimal("-1.25")),
    "c": ("timestamp '9999-12-31 23:59:59.123456'", dt.datetime(9999, 12, 31, 23, 59, 59, 123456)),  # noqa: DTZ001 - it has no zone
    "d": ("timestamptz '2020-01-01 00:00:00.5+02'", dt.datetime(2019, 12, 31, 22, 0, 0, 500000, dt.UTC)),
    "e": ("date '0044-03-15'", dt.date(44, 3, 15)),
    "f": ("'\\x00ff41'::bytea", b"\x00\xffA"),
    "g": ("'é🚀'::varchar", "é🚀"),
    "h": ("true", True),
    "i": ("5e-324::float8", 5e-324),
    "j": ("time '10:11:12.5'", dt.time(10, 11, 12, 500000)),
    "k": ("null::int", None),
    "l": ("array[1, 2]", "{1,2}"),
}


@pytest.fixture(scope="module")
def server():
    with redshift.redshift() as running:
        yield running


@pytest.fixture
def opened(client, server):
    login = {"username": server.user, "password": server.password, "parameters": {"ssl_mode": "disable"}}
    where = {"host": "127.0.0.1", "port": server.port}
    client.connections.create({"type": "redshift", "name": "shift", **where, **login})
    return client


def test_values_are_what_is_stored_and_partitions_hold_each_row_once(opened):
    sql = "select " + ", ".join(f"{literal} as {name}" for name, (literal, _) in COLUMNS.items())
    table, receipt = read(opened, scope=PUBLIC, sql=sql, verify=True)
    assert table.to_pylist() == [{name: value for name, (_, value) in COLUMNS.items()}]
    assert notes(receipt) == {"l": "as text"}
    assert (receipt["snapshot"]["kind"], receipt["verified"]["ok"]) == ("redshift transaction", True)
    key = "case when i % 10 = 0 then null else i - 50 end"
    moment = "timestamptz '2020-01-01 00:00:00+00' + i * interval '1 second'"
    rows = f"select i, {key} as k, {moment} as t from generate_series(1, 1000) i"
    for column in ("k", "t"):
        assert each_once(opened, rows, column, parallel=2, scope=PUBLIC, fetch_size=100)
    _, receipt = read(opened, scope=PUBLIC, sql=rows, limit=7, fetch_size=3)
    assert (receipt["rows"], receipt["batches"]) == (7, 3)


def test_a_query_may_take_longer_than_the_login(server):
    login = {"username": server.user, "password": server.password, "database": "dev"}
    assert read_late("redshift", server.port, Query(sql="select 1 as a"), **login) == [{"a": 1}]


def test_a_query_that_sends_nothing_ends_with_its_reader(opened, server):
    with closing(servers.postgres_admin(server)) as admin:

        def is_running():
            sql = "select count(*) from pg_stat_activity where state = 'active' and query like 'fetch forward%'"
            return admin.execute(sql).fetchone()[0]

        end_reader(is_running, "--sql", "select sum(hashtext(i::text)) as n from generate_series(1, 1000000000000) i")
        until(lambda: not is_running())
