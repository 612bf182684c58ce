"""Reads of a real PostgreSQL: each value is the one that is stored, and each row comes once from one snapshot."""

import datetime as dt
import threading
from contextlib import closing
from decimal import Decimal

import pyarrow as pa
import pytest

from qualytics import errors
from qualytics.connectors.reading import Query
from qualytics.errors import ReadFailed
from qualytics.model import Scope
from testbed import pgbouncer, servers
from tests.support.late import read_late

SALES = Scope("sales", "public")


def read(client, scope=SALES, **options):
    with client.connections.read(1, scope, **options) as reader:
        table = pa.Table.from_batches(list(reader), reader.schema)
        return table, reader.receipt


def columns_of(receipt):
    return {one["name"]: (one["arrow_type"], one["exact"], one["note"]) for one in receipt["columns"]}


EXACT = {
    "true::bool": True,
    "(-32768)::int2": -32768,
    "9223372036854775807::int8": 9223372036854775807,
    "4294967295::oid": 4294967295,
    "5e-324::float8": 5e-324,
    "'-Infinity'::float8": float("-inf"),
    "1.50::numeric(10,3)": Decimal("1.500"),
    "12345678901234567890123456789012345678.5::numeric": Decimal("12345678901234567890123456789012345678.5"),
    "''": "",
    "null::text": None,
    "E'a\\nb\\r\\n\"c\",\\\\N'": 'a\nb\r\n"c",\\N',
    "'ab'::char(4)": "ab  ",
    "'\\xdead00'::bytea": b"\xde\xad\x00",
    "''::bytea": b"",
    "time '23:59:59.999999'": dt.time(23, 59, 59, 999999),
    "timestamptz '2020-02-29 12:00:00.5+05:30'": dt.datetime(2020, 2, 29, 6, 30, 0, 500_000, tzinfo=dt.UTC),
    "interval '1 year -2 days -0.5 s'": (12, -2, -500_000_000),
    "array[1,null,3]": [1, None, 3],
    "array['x','a,\"b']": ["x", 'a,"b'],
    r"array['\x41', 'é\x5c', '', null]": [r"\x41", r"é\x5c", "", None],
    "'{}'::text[]": [],
    "null::int[]": None,
    "array[1.50::numeric(10,2), null]": [Decimal("1.50"), None],
    "'{1.25, 1e3}'::numeric[]": [Decimal("1.25"), Decimal("1000.00")],
    "'{}'::numeric[]": [],
    "'1 2'::int2vector": "1 2",
    "'3 4'::oidvector": "3 4",
    "'{\"a\": 1}'::jsonb": '{"a": 1}',
    "B'101'": "101",
    "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
}


def test_values_are_read_as_they_are_stored(on_server):
    chosen = ", ".join(f"{expression} as c{number}" for number, expression in enumerate(EXACT))
    table, receipt = read(on_server, sql=f"select {chosen}")
    found = {expression: column[0].as_py() for expression, column in zip(EXACT, table.columns, strict=True)}
    assert found == EXACT
    assert all(one["exact"] for one in receipt["columns"])


def test_a_server_without_an_encoding_gives_its_bytes_and_takes_ours(on_server, postgres_server):
    with closing(servers.postgres_admin(postgres_server)) as admin:
        admin.execute("drop database if exists bytes")
        admin.execute("create database bytes encoding 'SQL_ASCII' locale 'C' template template0")
    with closing(servers.postgres_admin(postgres_server, "bytes")) as admin:
        admin.execute('create table "Größen"("größe" text, n int)'.encode())
        admin.execute("insert into \"Größen\" values ('ä', 1), (E'\\xe4', 2)".encode())
    options = {"scope": Scope("bytes", "public"), "table": "Größen", "columns": ["größe"]}
    parts = {"parallel": 2, "partition_column": "n"}
    assert read(on_server, where="\"größe\" = 'ä'", **options, **parts)[0].to_pylist() == [{"größe": "ä"}]
    with pytest.raises(ReadFailed, match="column 'größe', row 2: bytes that are no text"):
        read(on_server, **options)
    assert read(on_server, invalid_text="hex", **options)[0].column(0).to_pylist() == ["ä", "\\xe4"]


def test_what_the_server_itself_keeps_from_a_user_is_told(on_server, postgres_server):
    with closing(servers.postgres_admin(postgres_server)) as admin:
        admin.execute("drop role if exists kept; create role kept login password 'kept in'")
        admin.execute("alter role kept set statement_timeout = '100ms'")
    on_server.connections.update(1, {"username": "kept", "password": "kept in"})
    with pytest.raises(ReadFailed, match="statement timeout") as failed:
        read(on_server, sql="select pg_sleep(600)")
    assert "the server ends what takes longer" in failed.value.hint
    with closing(servers.postgres_admin(postgres_server)) as admin:
        admin.execute("revoke connect on database postgres, template1 from public")
    try:
        with pytest.raises(errors.TestFailed, match="this user can enter none of"):
            read(on_server, Scope(), table="pg_class")
    finally:
        with closing(servers.postgres_admin(postgres_server)) as admin:
            admin.execute("grant connect on database postgres, template1 to public; drop role kept")


