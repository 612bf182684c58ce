"""Open connections of a driver, handed over: as the driver's own `connect` gives them, opened as a test opens them."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import sqlite3
import tempfile

import psycopg
import pytest

import qualytics

pytestmark = pytest.mark.slow


@pytest.fixture
def client(home, tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "own"))
    with qualytics.connect(home=home) as found:
        yield found


@pytest.fixture
def left(tmp_path):
    """Return a function that lists what was left behind of directories of ours."""
    return lambda: sorted(path.name for path in (tmp_path / "own").iterdir())


def saved(client, server, **fields):
    fields = {"parameters": {"ssl_mode": "require"}, **fields}
    given = {"host": server.host, "port": server.port, "username": server.user, "password": server.password}
    client.connections.create({"type": "postgresql", "name": "saved", **given, **fields})


@pytest.mark.servers
def test_nothing_of_a_test_stays_in_a_session(client, postgres_server, left):
    saved(client, postgres_server)
    with client.connections.open("saved", "sales") as session:
        assert type(session) is psycopg.Connection
        assert not session.autocommit
        assert session.execute("select current_database(), %s::text, 'a\\x41'", ("\\x41",)).fetchone() == (
            "sales",
            "\\x41",
            "a\\x41",
        )
        assert session.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
    assert left() == []


@pytest.mark.servers
def test_roots_of_the_connection_stay_as_long_as_the_session(client, postgres_server, authority, left):
    roots = authority.cert_pem.bytes().decode()
    saved(client, postgres_server, parameters={"ssl_mode": "verify", "ssl_root_cert": roots})
    session = client.connections.open("saved")
    assert session.pgconn.ssl_in_use
    assert len(left()) == 1
    session.close()
    del session
    gc.collect()
    assert left() == []


@pytest.mark.servers
def test_a_login_that_is_refused_is_told_as_a_test_tells_it(client, postgres_server, left):
    saved(client, postgres_server, password="wrong-one")
    with pytest.raises(qualytics.TestFailed) as refused:
        client.connections.open("saved")
    assert (refused.value.report["stage"], refused.value.report["class"]) == ("login", "auth")
    assert "wrong-one" not in repr(refused.value.report)
    assert left() == []


@pytest.mark.servers
def test_a_result_of_mysql_is_whole_and_waits_for_slow_rows(client, mariadb_server):
    given = {"host": mariadb_server.host, "port": mariadb_server.port}
    login = {"username": mariadb_server.user, "password": mariadb_server.password}
    tls = {"parameters": {"ssl_mode": "require"}}
    client.connections.create({"type": "mariadb", "name": "saved", **given, **login, **tls})
    with contextlib.closing(client.connections.open("saved")) as session, session.cursor() as cursor:
        assert cursor.execute("select 1 union select 2") == 2
        assert not session.get_autocommit()
        assert session._read_timeout is None


def test_a_file_is_read_in_any_thread(client, tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "sales.sqlite")) as database:
        database.execute("create table notes (note text)")
        database.execute("insert into notes values ('a\\x41')")
        database.commit()
    client.connections.create({"type": "sqlite", "name": "files", "uri": str(tmp_path / "sales.sqlite")})
    with contextlib.closing(client.connections.open("files")) as session:
        assert session.execute("select note from notes").fetchall() == [("a\\x41",)]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            session.execute("delete from notes")


async def opened(home):
    async with qualytics.aconnect(home=home) as client:
        return await client.connections.open("files")


def test_the_asynchronous_client_opens_in_a_thread(client, tmp_path, home):
    import asyncio

    with contextlib.closing(sqlite3.connect(tmp_path / "sales.sqlite")) as database:
        database.execute("create table notes (note text)")
    client.connections.create({"type": "sqlite", "name": "files", "uri": str(tmp_path / "sales.sqlite")})
    with contextlib.closing(asyncio.run(opened(home))) as session:
        assert session.execute("select count(*) from notes").fetchone() == (0,)


def test_what_has_no_sessions_is_told(client):
    client.connections.create({"type": "s3", "name": "lake", "uri": "s3://lake", "access_key": "a", "secret_key": "b"})
    with pytest.raises(qualytics.Conflict, match="the driver of s3 has no connections of PEP 249"):
        client.connections.open("lake")
    with pytest.raises(qualytics.NotFound):
        client.connections.open("nobody")


@pytest.mark.servers
def test_a_program_that_holds_many_files_opens_sessions_too(client, postgres_server):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4_096), hard))
    try:
        with contextlib.ExitStack() as held:
            for _ in range(1_100):  # `select` takes numbers up to 1,023 alone
                held.enter_context(open(os.devnull, "rb"))
            saved(client, postgres_server)
            with client.connections.open("saved") as session:
                assert session.execute("select 1").fetchone() == (1,)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
