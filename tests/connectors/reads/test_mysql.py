"""Reads of a real MariaDB: each value is the one that is stored; partitions share no snapshot, which is said."""

import datetime as dt
import signal
from contextlib import closing, contextmanager
from decimal import Decimal

import pyarrow as pa
import pytest

from qualytics.connectors.contract import Target
from qualytics.connectors.reading import Query
from qualytics.connectors.reads.mysql import begin
from qualytics.errors import ReadFailed, UsageError
from qualytics.model import Scope
from testbed import servers
from tests.support.late import read_late
from tests.support.reads import end_reader, until

SALES = Scope("sales")
# Longer than any test; while it computes, the server does not see that a client has gone.
BUSY = "select benchmark(1000000000000, md5('a')) as n"
COLUMNS = {
    "a tinyint unsigned": (255, 255),
    "b bigint unsigned": (18446744073709551615, 18446744073709551615),
    "c decimal(65,30)": ("'12345678901234567890123456789012345.5'", Decimal("12345678901234567890123456789012345.5")),
    "d float": ("'16777217.3'", 16777218.0),
    "e double": ("5e-324", 5e-324),
    "f varchar(20) character set utf8mb4": ("'é🚀\"'", 'é🚀"'),
    "g varbinary(4)": ("x'ff0041'", b"\xff\x00A"),
    "h datetime(6)": ("'2020-02-29 23:59:59.999999'", dt.datetime(2020, 2, 29, 23, 59, 59, 999999)),  # noqa: DTZ001 - it has no zone
    "i timestamp": ("'2020-02-29 12:00:00'", dt.datetime(2020, 2, 29, 12, tzinfo=dt.UTC)),
    "j time(3)": ("'-838:59:58.5'", -dt.timedelta(hours=838, minutes=59, seconds=58.5)),
    "k bit(5)": ("b'101'", "00101"),
    "l year": (1999, 1999),
    "m date": ("'9999-12-31'", dt.date(9999, 12, 31)),
    "n text": ("''", ""),
    "o enum('x','y')": ("'y'", "y"),
}


KEYS = {
    "whole": "whole bigint",
    "`unsigned`": "`unsigned` bigint unsigned",
    "exact": "exact decimal(65,30)",
    "near": "near double",
    "single": "single float",
    "y": "y year",
    "m": "m datetime(6)",
    "z": "z timestamp null",
}
ENDS = [
    ["-9223372036854775808", "0", "9223372036854775807", "-1", "7"],
    ["0", "9223372036854775808", "18446744073709551615", "1", "7"],
    [f"'-{'9' * 35}.{'9' * 30}'", "0", f"'{'9' * 35}.{'9' * 30}'", "1e-30", "'7'"],
    ["-1.7e308", "0", "1.7e308", "5e-324", "7"],
    ["-3e38", "0", "3e38", "1e-38", "7"],
    ["0", "1901", "2155", "1969", "2070"],
    ["'1000-01-01'", "'0000-00-00'", "'9999-12-31 23:59:59.999999'", "'2020-02-00'", "'2020-02-29'"],
    ["'1970-01-01 00:00:01'", "'0000-00-00'", "'2038-01-19 03:14:07'", "'2020-02-29'", "'2020-02-29 00:00:01'"],
]


