"""Databricks' connector on Spark's HiveServer2 behind a relay: tokens, catalogs, schemas, tables, reads and TLS."""

import contextlib

import pytest

from qualytics.connectors import get
from testbed import databricks
from testbed.reach import WAREHOUSE
from tests.support import faults_suite as suite

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@pytest.fixture
def port(warehouse_port):
    return warehouse_port


@pytest.fixture
def tested(port, root_file):
    """Return a function that tests the workspace with its token, unless told otherwise."""

    def call(**options):
        # Spark takes its time for the first query.
        usual = {"path": WAREHOUSE, "username": None, "password": databricks.TOKEN, "timeout_s": 60.0}
        tls = {} if "ssl_mode" in options else {"ssl_root_cert_file": str(root_file)}
        return suite.probe("databricks", port, **{**usual, **tls, **options})

    return call


@pytest.fixture
def session(port, root_file):
    """Return an open session, and the target that it belongs to."""
    connector = get("databricks")
    tls = suite.encrypted("verify", str(root_file))
    place = {"host": "127.0.0.1", "port": port, "database": databricks.CATALOG, "schema": "sales", "fetch_size": 2}
    parameters = {"path": WAREHOUSE}
    target = suite.target("databricks", tls=tls, password=databricks.TOKEN, parameters=parameters, **place)
    with contextlib.closing(connector.open(target)) as handle:
        yield handle, target


def test_a_token_logs_in_and_a_query_runs(tested):
    report = tested(database=databricks.CATALOG, schema="default")
    assert report.failure is None, report.failure
    assert [stage.name for stage in report.stages if stage.ok][-3:] == ["login", "database", "query"]
    assert report.tls["verified"] is True
    assert report.detected["product_version"].startswith("4.")


@pytest.mark.parametrize("password", ["wrong", databricks.TOKEN + "x", "dapi*;!%{}\"'\\"])
def test_a_wrong_token_is_refused(tested, password):
    report = tested(password=password)
    assert suite.verdict(report) == ("login", "auth")
    assert "token" in report.failure.message


def test_an_unknown_warehouse_is_named(tested):
    report = tested(path="/sql/1.0/warehouses/nope")
    assert suite.verdict(report) == ("database", "unknown_db")
    assert "path" in report.failure.hint


@pytest.mark.parametrize(
    ("place", "cause"),
    [
        ({"database": "nope"}, "CATALOG_NOT_FOUND"),
        ({"database": databricks.CATALOG, "schema": "no`p'e"}, "SCHEMA_NOT_FOUND"),
    ],
)
def test_an_unknown_catalog_or_schema_is_named_without_a_stack_trace(tested, place, cause):
    report = tested(**place)
    assert suite.verdict(report) == ("database", "unknown_db")
    assert cause in report.failure.detail
    assert "\tat " not in report.failure.detail
    assert ".scala:" not in report.failure.detail
    assert len(report.failure.detail.splitlines()) <= 10


def test_tls_is_verified_unless_told_otherwise(tested):
    assert suite.verdict(tested(ssl_mode="verify")) == ("tls", "tls")
    report = tested(ssl_mode="require")
    assert report.failure is None, report.failure
    assert report.tls["verified"] is False


def test_discovery_lists_catalogs_schemas_tables_and_views(session):
    handle, target = session
    connector = get("databricks")
    with handle.cursor() as cursor:
        for statement in (
            "create database sales",
            "create view sales.orders_today as select 1 as id",
            "create table sales.orders (id int) using parquet",
            "create table sales.parts (id int) using parquet",
        ):
            cursor.execute(statement)
    assert [item.name for item in connector.catalogs(handle, target)] == [databricks.CATALOG]
    assert {"default", "sales"} <= {item.name for item in connector.schemas(handle, target)}
    tables = {item.name: item.kind for item in connector.tables(handle, target, "ord")}
    assert tables == {"orders": "table", "orders_today": "view"}


def test_more_rows_than_one_fetch_holds_are_read(session):
    handle, _ = session
    with handle.cursor() as cursor:
        cursor.execute("select id from range(5000)")
        assert [len(rows) for rows in (cursor.fetchmany(3_000), cursor.fetchall())] == [3_000, 2_000]
