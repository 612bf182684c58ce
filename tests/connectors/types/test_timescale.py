"""TimescaleDB: PostgreSQL in all but a name, one question, and schemas of its own."""

import contextlib
import json

import pytest
from psycopg import sql

from qualytics.connectors import get
from qualytics.connectors.types import postgresql, timescale
from testbed import servers, timescaledb
from testbed.debian import Absent
from tests.support import faults_suite as suite

DANGEROUS = {
    "service": "prod",
    "passfile": "/etc/shadow",
    "sslkey": "/root/.ssh/id_rsa",
    "hostaddr": "169.254.169.254",
    "options": "-c search_path=evil",
    "sslmode": "disable",
    "dbname": "host=evil.example.com",
    "password": "in clear",
    "require_auth": "none",
    "requiressl": 0,
}


def test_it_is_postgresql_in_all_that_reaches_the_driver():
    assert get("timescaledb") is timescale.CONNECTOR
    for name in ("open", "select", "classify", "greet", "params", "fields", "scope", "default_port", "tls"):
        assert getattr(timescale.CONNECTOR, name) is getattr(postgresql.CONNECTOR, name), name


def test_a_postgresql_without_the_extension_is_named_as_what_it_is(postgres_server, root_file):
    report = suite.probe(
        *("timescale", postgres_server.port),
        username=postgres_server.user,
        password=postgres_server.password,
        ssl_root_cert_file=str(root_file),
    )
    assert report.failure is None
    assert report.detected["product_name"] == "PostgreSQL"
    assert report.tls["verified"] is True


@pytest.fixture(scope="module")
def metrics(certificate):
    """Run the server with the extension in the database `metrics`."""
    try:
        timescaledb.programs()
    except Absent as exc:
        pytest.skip(str(exc))
    with timescaledb.timescaledb(certificate) as server:
        yield server


@pytest.fixture
def measured(metrics, root_file):
    """Return a function that tests that database as the server's administrator, unless told otherwise."""

    def call(**options):
        login = {"username": metrics.user, "password": metrics.password, "database": "metrics"}
        return suite.probe("timescale", metrics.port, ssl_root_cert_file=str(root_file), **{**login, **options})

    return call


@pytest.mark.servers
@pytest.mark.slow
class TestTimescaleDB:
    def test_the_version_of_the_extension_is_told_where_the_database_has_it(self, measured):
        report = measured(schema="public")
        assert report.failure is None, report.failure
        assert report.tls["verified"] is True
        assert report.detected["product_name"] == "TimescaleDB"
        assert report.detected["product_version"].startswith("2.")
        other = measured(database="postgres")
        assert (other.failure, other.detected["product_name"]) == (None, "PostgreSQL")

    def test_what_is_wrong_is_told_as_such(self, measured):
        assert suite.verdict(measured(password="not it")) == ("login", "auth")
        assert suite.verdict(measured(database="nope")) == ("database", "unknown_db")
        assert suite.verdict(measured(schema="nope")) == ("database", "unknown_db")

    @pytest.mark.parametrize("password", suite.AWKWARD)
    def test_an_awkward_password_arrives_unchanged(self, metrics, measured, password):
        with servers.postgres_admin(metrics) as admin:
            admin.execute("drop role if exists awkward")
            admin.execute(sql.SQL("create role awkward login password {}").format(sql.Literal(password)))
        assert measured(username="awkward", password=password).failure is None

    def test_discovery_marks_what_is_the_extensions_own(self, metrics):
        login = {"username": metrics.user, "password": metrics.password, "database": "metrics"}
        options = {"host": "127.0.0.1", "address": "127.0.0.1", "port": metrics.port, "tls": suite.plain()}
        target = suite.target("timescale", **login, **options)
        connector = get("timescale")
        with contextlib.closing(connector.open(target)) as handle:
            schemas = {item.name: item.is_system for item in connector.schemas(handle, target)}
            tables = {item.name: item.kind for item in connector.tables(handle, target, "")}
            target.schema = "timescaledb_information"
            own = list(connector.tables(handle, target, "hyper"))
        assert {name for name, is_system in schemas.items() if not is_system} == {"public"}
        assert {"_timescaledb_internal", "timescaledb_information"} <= set(schemas)
        assert tables == {"readings": "table"}
        assert {(item.kind, item.is_system) for item in own} == {("view", True)}


@pytest.mark.parametrize("key", DANGEROUS)
def test_a_dangerous_parameter_is_refused_before_any_packet(run, key):
    suite.check_refused(run, "timescale", {key: DANGEROUS[key]}, key)


def test_a_wrong_password_is_told_as_such(run, postgres_server):
    done = run(
        *(
            "connections",
            "test",
            "--type",
            "timescaledb",
            "--host",
            postgres_server.host,
            "--port",
            postgres_server.port,
        ),
        *("--username", postgres_server.user, "--password", "not it"),
        *("--parameters", json.dumps({"ssl_mode": "require"}), "--format", "json"),
    )
    assert (done.code, done.json["stage"], done.json["class"]) == (6, "login", "auth")


@pytest.mark.slow
@pytest.mark.parametrize("fault", suite.FAULTS)
def test_every_fault_ends_in_time_with_its_class(fault):
    suite.check_fault("timescale", fault)
