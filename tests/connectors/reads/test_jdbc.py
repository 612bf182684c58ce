"""Reads through JDBC of H2, HSQLDB, Derby, PostgreSQL and MariaDB: each value is the one that is stored."""

import contextlib
import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest

from qualytics.errors import ReadFailed, UsageError
from testbed import derby, java, servers
from tests.support.reads import each_once, end_reader, notes, read, until

pytestmark = [pytest.mark.servers, pytest.mark.slow]
LAST = dt.datetime(9999, 12, 31, 23, 59, 59, 123456)  # noqa: DTZ001 - it has no zone
MOMENT = dt.datetime(2019, 12, 31, 22, 0, 0, 500000, dt.UTC)
# By engine: scheme and database, how it is started, what is read, and the values that are to come.
ENGINES: dict = {
    "h2": (
        ("h2:tcp", "sales", lambda: java.h2("ann", "secret")),
        """select 9223372036854775807 as a, cast(-1.25 as decimal(38,2)) as b,
        cast('9999-12-31 23:59:59.123456' as timestamp(6)) as c,
        cast('2020-01-01 00:00:00.5+02:00' as timestamp(6) with time zone) as d, date '0044-03-15' as e,
        x'00ff41' as f, 'é🚀' as g,
        true as h, cast(1.5 as double precision) as i, time '10:11:12.5' as j,
        uuid '123e4567-e89b-12d3-a456-426614174000' as k,
        cast(null as int) as l, cast('2020-01-01 00:00:00.123456789' as timestamp(9)) as m""",
        [
            2**63 - 1,
            Decimal("-1.25"),
            LAST,
            MOMENT,
            dt.date(44, 3, 15),
            b"\x00\xffA",
            "é🚀",
            True,
            1.5,
            dt.time(10, 11, 12, 500000),
            "123e4567-e89b-12d3-a456-426614174000",
            None,
            "2020-01-01 00:00:00.123456789",
        ],
    ),
    "hsqldb": (
        ("hsqldb:hsql", "sales", lambda: java.hsqldb("secret")),
        """select 1 as a, cast(-1.25 as decimal(38,2)) as b, timestamp '9999-12-31 23:59:59.123456' as c,
        timestamp '2020-01-01 00:00:00.5+2:00' as d, date '0044-03-15' as e, x'00ff41' as f, 'é🚀' as g,
        true as h, time '10:11:12' as i, cast(null as int) as j from (values(0))""",
        [1, Decimal("-1.25"), LAST, MOMENT, dt.date(44, 3, 15), b"\x00\xffA", "é🚀", True, dt.time(10, 11, 12), None],
    ),
    "derby": (
        ("derby", derby.DATABASE, lambda: derby.derby({"ann": "secret"})),
        """select 1 as a, cast(-1.25 as decimal(31,2)) as b, timestamp('9999-12-31 23:59:59.123456') as c,
        'é🚀' as d,
        cast(x'00ff41' as varchar(3) for bit data) as e, true as f,
        cast(null as int) as g from sysibm.sysdummy1""",
        [1, Decimal("-1.25"), LAST, "é🚀", b"\x00\xffA", True, None],
    ),
    "postgresql": (
        ("postgresql", "postgres", servers.postgres),
        """select 1 as a, (-1.25)::numeric(38,2) as b, timestamp '9999-12-31 23:59:59.123456' as c,
        timestamptz '2020-01-01 00:00:00.5+02' as d, date '0044-03-15' as e, '\\x00ff41'::bytea as f,
        'é🚀' as g, true as h,
        5e-324::float8 as i, array[1,2] as j, null::int as k, 1.5::numeric as l""",
        [
            1,
            Decimal("-1.25"),
            LAST,
            MOMENT,
            dt.date(44, 3, 15),
            b"\x00\xffA",
            "é🚀",
            True,
            5e-324,
            "{1,2}",
            None,
            "1.5",
        ],
    ),
    "mariadb": (
        ("mariadb", "mysql", servers.mariadb),
        """select cast(18446744073709551615 as unsigned) as a, cast(-1.25 as decimal(38,2)) as b,
        timestamp('9999-12-31 23:59:59.123456') as c, x'00ff41' as d, 'é' as e, 1.5e0 as f, null as g""",
        [2**64 - 1, Decimal("-1.25"), LAST, b"\x00\xffA", "é", 1.5, None],
    ),
}


