"""Saved connections as DataFrames: real Spark in an environment of its own, PostgreSQL with its JDBC driver."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from testbed import servers, spark

pytestmark = [pytest.mark.servers, pytest.mark.slow]

# One process of Spark for all: it takes longer to start than all reads together.
PROGRAM = f"""
import json, sys
from pyspark.sql import SparkSession
from pyspark.sql.functions import spark_partition_id
import qualytics.spark
from qualytics.errors import QualyticsError

spark = {spark.BUILDER}.getOrCreate()
said = {{}}
for name, given in json.loads(sys.argv[1]).items():
    try:
        frame = qualytics.spark.read(spark, "prod", database="postgres", **given)
        rows = frame.select("id", spark_partition_id().alias("part")).collect()
        parts = [row.part for row in rows]
        sizes = [parts.count(part) for part in range(frame.rdd.getNumPartitions())]
        said[name] = {{"ids": sorted(row.id for row in rows), "sizes": sizes}}
    except QualyticsError as exc:
        said[name] = {{"code": exc.code, "message": exc.message}}
print("SAID" + json.dumps(said))
"""
ROWS = 1_000
COLUMNS = ("number", "amount", "ratio", "day", "moment", "zoned")
READS = {
    **{column: {"table": "Orders", "partition_column": column} for column in COLUMNS},
    "query": {
        "query": 'select id, number from "Orders" where id <= 500 -- half',
        "partition_column": "number",
        "parallel": 3,
    },
    "whole": {"table": "Orders"},
    "empty": {"table": "empty", "partition_column": "id"},
    "only null": {"table": "only_null", "partition_column": "number"},
    "special": {"table": "special", "partition_column": "ratio"},
    "text": {"table": "Orders", "partition_column": "name"},
    "neither": {},
}


@pytest.fixture(scope="module")
def database(postgres_server):
    with servers.postgres_admin(postgres_server) as session:
        session.execute(
            f"""
            create table "Orders" as select id,
                case when id % 10 = 0 then null else (id % 7) ^ 5 - 4000 end::int as number,
                (id / 7.0)::numeric(18, 4) - 50 as amount, sqrt(id) as ratio, date '0990-01-01' + id * 365 as day,
                timestamp '1999-12-31 23:00:00' + id * interval '1 hour' as moment,
                timestamptz '2024-03-31 00:00:00 UTC' + id * interval '1 second' as zoned, 'name ' || id as name
            from generate_series(1, {ROWS}) id;
            create table empty (id int);
            create table only_null as select id, null::int as number from generate_series(1, 5) id;
            create table special as select id, (array['NaN', 'Infinity', '-Infinity', '1', '2'])[id]::float8 as ratio
            from generate_series(1, 5) id
            """
        )
    yield postgres_server
    with servers.postgres_admin(postgres_server) as session:
        session.execute('drop table "Orders", empty, only_null, special')


@pytest.fixture(scope="module")
def said(database, tmp_path_factory):
    import qualytics

    home = tmp_path_factory.mktemp("spark")
    with qualytics.connect(home=home / "home") as client:
        given = {"host": database.host, "port": database.port, "username": database.user, "password": database.password}
        tuning = {"max_parallelization": 4, "jdbc_fetch_size": 77, "parameters": {"ssl_mode": "disable"}}
        client.connections.create({"type": "postgresql", "name": "prod", **given, **tuning})
    own = {"QUALYTICS_CONFIG_HOME": str(home / "home"), "TZ": "Europe/Berlin"}
    env = {**os.environ, **spark.variables(), **own}
    command = [sys.executable, "-W", "error::UserWarning", "-c", PROGRAM, json.dumps(READS)]
    done = subprocess.run(
        command, cwd=home, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert database.password not in done.stdout + done.stderr
    return json.loads(done.stdout.rpartition("SAID")[2])


@pytest.mark.parametrize("column", COLUMNS)
def test_each_row_is_in_one_partition(said, column):
    assert said[column]["ids"] == list(range(1, ROWS + 1))
    sizes = said[column]["sizes"]
    assert len(sizes) == 5
    assert sizes[-1] == (ROWS // 10 if column == "number" else 0)  # NULL has one of its own
    if column != "number":  # whose values are skewed
        assert all(size > 0 for size in sizes[:-1])


def test_a_query_is_divided_as_a_table_is(said):
    assert said["query"]["ids"] == list(range(1, 501))
    assert len(said["query"]["sizes"]) == 4


def test_without_a_column_there_is_one_partition(said):
    assert said["whole"]["ids"] == list(range(1, ROWS + 1))
    assert len(said["whole"]["sizes"]) == 1


def test_columns_without_values_to_divide_lose_no_row(said):
    assert said["empty"]["ids"] == []
    assert said["only null"]["ids"] == [1, 2, 3, 4, 5]
    assert said["special"]["ids"] == [1, 2, 3, 4, 5]


def test_what_cannot_be_read_is_told(said):
    assert said["text"] == {"code": "usage", "message": '"name" holds no numbers, dates or timestamps'}
    assert said["neither"] == {"code": "usage", "message": "either a table or a query is needed"}
