"""PostgreSQL: every way in which a login succeeds or fails, on real servers."""

import contextlib
import itertools

import psycopg
import pytest

from qualytics import probe
from qualytics.connectors.types.postgresql import CONNECTOR
from testbed import servers
from tests.support import faults, pins
from tests.support import faults_suite as suite
from tests.support.trial import outcome, trial

# A file, a second host, an identity that lies around, TLS off, a field of the connection, a secret in the clear.
DANGEROUS = {
    "service": "prod",
    "servicefile": "/etc/pg_service.conf",
    "passfile": "/etc/shadow",
    "sslkey": "/root/.ssh/id_rsa",
    "sslcert": "/root/.postgresql/postgresql.crt",
    "hostaddr": "169.254.169.254",
    "target_session_attrs": "read-write",
    "options": "-c search_path=evil",
    "sslmode": "disable",
    "dbname": "host=evil.example.com",
    "password": "in clear",
    "krbsrvname": "postgres",
    "gsslib": "gssapi",
    "require_auth": "none",
    "oauth_issuer": "http://169.254.169.254/",
}

names = (f"role_{number}" for number in itertools.count())


@pytest.fixture
def admin(postgres_server):
    with servers.postgres_admin(postgres_server) as connection:
        yield connection


@pytest.fixture
def role(admin):
    """Return a function that makes a role with password `secret 1` for the length of a test."""
    with contextlib.ExitStack() as stack:

        def make(options=""):
            name = next(names)
            admin.execute(f"create role {name} login password 'secret 1' {options}")
            stack.callback(admin.execute, f"drop role {name}")
            stack.callback(admin.execute, f"drop owned by {name}")
            return name

        yield make


@pytest.fixture
def tested(postgres_server, root_file):
    """Return a function that tests the server as its administrator, unless told otherwise."""

    def call(**settings):
        given = {"username": postgres_server.user, "password": postgres_server.password}
        given |= {"ssl_root_cert_file": str(root_file)} if "ssl_mode" not in settings else {}
        return trial("postgresql", postgres_server.port, **(given | settings))

    return call


def test_a_login_is_described(tested, postgres_server):
    report = tested()
    assert outcome(report) is None
    assert report.detected["product_name"] == "PostgreSQL"
    assert report.detected["product_version"].split(".")[0].isdecimal()
    assert report.address == f"127.0.0.1:{postgres_server.port}"


def test_a_wrong_password_or_user_is_refused_at_the_login(tested):
    assert outcome(tested(password="wrong")) == ("login", "auth")
    assert outcome(tested(password=None)) == ("login", "auth")
    assert outcome(tested(username="nobody at all")) == ("login", "auth")


def test_a_missing_username_is_said_before_anybody_is_called(tested):
    with faults.closed() as port:
        report = trial("postgresql", port, username=None)
    assert outcome(report) == ("login", "config")
    assert report.failure.message == "no username is set"
    assert report.failure.code is None


def test_an_expired_role_and_one_without_login_are_refused(tested, role, admin):
    assert outcome(tested(username=role("valid until '2001-01-01'"), password="secret 1")) == ("login", "auth")
    name = role()
    admin.execute(f"alter role {name} nologin")
    report = tested(username=name, password="secret 1")
    assert outcome(report) == ("login", "auth")
    assert report.failure.message == "the role does not exist, or may not log in"


def test_a_limit_of_connections_is_a_quota(tested, role, postgres_server):
    name = role("connection limit 1")
    with psycopg.connect(
        host=postgres_server.host, port=postgres_server.port, user=name, password="secret 1", dbname="postgres"
    ):
        report = tested(username=name, password="secret 1")
    assert outcome(report) == ("login", "quota")
    assert report.failure.code == "53300"
    assert report.failure.retryable
    assert outcome(tested(username=name, password="secret 1")) is None


