"""Oracle's own MySQL, whose accounts log in by caching_sha2_password, which MariaDB does not have."""

import contextlib
import itertools

import pytest

from qualytics.connectors import get
from testbed import mysql, servers
from testbed.debian import Absent
from tests.support import faults_suite as suite

pytestmark = [pytest.mark.servers, pytest.mark.slow]

NAMES = (f"account_{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def server(certificate):
    with running(certificate) as started:
        yield started


@contextlib.contextmanager
def running(certificate=None):
    try:
        mysql.program()
    except Absent as exc:
        pytest.skip(str(exc))
    with mysql.mysql(certificate) as server:
        if certificate is not None:
            execute(server, "create database sales", "create table sales.orders (id int)")
            execute(server, "create view sales.orders_today as select 1 as id")
        yield server


def execute(server, *statements):
    with contextlib.closing(servers.mariadb_admin(server)) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def account(server, options="", password="secret"):
    """Return the name of a new account."""
    name = next(NAMES)
    quoted = password.replace("\\", "\\\\").replace("'", "''")
    execute(server, f"create user {name}@'%' identified by '{quoted}' {options}")
    return name


@pytest.fixture
def tested(server, root_file):
    """Return a function that tests the server with TLS, by a private authority, unless told otherwise."""

    def call(username, **options):
        tls = {} if "ssl_mode" in options else {"ssl_root_cert_file": str(root_file)}
        return suite.probe("mysql", server.port, username=username, **tls, **options)

    return call


def test_an_account_logs_in_over_tls(server, tested):
    report = tested(account(server))
    assert report.failure is None, report.failure
    assert report.tls["verified"] is True
    assert report.detected["product_name"] == "MySQL"
    assert int(report.detected["product_version"].partition(".")[0]) >= 8


def test_a_plain_login_sends_the_password_under_the_servers_key(server, tested):
    name = account(server)
    assert tested(name, ssl_mode="disable").failure is None
    assert tested(name, ssl_mode="disable").failure is None  # now by its hash, which the server has kept


def test_a_password_is_sent_over_a_plain_connection_by_its_hash_alone_unasked():
    with running() as plain:
        name = account(plain)
        assert suite.verdict(suite.probe("mysql", plain.port, username=name)) == ("login", "tls")
        assert suite.probe("mysql", plain.port, username=name, ssl_mode="disable").failure is None
        report = suite.probe("mysql", plain.port, username=name)
        assert report.failure is None, report.failure
        assert any("not encrypted" in line for line in report.warnings)


@pytest.mark.parametrize("mode", ["require", "disable"])
def test_a_wrong_password_and_an_unknown_account_are_refused(server, tested, mode):
    for login in ({"username": account(server), "password": "not it"}, {"username": "nobody"}):
        assert suite.verdict(tested(**login, ssl_mode=mode)) == ("login", "auth")


def test_a_certificate_of_an_unknown_authority_is_refused(server, tested):
    assert suite.verdict(tested(account(server), ssl_mode="verify")) == ("tls", "tls")


@pytest.mark.parametrize(
    ("options", "more", "hint"),
    [
        ("require ssl", {"ssl_mode": "disable"}, "ssl_mode=auto"),
        ("require x509", {}, "client certificate"),
        ("password expire", {}, "new password"),
        ("account lock", {}, "account unlock"),
    ],
)
def test_an_account_with_a_condition_is_refused_with_its_hint(server, tested, options, more, hint):
    report = tested(account(server, options), **more)
    assert suite.verdict(report) == ("login", "auth")
    assert hint in report.failure.hint


def test_an_account_that_demands_tls_logs_in_over_it(server, tested):
    assert tested(account(server, "require ssl")).failure is None


def test_an_unknown_database_and_a_forbidden_one_are_told_apart(server, tested):
    admin = {"username": server.user, "password": server.password}
    assert tested(**admin, database="sales").failure is None
    assert suite.verdict(tested(**admin, database="nope")) == ("database", "unknown_db")
    assert suite.verdict(tested(account(server), database="sales")) == ("database", "permission")


@pytest.mark.parametrize("password", suite.AWKWARD)
def test_an_awkward_password_arrives_unchanged(server, tested, password):
    assert tested(account(server, password=password), password=password).failure is None


def test_discovery_lists_databases_tables_and_views(server):
    connector = get("mysql")
    login = {"username": server.user, "password": server.password, "database": "sales"}
    options = {"host": "127.0.0.1", "address": "127.0.0.1", "port": server.port, "tls": suite.plain()}
    with contextlib.closing(servers.mariadb_admin(server)) as handle:
        target = suite.target("mysql", **login, **options)
        catalogs = {item.name: item.is_system for item in connector.catalogs(handle, target)}
        tables = {item.name: item.kind for item in connector.tables(handle, target, "ord")}
    assert catalogs == {
        "sales": False,
        **dict.fromkeys(("information_schema", "mysql", "performance_schema", "sys"), True),
    }
    assert tables == {"orders": "table", "orders_today": "view"}
