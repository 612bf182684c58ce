"""Dremio's driver on ROAPI, another Flight SQL server: logins that it checks, TLS, schemas and tables."""

import pytest

from qualytics.connectors import get
from testbed import relay, roapi
from tests.support import faults_suite as suite

pytestmark = [pytest.mark.servers, pytest.mark.slow]

TABLES = {"orders": "id,amount\n1,2.5\n", "orders_2025": "id\n1\n", "parts": "id\n7\n"}
TOKEN = {"authentication_type": "ACCESS_TOKEN", "username": None, "ssl_mode": "disable"}


@pytest.fixture(scope="module")
def server():
    with roapi.roapi(TABLES) as running:
        yield running


@pytest.fixture(scope="module")
def tls_port(server, certificate):
    with relay.relay(server.port, certificate, protocols=("h2",)) as port:
        yield port


def test_user_and_password_log_in_and_a_query_runs(server):
    report = suite.probe("dremio", server.port, ssl_mode="disable")
    assert report.failure is None, report.failure
    assert [stage.name for stage in report.stages if stage.ok] == ["resolve", "tcp", "login", "query"]
    assert report.detected["product_name"] == "RoAPI Flight SQL Server"


@pytest.mark.parametrize("login", [{"password": "wrong"}, {"username": "bob"}, {"password": None}])
def test_a_wrong_user_or_password_is_refused(server, login):
    report = suite.probe("dremio", server.port, ssl_mode="disable", **login)
    assert suite.verdict(report) == ("login", "auth")
    assert "--password" in report.failure.hint


def test_an_access_token_logs_in_and_a_wrong_one_is_refused(server):
    assert suite.probe("dremio", server.port, password="t0ken", **TOKEN).failure is None
    report = suite.probe("dremio", server.port, password="an0ther", **TOKEN)
    assert suite.verdict(report) == ("login", "auth")
    assert "access token" in report.failure.message


def test_a_schema_is_found_in_any_case_and_an_unknown_one_is_named(server):
    assert suite.probe("dremio", server.port, ssl_mode="disable", schema="Public").failure is None
    report = suite.probe("dremio", server.port, ssl_mode="disable", schema="no'pe")
    assert suite.verdict(report) == ("database", "unknown_db")
    assert "no'pe" in report.failure.message


def test_tls_is_verified_by_a_private_authority(tls_port, root_file):
    report = suite.probe("dremio", tls_port, ssl_root_cert_file=str(root_file))
    assert report.failure is None, report.failure
    assert report.tls["verified"] is True
    assert suite.verdict(suite.probe("dremio", tls_port)) == ("tls", "tls")
    assert suite.probe("dremio", tls_port, ssl_mode="require").failure is None
    wrong = suite.probe("dremio", tls_port, ssl_root_cert_file=str(root_file), password="wrong")
    assert suite.verdict(wrong) == ("login", "auth")


def test_a_password_does_not_go_out_in_clear_text_unasked(server):
    assert suite.verdict(suite.probe("dremio", server.port)) == ("login", "tls")


def test_tls_that_is_not_there_is_told_as_such(server):
    assert suite.verdict(suite.probe("dremio", server.port, ssl_mode="verify")) == ("tls", "tls")


def test_discovery_lists_schemas_and_tables(server):
    connector = get("dremio")
    target = suite.target("dremio", tls=suite.plain(), host="127.0.0.1", port=server.port, schema=roapi.SCHEMA)
    handle = connector.open(target)
    schemas = {item.name: item.is_system for item in connector.schemas(handle, target)}
    tables = [(item.name, item.kind) for item in connector.tables(handle, target, "or")]
    connector.close(handle)
    assert schemas == {"public": False}  # DataFusion keeps its information schema to itself
    assert tables == [("orders", "table"), ("orders_2025", "table")]


@pytest.mark.parametrize("password", suite.AWKWARD)
def test_an_awkward_password_arrives_unchanged(password):
    with roapi.roapi(TABLES, password=password) as server:
        assert suite.probe("dremio", server.port, ssl_mode="disable", password=password).failure is None
