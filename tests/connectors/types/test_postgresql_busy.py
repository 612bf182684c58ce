"""PostgreSQL, and poolers before it, that take nobody in for now: what is worth another try is told as such."""

import contextlib
import os
import signal
import socket

import psycopg
import pytest

from testbed import pgbouncer, servers
from tests.support.trial import outcome, trial

pytestmark = pytest.mark.servers


def report_of(server, **change):
    login = {"username": server.user, "password": server.password}
    return trial("postgresql", server.port, **login | change)


@contextlib.contextmanager
def session(server, database="postgres"):
    """Hold a session; at the end the server has let it go, too, so that it counts no longer."""
    login = {"user": server.user, "password": server.password, "dbname": database}
    held = psycopg.connect(host=server.host, port=server.port, **login)
    with socket.socket(fileno=os.dup(held.fileno())) as ours:
        try:
            yield held
        finally:
            held.close()
            ours.settimeout(60)
            with contextlib.suppress(ConnectionResetError):
                while ours.recv(4_096):
                    pass


@pytest.mark.parametrize(
    ("state", "settings"),
    [
        ("standby", {"hot_standby": "off"}),
        ("starting", {"restore_command": "sleep 60"}),
    ],
)
def test_a_server_that_starts_or_is_a_cold_standby_is_transient(state, settings):
    with servers.postgres(state=state, **settings) as server:
        report = report_of(server)
    assert outcome(report) == ("login", "transient")
    assert report.failure.retryable
    assert report.failure.detail.startswith("57P03: CannotConnectNow: ")


def test_a_server_that_shuts_down_is_transient():
    with servers.postgres() as server, session(server):  # which it waits for
        server.process.send_signal(signal.SIGTERM)
        while outcome(report := report_of(server)) is None:
            pass
    assert outcome(report) == ("login", "transient")


def test_a_server_at_its_limit_is_a_quota():
    with (
        servers.postgres(max_connections="2", superuser_reserved_connections="0", max_wal_senders="0") as server,
        session(server),
        session(server),
    ):
        report = report_of(server)
    assert outcome(report) == ("login", "quota")


@pytest.fixture(scope="module")
def pooled():
    """Run a PostgreSQL behind a pgbouncer of one connection, where `dead` leads nowhere."""
    with servers.postgres() as back:
        place = f"host=127.0.0.1 port={back.port}"
        databases = {
            "postgres": place,
            "narrow": f"{place} dbname=template1 pool_size=1",
            "dead": "host=127.0.0.1 port=1",
        }
        limits = {"query_wait_timeout": "1", "max_client_conn": "2", "server_login_retry": "1"}
        users = {back.user: back.password}
        with pgbouncer.pgbouncer(databases, users, auth_type="scram-sha-256", **limits) as front:
            yield front


def test_a_database_that_the_pooler_does_not_know_is_unknown(pooled):
    report = report_of(pooled, place=("nowhere", None))
    assert outcome(report) == ("database", "unknown_db")
    assert not report.failure.retryable


def test_a_pool_that_has_no_connection_to_give_is_a_timeout(pooled):
    with session(pooled, "narrow") as held:
        held.execute("select 1")
        report = report_of(pooled, place=("narrow", None))
    assert outcome(report)[1] == "timeout"
    assert report.failure.retryable
    assert "pooler" in report.failure.message


def test_a_pooler_without_its_server_is_worth_another_try(pooled):
    report = report_of(pooled, place=("dead", None))
    assert outcome(report)[1] in {"timeout", "transient"}
    assert report.failure.retryable


def test_a_pooler_at_its_limit_of_clients_is_a_quota(pooled):
    with session(pooled), session(pooled):
        report = report_of(pooled)
    assert outcome(report) == ("login", "quota")


def test_a_wrong_password_at_the_pooler_is_class_auth(pooled):
    assert outcome(report_of(pooled, password="wrong")) == ("login", "auth")


# Of pgbouncer's source (client.c, server.c, janitor.c); it says all of them under SQLSTATE 08P01.
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("no such database: sales", "unknown_db"),
        ("query_wait_timeout", "timeout"),
        ("client_login_timeout (server down)", "timeout"),
        ("no more connections allowed (max_client_conn)", "quota"),
        ("client connections exceeded (max_db_client_connections)", "quota"),
        ("server login has been failing, try again later (server_login_retry)", "transient"),
        ("the database system is starting up", "transient"),
        ("password authentication failed", "auth"),
        ("no such user: ann", "auth"),
        ("SSL required", "tls"),
    ],
)
@pytest.mark.parametrize("kind", ["postgresql", "timescale", "redshift"])
def test_words_of_a_pooler_have_a_class(kind, words, expected):
    from qualytics.connectors import get

    assert get(kind).classify(psycopg.errors.ProtocolViolation(f"FATAL:  {words}")).failure_class == expected