def test_sessions_of_a_pooler_leave_nothing_to_the_next(on_server, postgres_server):
    with closing(servers.postgres_admin(postgres_server, "sales")) as admin:
        admin.execute("drop table if exists pooled")
        admin.execute("create table pooled as select n, repeat('x', 400) as s from generate_series(1, 5000) n")
    users = {postgres_server.user: postgres_server.password}
    lends = {"pool_mode": "transaction", "default_pool_size": "2"}
    where = {"sales": f"host=127.0.0.1 port={postgres_server.port}"}
    with pgbouncer.pgbouncer(where, users, auth_type="scram-sha-256", **lends) as pooler:
        on_server.connections.update(1, {"port": pooler.port})
        for parallel, column in ((1, None), (3, "n")):  # more than there are to lend
            options = {"parallel": parallel, "partition_column": column, "verify": True}
            table, receipt = read(on_server, table="pooled", columns=["s"], **options)
            assert (table.num_rows, receipt["verified"]["ok"]) == (5000, True)


def test_dates_of_any_year_are_read(on_server):
    dates = ["date '0044-03-15 BC'", "date '1500-02-28'", "date '12000-01-01'", "date '0001-01-01'"]
    sql = " union all ".join(f"select {number} n, {one} d, {one}::timestamp t" for number, one in enumerate(dates))
    table, receipt = read(on_server, sql=f"select * from ({sql}) q order by n")
    days = [-735160, -171606, 3663382, -719162]
    assert table.column("d").cast("int32").to_pylist() == days
    assert table.column("t").cast("int64").to_pylist() == [day * 86_400_000_000 for day in days]
    assert columns_of(receipt)["t"] == ("timestamp[us]", True, None)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("'NaN'::numeric(5,2)", "NaN among decimals"),
        ("'infinity'::timestamptz", "an infinite date"),
        ("'-infinity'::date", "an infinite date"),
        ("'24:00'::time", "24:00, the end of a day"),
        ("'294276-12-31 23:59:59'::timestamp", "a timestamp after the year 294,247"),
        ("'PT3000000H'::interval", "an interval of more than 2,562,046 hours"),
    ],
)
def test_what_arrow_cannot_hold_is_told_by_column_and_row(on_server, value, what):
    kind = value.partition("::")[2]
    sql = f"select n, case when n = 3 then {value} end as odd from generate_series(1, 5) n"
    with pytest.raises(ReadFailed, match=rf"column 'odd', row 3: {what}") as failed:
        read(on_server, sql=sql)
    assert failed.value.report["stage"] == "read"
    table, receipt = read(on_server, sql=sql, special="null")
    assert table.column("odd").to_pylist() == [None] * 5
    assert columns_of(receipt)["odd"][1] is False
    table, receipt = read(on_server, sql=sql, special="text")
    assert table.column("odd").to_pylist()[2] == value.split("'")[1].replace("24:00", "24:00:00"), kind
    assert columns_of(receipt)["odd"][:2] == ("string", True)


def test_digits_of_decimals_without_declared_ones_are_those_of_the_values(on_server):
    sql = "select * from (values (1::numeric, 1::numeric, 1e80::numeric), (123.4567, 1e-50, 2)) q(few, many, too)"
    table, receipt = read(on_server, sql=sql)
    assert table.schema.types == [pa.decimal128(7, 4), pa.decimal256(51, 50), pa.string()]
    assert table.column("few").to_pylist() == [Decimal("1.0000"), Decimal("123.4567")]
    assert columns_of(receipt)["too"] == ("string", True, "as text: 81 digits are more than Arrow's 76")


def test_arrays_hold_dates_of_any_year(on_server):
    table, _ = read(on_server, sql="select array['0044-03-15 BC'::date, '12000-01-01'] d")
    assert table.column("d").combine_chunks().flatten().cast("int32").to_pylist() == [-735160, 3663382]


@pytest.mark.parametrize(
    ("array", "what", "text"),
    [
        ("'{{1,2},{3,4}}'::int[]", "an array of more than one dimension", None),
        ("'[2:3]={1,2}'::int[]", "an array whose first index is not 1", None),
        ("'{2020-01-01,infinity}'::date[]", "an infinite date", "{2020-01-01,infinity}"),
        ("'{1.5,NaN}'::numeric[]", "NaN among decimals", "{1.5,NaN}"),
    ],
)
def test_an_array_that_no_list_holds_is_told_by_column_and_row(on_server, array, what, text):
    sql = f"select case when n = 3 then {array} end as odd from generate_series(1, 5) n"
    with pytest.raises(ReadFailed, match=rf"column 'odd', row 3: {what}"):
        read(on_server, sql=sql)
    if text is not None:
        assert read(on_server, sql=sql, special="null")[0].column("odd").to_pylist()[2][1] is None
        assert read(on_server, sql=sql, special="text")[0].column("odd").to_pylist()[2] == text


