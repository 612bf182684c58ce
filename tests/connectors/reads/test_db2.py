"""Reads of Db2 from Derby, whose columns of the type CHAR the driver cannot parse."""

import datetime as dt
from decimal import Decimal

import pytest

from qualytics.connectors.reads.db2 import _spelled
from qualytics.model import Scope
from testbed import derby
from tests.support.reads import each_once, read

SALES = Scope(derby.DATABASE, "SALES")


def test_a_timestamp_as_db2_writes_it_is_one_of_iso():
    assert _spelled("2020-02-29-23.59.59.123456") == "2020-02-29 23:59:59.123456"
    assert _spelled("2020-02-29-23.59.59") == "2020-02-29 23:59:59"


@pytest.mark.servers
@pytest.mark.slow
def test_values_are_what_is_stored_and_partitions_hold_each_row_once(client):
    with derby.derby({"ann": "secret"}) as server, derby.rewriting(server.port) as port:
        login = {"username": server.user, "password": server.password, "parameters": {"ssl_mode": "disable"}}
        client.connections.create({"type": "db2", "name": "db2", "host": "127.0.0.1", "port": port, **login})
        moment = "timestamp('9999-12-31 23:59:59.123456')"
        sql = (
            f"select 2147483647 as a, cast(-1.25 as decimal(31,2)) as b, date('0044-03-15') as c, {moment} as d, "
            "5e-300 as e, cast(9223372036854775807 as bigint) as f, cast(null as int) as g from sysibm.sysdummy1"
        )
        table, receipt = read(client, scope=SALES, sql=sql)
        last = dt.datetime(9999, 12, 31, 23, 59, 59, 123456)  # noqa: DTZ001 - it has no zone
        wanted = [2147483647, Decimal("-1.25"), dt.date(44, 3, 15), last, 5e-300, 2**63 - 1, None]
        assert list(table.to_pylist()[0].values()) == wanted
        assert receipt["snapshot"] is None
        some = "(values 1, 2, 3, 4, 5, 6, 7, 8, cast(null as int)) as v(k)"
        assert each_once(client, f"select k, k * 10 as ten from {some}", "K", parallel=2, scope=SALES)
