"""Rows of the table on reads: engines into Arrow beside their own clients and other tools, and the memory of reads."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

from bench.clock import Command, medians_ms, peak_mib, python, qualytics
from bench.rows import Bench, Figure
from testbed import hive, servers
from testbed.installing import install_debian, virtual_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_FEW, _MANY = 200_000, 5_000_000
# Of engines whose drivers make each value an object of Python.
_SOME = 500_000
_ROUNDS = 2
_AT_ONCE = 10_000
_TABLE = """
create table {name} as select n as id, n * 7919::bigint as big, n / 3.0::float8 as share, 'name of ' || n as name,
    (n * 0.01)::numeric(12, 2) as price, timestamp '2020-01-01' + n * interval '1 second' as at,
    date '2020-01-01' + n % 1000 as day, n % 2 = 0 as even
from generate_series(1, {rows}) n
"""
_JAR = "/usr/share/java/postgresql.jar"
# What others run, in an environment of the benchmark's own; the login is in variables.
_URL = "'{}://' + e['DBUSER'] + ':' + e['DBPASSWORD'] + '@' + e['DBHOST'] + ':' + e['DBPORT'] + '/' + e['DBNAME']"
_CONNECTORX = (
    f"import os, connectorx; e = os.environ; connectorx.read_sql({_URL}, 'select * from many', return_type='arrow')"
)
_SERVER_CURSOR = """
import psycopg
with psycopg.connect() as connection, connection.cursor('rows') as cursor:
    cursor.execute('select * from many')
    while cursor.fetchmany(10_000):
        pass
"""
_PANDAS = "import pandas, psycopg; pandas.read_sql('select * from many', psycopg.connect())"
_SPARK = """
import os
from pyspark.sql import SparkSession
e = os.environ
spark = (
    SparkSession.builder.master("local[2]").config("spark.jars", e["JAR"]).config("spark.ui.enabled", "false")
    .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1").getOrCreate()
)
options = {"user": e["DBUSER"], "password": e["DBPASSWORD"], "dbtable": "many", "fetchsize": "10000"}
options["driver"] = "org.postgresql.Driver"
url = "jdbc:postgresql://" + e["DBHOST"] + ":" + e["DBPORT"] + "/" + e["DBNAME"]
spark.read.format("jdbc").option("url", url).options(**options).load().write.format("noop").mode("overwrite").save()
"""
_PYMYSQL = """
import os, pymysql
e = os.environ
login = {"user": e["DBUSER"], "password": e["DBPASSWORD"], "host": e["DBHOST"], "port": int(e["DBPORT"])}
with pymysql.connect(**login, database=e["DBNAME"]).cursor(pymysql.cursors.SSCursor) as cursor:
    cursor.execute("select * from many")
    while cursor.fetchmany(10_000):
        pass
"""
_DUCKDB = """
import duckdb, sys
with duckdb.connect(sys.argv[1], read_only=True) as connection:
    for batch in connection.sql("select * from many").to_arrow_reader(10_000):
        pass
"""
_SQLITE = """
import sys, adbc_driver_sqlite.dbapi as sqlite
options = {"adbc.sqlite.query.batch_rows": "10000"}
with sqlite.connect(sys.argv[1]) as connection, connection.cursor(adbc_stmt_kwargs=options) as cursor:
    cursor.execute("select * from many")
    for batch in cursor.fetch_record_batch():
        pass
"""


def read(home: Path, words: str, fetch_size: int = _AT_ONCE, parallel: int = 1) -> Command:
    """Return a read into Arrow, of which nothing is kept."""
    options = f"--fetch-size {fetch_size} --parallel {parallel} --output - --format arrow"
    return _unkept(qualytics(home, *f"connections read {words} {options}".split()))


def _unkept(command: Command) -> Command:
    return Command(("sh", "-c", '"$@" > /dev/null', "sh", *command.words), command.extra)


def _other(text: str, extra: dict[str, str], *words: str, place: Path | None = None) -> Command:
    """Return a line of Python in an environment of the benchmark's own, or in another."""
    place = place or virtual_environment("bench-reads")
    return Command((str(place / "bin" / "python"), "-c", text, *words), extra)


def reads(bench: Bench) -> Iterator[Figure]:
    """Time a read of a table of eight columns, beside COPY of the same and others; then its memory at two sizes."""
    home, libpq = bench.on_postgres()
    psql = str(servers.postgres_programs() / "psql")
    for name, rows in (("few", _FEW), ("many", _MANY)):
        Command((psql, "-qc", _TABLE.format(name=name, rows=rows)), libpq).run()
    Command((psql, "-qc", "create table tiny as select 1 as n", "-c", "vacuum analyze"), libpq).run()
    where = "live --database postgres --schema public --table"
    login = {f"DB{name}": libpq[f"PG{name}"] for name in ("HOST", "PORT", "USER", "PASSWORD")}
    login["DBNAME"] = libpq["PGDATABASE"]
    commands = {
        "psql COPY": _unkept(Command((psql, "-qc", "copy many to stdout"), libpq)),
        "one": read(home, f"{where} many"),
        "two": read(home, f"{where} many", parallel=2),
        "start": read(home, f"{where} tiny"),
        "python + psycopg, pyarrow": python("import psycopg, pyarrow; psycopg.connect().execute('select 1')", libpq),
        "connectorx": _other(_CONNECTORX.format("postgresql"), login),
        "psycopg, server cursor": _other(_SERVER_CURSOR, libpq),
    }
    taken = medians_ms(commands, _ROUNDS)
    rows = f"{_MANY:,} rows"
    yield Figure(f"read of {rows}", taken["one"], "ms", taken["psql COPY"], "psql COPY", limit_ratio=1 / 0.9)
    yield Figure(f"read of {rows}, two sessions", taken["two"], "ms", taken["psql COPY"], "psql COPY")
    for name in ("connectorx", "psycopg, server cursor"):
        yield Figure(f"read of {rows}", taken["one"], "ms", taken[name], name, limit_ratio=1)
    floor = "python + psycopg, pyarrow"
    yield Figure("read of one row", taken["start"], "ms", taken[floor], floor)
    for size in (1_000, _AT_ONCE):
        less, more = (peak_mib(read(home, f"{where} {table}", size)) for table in ("few", "many"))
        yield Figure(f"peak memory, read of {rows}, {size:,} at once", more, "MiB", less, f"of {_FEW:,}", 200)
    # Each takes minutes, or as much memory as the table.
    slow = {"ours": commands["one"], "pandas.read_sql": _other(_PANDAS, libpq), "Spark JDBC": _spark(login)}
    taken = medians_ms(slow, 1)
    ours = taken.pop("ours")
    for name, ms in taken.items():
        yield Figure(f"read of {rows}", ours, "ms", ms, name, limit_ratio=1)