def test_more_decimals_are_looked_at_than_a_result_has_columns(on_server):
    names = [f"c{number}" for number in range(600)]
    table, _ = read(on_server, sql="select " + ", ".join(f"{name[1:]}::numeric {name}" for name in names))
    assert table.to_pylist() == [{name: Decimal(name[1:]) for name in names}]


@pytest.mark.parametrize(
    ("sql", "error", "said"),
    [
        ("select 1; select 2", errors.InvalidInput, "more than one statement"),
        ("delete from pg_class", ReadFailed, "42"),
        ("with d as (delete from nothing_here) select 1", ReadFailed, "42"),
    ],
)
def test_a_query_is_one_statement_that_reads(on_server, sql, error, said):
    with pytest.raises(error, match=said):
        read(on_server, sql=sql)


def test_a_failure_in_the_middle_names_its_partition(on_server):
    with pytest.raises(ReadFailed, match="in partition 0: 22012: DivisionByZero: division by zero"):
        read(on_server, sql="select 1 / (n - 2500) from generate_series(1, 5000) n", fetch_size=1000)


@pytest.fixture
def rows(postgres_server):
    """Make a table with NULL, negative, duplicate and skewed keys; return what `select` finds in it, sorted."""
    with closing(servers.postgres_admin(postgres_server, "sales")) as admin:
        admin.execute("drop table if exists keyed")
        admin.execute(
            "create table keyed as select case when n % 10 = 0 then null when n % 3 = 0 then 7 else n - 5000 end as k,"
            " repeat('x', 100) || n as s, date '2020-01-01' + n % 700 as d from generate_series(1, 20000) n"
        )
        yield sorted(admin.execute("select s from keyed").fetchall())
        admin.execute("drop table keyed")


@pytest.mark.parametrize("column", [None, "k", "d"])
def test_partitions_hold_each_row_of_one_snapshot_once_while_others_write(on_server, postgres_server, rows, column):
    over = threading.Event()

    def write():
        with closing(servers.postgres_admin(postgres_server, "sales")) as other:
            while not over.is_set():
                other.execute("insert into keyed values (1, 'new', date '2021-01-01')")
                other.execute("delete from keyed where s = 'new'")
                other.execute("update keyed set k = k where s like '%77'")  # moves rows to other blocks

    with closing(servers.postgres_admin(postgres_server, "sales")) as admin:
        before = admin.execute("select count(*) from keyed").fetchone()[0]
    writer = threading.Thread(target=write)
    writer.start()
    try:
        table, receipt = read(
            on_server, table="keyed", parallel=3, partition_column=column, fetch_size=500, verify=True
        )
    finally:
        over.set()
        writer.join()
    found = sorted((text,) for text in table.column("s").to_pylist() if text != "new")
    assert (before, found) == (len(rows), rows)
    parts = receipt["partitions"]
    assert len(parts) > 3
    assert sum(part["rows"] for part in parts) == receipt["rows"] == receipt["verified"]["count"]
    assert receipt["verified"]["ok"]
    assert receipt["snapshot"]["id"]
    if column is not None:
        assert parts[-1]["predicate"] == f'"{column}" is null'
        assert parts[-1]["rows"] == (2000 if column == "k" else 0)


@pytest.mark.parametrize("options", [{"parallel": 4}, {"parallel": 4, "partition_column": "k"}])
def test_an_empty_table_and_a_column_of_null_alone_are_read(on_server, postgres_server, options):
    with closing(servers.postgres_admin(postgres_server, "sales")) as admin:
        for name, filled in (("empty", ""), ("nulls", "select null, 'x' from generate_series(1, 100)")):
            admin.execute(f"drop table if exists {name}; create table {name}(k int, s text)")
            if filled:
                admin.execute(f"insert into {name} {filled}")
    assert read(on_server, table="empty", **options)[0].num_rows == 0
    assert read(on_server, table="nulls", **options)[0].to_pylist() == [{"k": None, "s": "x"}] * 100


def test_a_column_that_makes_no_ranges_is_refused(on_server):
    with pytest.raises(ReadFailed, match="column 's' makes no ranges"):
        read(on_server, sql="select 'x' as s", parallel=2, partition_column="s")


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"columns": ("nme",)}, "did you mean --columns name?"),
        ({"columns": ("id", "amount")}, "check --columns"),
        ({"columns": ("id",), "partition_column": "nam", "parallel": 2}, "did you mean --partition-column name?"),
    ],
)
def test_a_column_that_is_not_there_is_told_with_the_one_that_is_meant(on_server, postgres_server, options, hint):
    with closing(servers.postgres_admin(postgres_server, "sales")) as admin:
        admin.execute("create table if not exists misspelt (id int, name text)")
    with pytest.raises(ReadFailed, match="there is no column '") as failed:
        read(on_server, table="misspelt", **options)
    assert failed.value.report["hint"] == hint


def test_a_query_may_take_longer_than_the_login(postgres_server):
    login = {"username": postgres_server.user, "password": postgres_server.password, "database": "sales"}
    assert read_late("postgresql", postgres_server.port, Query(sql="select 1 as a"), **login) == [{"a": 1}]