@pytest.fixture
def table(client, mariadb_server):
    """Make tables on the server that connection 1 is of."""
    login = {"username": mariadb_server.user, "password": mariadb_server.password}
    where = {"host": "127.0.0.1", "port": mariadb_server.port, "parameters": {"ssl_mode": "disable"}}
    client.connections.create({"type": "mariadb", "name": "my", **login, **where})
    values = ", ".join(str(literal) for literal, _ in COLUMNS.values())
    with closing(servers.mariadb_admin(mariadb_server)) as admin, admin.cursor() as cursor:
        cursor.execute("set time_zone = '+00:00', sql_mode = ''")
        cursor.execute("drop table if exists sales.whole, sales.keyed")
        cursor.execute(f"create table sales.whole ({', '.join(COLUMNS)})")
        cursor.execute(f"insert into sales.whole values ({values}), ({', '.join(['null'] * len(COLUMNS))})")
        cursor.execute("create table sales.keyed (k int, d date, z date)")
        rows = [(None if n % 10 == 0 else n - 500, f"2020-01-{n % 28 + 1:02}", "0000-00-00") for n in range(1000)]
        cursor.executemany("insert into sales.keyed values (%s, %s, %s)", rows)
        # Keys of each kind: the ends of its range, zero, what comes twice, and NULL.
        cursor.execute("drop table if exists sales.keys_of")
        cursor.execute(f"create table sales.keys_of (n int auto_increment primary key, {', '.join(KEYS.values())})")
        for row in zip(*ENDS, strict=True):
            cursor.execute(
                f"insert into sales.keys_of ({', '.join(KEYS)}) values ({', '.join(row)}), ({', '.join(row)})"
            )
        cursor.execute(f"insert into sales.keys_of ({', '.join(KEYS)}) values ({', '.join(['null'] * len(KEYS))})")
        admin.commit()


def read(client, **options):
    with client.connections.read(1, SALES, **options) as reader:
        return pa.Table.from_batches(list(reader), reader.schema), reader.receipt


def test_values_are_read_as_they_are_stored(client, table):
    found, receipt = read(client, table="whole", verify=True)
    names = [column.split()[0] for column in COLUMNS]
    assert found.to_pylist()[0] == dict(zip(names, (value for _, value in COLUMNS.values()), strict=True))
    assert receipt["verified"] == {"count": 2, "ok": True}
    assert receipt["snapshot"]["kind"] == "consistent snapshot of transactional tables"


@pytest.mark.parametrize("column", ["k", "d"])
def test_ranges_hold_each_row_once_and_no_snapshot_is_claimed(client, table, column):
    found, receipt = read(client, table="keyed", columns=("k", "d"), parallel=2, partition_column=column)
    assert found.num_rows == 1000
    assert found.column("k").null_count == 100
    assert len(set(found.column("k").drop_null().to_pylist())) == 900
    assert (receipt["snapshot"], receipt["parallel"]) == (None, 2)
    assert receipt["partitions"][-1]["rows"] == (100 if column == "k" else 0)
    with pytest.raises(UsageError, match="see each a state of its own"):
        read(client, table="keyed", parallel=2, verify=True)


def test_the_first_rows_of_a_query_come_in_its_order_and_ranges_need_no_column_that_is_read(client, table):
    sql = "select k from sales.keyed where k is not null order by d desc, k desc"
    whole = read(client, sql=sql)[0].column("k").to_pylist()
    found, receipt = read(client, sql=sql, limit=150, fetch_size=100)
    assert (found.column("k").to_pylist(), receipt["rows"]) == (whole[:150], 150)
    assert read(client, sql=sql, limit=1000)[0].num_rows == 900
    found, receipt = read(client, table="keyed", columns=("d",), parallel=2, partition_column="k")
    assert (found.column_names, found.num_rows, receipt["parallel"]) == (["d"], 1000, 2)
    with pytest.raises(ReadFailed, match="there is no column"):
        read(client, table="keyed", columns=("d",), parallel=2, partition_column="kk")


@contextmanager
def session(server, **options):
    """Begin a session in this process."""
    target = Target(type="mariadb", parameters={}, timeout_s=60.0, directory="", database="sales")
    with closing(servers.mariadb_admin(server)) as handle:
        yield begin(handle, target, Query(**options), None, None)


@pytest.mark.parametrize("parallel", [2, 7])
@pytest.mark.parametrize("column", KEYS)
def test_ranges_reach_from_one_end_of_a_type_to_the_other(table, mariadb_server, column, parallel):
    name = column.strip("`")
    options = {"table": "keys_of", "columns": ("n", name), "partition_column": name, "special": "null"}
    with session(mariadb_server, parallel=parallel, **options) as begun:
        parts = begun.partitions()
        found = [n for part in parts for batch in begun.batches(part) for n in batch.column("n").to_pylist()]
    assert len(parts) > parallel
    assert sorted(found) == list(range(1, 12))