def _spark(login: dict[str, str]) -> Command:
    install_debian("libpostgresql-jdbc-java")
    hive.programs()  # brings Java and Spark
    return _other(_SPARK, login | {"JAR": _JAR}, place=virtual_environment("pyspark"))


def reads_of_others(bench: Bench) -> Iterator[Figure]:
    """Time reads of MariaDB, DuckDB and SQLite, beside what their own clients take."""
    home = bench.home("others")
    yield from _mariadb(home)
    yield from _embedded(home, "duckdb", _DUCKDB, _MANY, python)
    yield from _embedded(home, "sqlite", _SQLITE, _SOME, lambda text, *words: _other(text, {}, *words))


def _mariadb(home: Path) -> Iterator[Figure]:
    with servers.mariadb() as server, closing(servers.mariadb_admin(server)) as admin, admin.cursor() as cursor:
        cursor.execute("create database bench")
        cursor.execute("use bench")
        cursor.execute(
            "create table bench.many as select seq as id, seq * 7919 as big, seq / 3e0 as share, "
            "concat('name of ', seq) as name, cast(seq * 0.01 as decimal(12, 2)) as price, "
            "timestamp '2020-01-01 00:00:00' + interval seq second as at, "
            f"date '2020-01-01' + interval seq % 1000 day as day, seq % 2 as even from seq_1_to_{_SOME}"
        )
        login = ("--host", server.host, "--port", str(server.port), "--username", server.user, "--password-stdin")
        given = ("--type", "mariadb", "--name", "maria", *login, "--parameters", '{"ssl_mode": "disable"}')
        qualytics(home, "connections", "create", *given).run(stdin=server.password.encode())
        values = {"HOST": server.host, "PORT": str(server.port), "USER": server.user, "PASSWORD": server.password}
        extra = {f"DB{name}": value for name, value in values.items()} | {"DBNAME": "bench"}
        commands = {
            "ours": read(home, "maria --database bench --table many"),
            "PyMySQL, unbuffered": _other(_PYMYSQL, extra),
            "connectorx": _other(_CONNECTORX.format("mysql"), extra),
        }
        taken = medians_ms(commands, _ROUNDS)
    ours = taken.pop("ours")
    for name, ms in taken.items():
        yield Figure(f"mariadb, read of {_SOME:,} rows", ours, "ms", ms, name)


def _embedded(home: Path, kind: str, text: str, rows: int, run: Callable[..., Command]) -> Iterator[Figure]:
    path = str(home.parent / f"many.{kind}")
    if kind == "duckdb":
        _fill_duckdb(path, rows)
    else:
        _fill_sqlite(path, rows)
    qualytics(home, "connections", "create", "--type", kind, "--name", kind, "--uri", path).run()
    floor = run(text, path) if kind == "sqlite" else Command((*run(text).words, path))
    taken = medians_ms({"ours": read(home, f"{kind} --table many"), "floor": floor}, _ROUNDS)
    own = "DuckDB's own Arrow" if kind == "duckdb" else "SQLite's ADBC driver"
    yield Figure(f"{kind}, read of {rows:,} rows", taken["ours"], "ms", taken["floor"], own, limit_ratio=1 / 0.9)


def _fill_duckdb(path: str, rows: int) -> None:
    sql = (
        "create table many as select n as id, n * 7919 as big, n / 3.0 as share, 'name of ' || n as name, "
        "(n * 0.01)::decimal(12, 2) as price, timestamp '2020-01-01' + to_seconds(n) as at, "
        f"date '2020-01-01' + (n % 1000)::int as day, n % 2 = 0 as even from range(1, {rows + 1}) t(n)"
    )
    # In a process of its own: this one forks.
    made = python(f"import duckdb; duckdb.connect({path!r}).execute({sql!r}).close()")
    subprocess.run(made.words, check=True)


def _fill_sqlite(path: str, rows: int) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute(
            "create table many (id integer, big integer, share real, name text, "
            "price text, at text, day text, even integer)"
        )
        database.execute(
            f"with recursive s(n) as (select 1 union all select n + 1 from s where n < {rows}) insert into many "
            "select n, n * 7919, n / 3.0, 'name of ' || n, printf('%.2f', n * 0.01), "
            "datetime('2020-01-01', n || ' seconds'), date('2020-01-01', (n % 1000) || ' days'), n % 2 from s"
        )
        database.commit()


ROWS: dict[str, Callable[[Bench], Iterator[Figure]]] = {"read": reads, "read-others": reads_of_others}
