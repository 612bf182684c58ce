"""Real servers of another kind than the type that is tested: each is named, by a control plane, too."""

from __future__ import annotations

import json

import pytest

from qualytics import connectors
from testbed import control_plane, derby
from testbed.mysql import mysql
from tests.support import faults_suite as suite

pytestmark = pytest.mark.slow
LIMIT_S = 30.0
NEEDED = {"oracle": {"service_name": "x"}}


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    with control_plane.serving(tmp_path_factory.mktemp("plane") / "home", *control_plane.MANY) as plane:
        yield plane


@pytest.fixture(scope="module")
def mysql_server():
    with mysql() as server:
        yield server


@pytest.fixture(scope="module")
def derby_server():
    with derby.derby({"ann": "secret"}) as server:
        yield server


SERVERS = {
    "postgres_server": ("a PostgreSQL server", "--type postgresql, redshift or timescale"),
    "mariadb_server": ("a MySQL or MariaDB server", "--type mysql or mariadb"),
    "mysql_server": ("a MySQL or MariaDB server", "--type mysql or mariadb"),
    "derby_server": ("a Db2 or Derby server", "--type db2"),
    "plane": ("an HTTP server", "check host and port"),
}
TYPES = ("db2", "dremio", "mysql", "oracle", "postgresql", "redshift", "sqlserver", "teradata", "trino")
PAIRS = [
    (type_, server)
    for type_ in TYPES
    for server, (words, _) in SERVERS.items()
    if words not in {one.server for one in connectors.get(type_).protocols}
]


@pytest.mark.parametrize(("type_", "server"), PAIRS)
def test_a_real_server_of_another_kind_is_named(request, type_, server):
    port = request.getfixturevalue(server).port
    words, do = SERVERS[server]
    password = None if type_ == "trino" else "secret"
    report = suite.probe(type_, port, password=password, timeout_s=LIMIT_S, **NEEDED.get(type_, {}))
    assert suite.verdict(report) == ("tls", "config"), (report.failure.message, report.failure.detail)
    if type_ == "teradata" and "takes more than" in report.failure.message:
        return  # its driver takes words for a length, and may be ended for the memory first
    assert report.failure.message == f"127.0.0.1:{port} is {words}, not {connectors.get(type_).title}"
    assert report.failure.hint == f"this is {words}; {do}"


@pytest.mark.parametrize("server", ["mariadb_server", "plane"])
def test_a_control_plane_says_the_same(request, plane, server):
    port, (words, do) = request.getfixturevalue(server).port, SERVERS[server]
    draft = {"type": "postgresql", "host": "127.0.0.1", "port": port, "username": "ann", "password": "secret"}
    answer = plane.api("Admin")("POST", "/connections/test", draft)
    assert answer.status == 200, answer.body
    report = answer.json
    assert (report["stage"], report["class"], report["retryable"]) == ("tls", "config", False)
    assert report["message"] == f"127.0.0.1:{port} is {words}, not PostgreSQL"
    assert (report["hint"], report["detail"]) == (f"this is {words}; {do}", None)


def test_a_command_says_it_on_both_streams(run, mariadb_server):
    done = run(
        *("connections", "test", "--type", "postgresql", "--host", "127.0.0.1", "--port", mariadb_server.port),
        *("--username", "ann", "--format", "json"),
    )
    words, do = SERVERS["mariadb_server"]
    assert done.code == 6
    assert json.loads(done.out)["message"] == f"127.0.0.1:{mariadb_server.port} is {words}, not PostgreSQL"
    assert f"127.0.0.1:{mariadb_server.port} is {words}, not PostgreSQL\n" in done.err
    assert f"hint: this is {words}; {do}\n" in done.err