def test_a_row_of_more_than_a_packet_is_read(mariadb_server):
    with closing(servers.mariadb_admin(mariadb_server)) as admin, admin.cursor() as cursor:
        cursor.execute("select @@global.max_allowed_packet")
        (before,) = cursor.fetchone()
        cursor.execute(f"set global max_allowed_packet = {64 << 20}")
        try:
            sql = "select 1 as n, repeat('x', 34000000) as s union all select 2, repeat('y', 16777210)"
            with session(mariadb_server, sql=sql) as begun:
                batches = list(begun.batches(*begun.partitions()))
        finally:
            cursor.execute(f"set global max_allowed_packet = {before}")
    found = [row for batch in batches for row in batch.to_pylist()]
    assert [(row["n"], len(row["s"]), set(row["s"])) for row in found] == [
        (1, 34_000_000, {"x"}),
        (2, 16_777_210, {"y"}),
    ]


def test_a_query_keeps_its_order(client, table):
    found, _ = read(client, sql="select k from keyed where k is not null order by k desc")
    keys = found.column("k").to_pylist()
    assert len(keys) == 900
    assert keys == sorted(keys, reverse=True)


def test_a_zero_date_is_no_date(client, table):
    with pytest.raises(ReadFailed, match="column 'z', row 1: a date of which a part is zero"):
        read(client, table="keyed", columns=("z",))
    assert read(client, table="keyed", columns=("z",), special="null")[0].column("z").null_count == 1000
    assert read(client, table="keyed", columns=("z",), special="text")[0].column("z")[0].as_py() == "0000-00-00"


def test_a_query_may_take_longer_than_the_login(mariadb_server):
    login = {"username": mariadb_server.user, "password": mariadb_server.password, "database": "sales"}
    assert read_late("mariadb", mariadb_server.port, Query(sql="select 1 as a"), **login) == [{"a": 1}]


def test_a_date_that_no_calendar_has_is_none(mariadb_server, client, table):
    with closing(servers.mariadb_admin(mariadb_server)) as admin, admin.cursor() as cursor:
        cursor.execute("set session sql_mode = 'allow_invalid_dates'")
        cursor.execute("create table sales.no_dates (n int, d date, t datetime(1))")
        rows = "(1, null, '1969-02-28 10:00:00.5'), (2, '2020-02-29', null), (3, '1900-02-29', '2020-04-31 01:00:00.5')"
        cursor.execute(f"insert into sales.no_dates values {rows}")
    try:
        for column in "d", "t":
            with pytest.raises(ReadFailed, match=f"column '{column}', row 3: a date that no calendar has"):
                read(client, table="no_dates", columns=(column,))
        assert read(client, table="no_dates", where="n < 3")[0].to_pylist() == [
            {"n": 1, "d": None, "t": dt.datetime(1969, 2, 28, 10, 0, 0, 500_000)},  # noqa: DTZ001 - it has no zone
            {"n": 2, "d": dt.date(2020, 2, 29), "t": None},
        ]
        assert read(client, table="no_dates", where="n = 3", special="null")[0].to_pylist() == [
            {"n": 3, "d": None, "t": None}
        ]
        (row,) = read(client, table="no_dates", where="n = 3", special="text")[0].to_pylist()
        assert row == {"n": 3, "d": "1900-02-29", "t": "2020-04-31 01:00:00.5"}
    finally:
        with closing(servers.mariadb_admin(mariadb_server)) as admin, admin.cursor() as cursor:
            cursor.execute("drop table sales.no_dates")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_query_that_sends_nothing_ends_with_its_reader(client, table, mariadb_server, number):
    with closing(servers.mariadb_admin(mariadb_server)) as admin, admin.cursor() as cursor:

        def is_running():
            return cursor.execute("select 1 from information_schema.processlist where info like '%benchmark(%'") > 1

        end_reader(is_running, "--sql", BUSY, number=number)
        until(lambda: not is_running())