def test_a_database_that_demands_tls_is_class_tls_and_one_that_refuses_it_lacks_an_entry(tested):
    assert outcome(tested(place=("tls_only", None))) is None
    demanded = tested(place=("tls_only", None), ssl_mode="disable")
    assert outcome(demanded) == ("login", "tls")
    assert demanded.failure.message == "the server demands TLS"
    assert outcome(tested(place=("plain_only", None), ssl_mode="disable")) is None
    refused = tested(place=("plain_only", None))
    assert outcome(refused) == ("login", "permission")
    assert "an entry in pg_hba.conf" in refused.failure.hint
    assert "ssl_mode" not in refused.failure.hint


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ('no pg_hba.conf entry for host "10.0.0.9", user "ann", database "x", SSL encryption', "permission"),
        ('no pg_hba.conf entry for host "10.0.0.9", user "ann", database "x", no encryption', "tls"),
        ('no pg_hba.conf entry for host "10.0.0.9", user "ann", database "x", SSL off', "tls"),
        ("the database system is starting up", "transient"),
        ("sorry, too many clients already", "quota"),
        ("remaining connection slots are reserved for non-replication superuser connections", "quota"),
        ("server closed the connection unexpectedly", "network"),
        ("something that no server has said yet", None),
    ],
)
def test_what_a_server_says_before_a_login_has_a_class(words, expected):
    verdict = CONNECTOR.classify(psycopg.OperationalError(f"FATAL:  {words}"))
    assert (verdict and verdict.failure_class) == expected


@pytest.mark.slow
def test_a_password_is_not_sent_in_clear_over_a_plain_connection_in_auto(plain_postgres):
    login = {"username": plain_postgres.user, "password": plain_postgres.password, "place": ("cleartext", None)}
    report = trial("postgresql", plain_postgres.port, **login)
    assert outcome(report) == ("login", "tls")
    assert "clear text" in report.failure.message
    assert outcome(trial("postgresql", plain_postgres.port, **login, ssl_mode="disable")) is None


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["disable", "verify"])
def test_the_address_that_was_checked_is_dialled_whatever_the_name_means(mode):
    assert pins.dials("postgresql", by=CONNECTOR.pinned, mode=mode)
    assert not pins.dials("postgresql", by=None, mode=mode)


@pytest.mark.parametrize("key", DANGEROUS)
def test_a_dangerous_parameter_is_refused_before_any_packet(run, key):
    suite.check_refused(run, "postgresql", {key: DANGEROUS[key]}, key)


def test_an_unknown_database_is_named_as_such(tested):
    report = tested(place=("no such database", None))
    assert outcome(report) == ("database", "unknown_db")
    assert report.failure.code == "3D000"
    assert [stage.name for stage in report.stages if stage.ok] == ["resolve", "tcp", "tls", "login"]


@pytest.mark.parametrize("name", ["host=127.0.0.9 user=x", "postgresql://evil.invalid/x", "postgres sslmode=disable"])
def test_a_database_name_that_looks_like_a_dsn_stays_a_name(tested, name):
    report = tested(place=(name, None))
    assert outcome(report) == ("database", "unknown_db")
    assert f'"{name}" does not exist' in report.failure.detail


def test_a_schema_is_found_missing_or_forbidden(tested, role, admin):
    assert outcome(tested(place=("postgres", "pg_catalog"))) is None
    missing = tested(place=("postgres", "no_schema"))
    assert outcome(missing) == ("database", "unknown_db")
    assert missing.failure.message == "there is no schema 'no_schema' in 'postgres'"
    name = role()
    admin.execute("""create schema "It's private" """)
    try:
        report = tested(username=name, password="secret 1", place=("postgres", "It's private"))
    finally:
        admin.execute("""drop schema "It's private" """)
    assert outcome(report) == ("database", "permission")
    assert report.failure.hint.startswith("run on the server: grant usage on schema")


def test_a_right_to_connect_that_is_missing_is_a_permission(tested, role, admin):
    admin.execute("revoke connect on database sales from public")
    try:
        report = tested(username=role(), password="secret 1", place=("sales", None))
    finally:  # others enter it by that right
        admin.execute("grant connect on database sales to public")
    assert outcome(report) == ("database", "permission")


def test_an_awkward_application_name_does_no_harm(tested):
    assert outcome(tested(application_name="it's = a \\ name")) is None


def test_nothing_of_the_users_surroundings_lets_a_test_in(tested, postgres_server, tmp_path, monkeypatch):
    passfile = tmp_path / ".pgpass"
    passfile.write_text(f"*:*:*:*:{postgres_server.password}\n")
    passfile.chmod(0o600)
    services = tmp_path / ".pg_service.conf"
    services.write_text(f"[sales]\npassword={postgres_server.password}\n")
    surroundings = {
        "HOME": str(tmp_path),
        "PGPASSFILE": str(passfile),
        "PGPASSWORD": postgres_server.password,
        "PGSERVICE": "sales",
        "PGSERVICEFILE": str(services),
        "PGSSLMODE": "disable",
        "PGHOSTADDR": "127.0.0.9",
        "PGOPTIONS": "-c nonsense=1",
    }
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    assert outcome(tested(password=None, run=probe.run)) == ("login", "auth")
    assert outcome(tested(run=probe.run)) is None
