"""TimescaleDB: PostgreSQL in all but a name and one question."""

import json

import pytest

from qualytics.connectors import get
from qualytics.connectors.types import postgresql, timescale
from testbed import servers
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


def test_the_version_of_the_extension_is_told_where_the_database_has_it(postgres_server, root_file):
    with servers.postgres_admin(postgres_server) as admin:
        admin.execute("create database metrics")
    with servers.postgres_admin(postgres_server, "metrics") as admin:
        # The extension itself cannot be had here; that a database has one is a row of its catalog.
        admin.execute("set allow_system_table_mods = on")
        admin.execute(
            "insert into pg_extension values (99999, 'timescaledb', 10, 2200, false, '2.17.2', null, null)",
        )
    report = suite.probe(
        *("timescale", postgres_server.port),
        username=postgres_server.user,
        password=postgres_server.password,
        database="metrics",
        ssl_root_cert_file=str(root_file),
    )
    assert (report.detected["product_name"], report.detected["product_version"]) == ("TimescaleDB", "2.17.2")


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
