"""Trino's and Presto's clients on BuenaVista, a server of both protocols over DuckDB: reads, discovery and TLS.

It checks no password and has no error codes of Trino: logins, awkward passwords and errors are in test_presto.
"""

import pytest

from qualytics.connectors import get
from testbed import buenavista
from tests.support import faults_suite as suite

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.parametrize("type_", ["trino", "presto"])]


@pytest.fixture
def port(buenavista_server):
    return buenavista_server.port


@pytest.fixture(scope="module")
def tls_port(certificate):
    with buenavista.buenavista(certificate) as server:
        yield server.port


def test_catalog_and_schema_are_found_and_a_query_runs(type_, port):
    report = suite.probe(type_, port, password=None, database="HIVE", schema="Sales")
    assert report.failure is None, report.failure
    assert [stage.name for stage in report.stages if stage.ok][-3:] == ["login", "database", "query"]
    assert report.detected["product_name"].lower() == type_
    assert report.detected["product_version"].startswith("v1.")


def test_an_unknown_catalog_or_schema_is_named(type_, port):
    for place, name in (({"database": "nope"}, "'nope'"), ({"database": "hive", "schema": "no'pe"}, "no'pe")):
        report = suite.probe(type_, port, password=None, **place)
        assert suite.verdict(report) == ("database", "unknown_db")
        assert name in report.failure.message


def test_a_password_goes_over_https_alone(type_, port, tls_port, root_file):
    assert suite.verdict(suite.probe(type_, port)) == ("login", "tls")
    report = suite.probe(type_, tls_port, ssl_root_cert_file=str(root_file), database="hive", schema="sales")
    assert report.failure is None, report.failure
    assert report.tls["verified"] is True


def test_an_unknown_authority_is_refused(type_, tls_port):
    assert suite.verdict(suite.probe(type_, tls_port)) == ("tls", "tls")


def test_tls_that_is_not_there_is_told_as_such(type_, port):
    assert suite.verdict(suite.probe(type_, port, ssl_mode="verify")) == ("tls", "tls")


def test_discovery_lists_catalogs_schemas_tables_and_views(type_, port):
    place = {"host": "127.0.0.1", "port": port, "database": "hive", "schema": "Sales"}
    target = suite.target(type_, tls=suite.plain(), password=None, **place)
    connector = get(type_)
    handle = connector.open(target)
    catalogs = {item.name: item.is_system for item in connector.catalogs(handle, target)}
    schemas = [item.name for item in connector.schemas(handle, target)]
    tables = {item.name: item.kind for item in connector.tables(handle, target, "OR_")}
    connector.close(handle)
    assert (catalogs["hive"], catalogs["system"]) == (False, True)
    assert {"main", "sales"} <= set(schemas)
    assert tables == {"or_ders": "table", "or_v": "view"}