@contextlib.contextmanager
def running(client, engine):
    scheme, database, start = ENGINES[engine][0]
    with start() as server:
        uri = f"jdbc:{scheme}://{server.host}:{server.port}/{database}"
        login = {"username": server.user, "password": server.password, "parameters": java.driver(engine)}
        client.connections.create({"type": "jdbc", "name": engine, "uri": uri, **login})
        yield


@pytest.mark.parametrize("engine", ENGINES)
def test_every_value_is_read_as_it_is_stored(client, engine):
    _, sql, wanted = ENGINES[engine]
    with running(client, engine):
        table, receipt = read(client, sql=sql)
        found = list(table.to_pylist()[0].values())
        if engine == "h2":  # nanoseconds, for which Python has no value
            found[-1] = str(table.column("M")[0].cast(pa.string()))
        assert found == wanted
        assert receipt["snapshot"] is None
        assert set(notes(receipt).values()) <= {"as text"}


def test_partitions_hold_each_row_once_and_pages_the_fetch_size(client):
    key = "case when mod(x, 10) = 0 then null else dateadd(second, x, timestamp '2020-01-01 00:00:00') end"
    sql = f"select x as i, {key} as k, cast(x as decimal(20,3)) / 3 as m from system_range(1, 1000)"
    with running(client, "h2"):
        for column in ("k", "m"):
            assert each_once(client, sql, column, parallel=2, fetch_size=100)
        _, receipt = read(client, sql=sql, limit=7, fetch_size=3)
        assert (receipt["rows"], receipt["batches"]) == (7, 3)
        # What the texts of many rows are divided by, and what NULL may look like, are values like others.
        awkward = (
            "'a' || char(30) || 'b' as a, '' as b, 'null' as c, cast(null as varchar) as d, x'' as e, x'001e' as f"
        )
        wanted = {"A": "a\x1eb", "B": "", "C": "null", "D": None, "E": b"", "F": b"\0\x1e", "G": None, "H": 1}
        sql = f"select {awkward}, cast(null as varbinary) as g, 1 as h from system_range(1, 3)"
        table, receipt = read(client, sql=sql, fetch_size=2)
        assert (table.to_pylist(), receipt["batches"]) == ([wanted] * 3, 2)
        many = [f"c{number}" for number in range(1_600)]
        table, _ = read(client, sql="select " + ", ".join(f"{number} as {name}" for number, name in enumerate(many)))
        assert list(table.to_pylist()[0].values()) == list(range(1_600))
        with pytest.raises(ReadFailed, match="NOPE"):
            read(client, table="NOPE")
        with pytest.raises(UsageError, match="see each a state of its own"):
            read(client, sql=sql, verify=True)


def test_a_query_that_sends_nothing_ends_with_its_reader(client):
    silent = "select sum(x) as n from system_range(1, 1000000000000)"
    sessions = "select count(*) as n from information_schema.sessions where executing_statement like '%(1, 1000000000%'"

    def is_running():
        return read(client, sql=sessions)[0].to_pylist()[0]["N"] > 1

    with running(client, "h2"):
        end_reader(is_running, "--sql", silent)
        until(lambda: not is_running())


def test_a_session_only_reads(client):
    with running(client, "postgresql"):
        table, _ = read(client, sql="select current_setting('transaction_read_only') as only_reads")
        assert table.to_pylist() == [{"only_reads": "on"}]
