"""Engines of SQLAlchemy on saved connections: real servers, and files."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
import sqlalchemy

import qualytics
from qualytics.sqlalchemy import create_engine

pytestmark = pytest.mark.slow

AWKWARD = "a\\x41 ☃ 'quoted'"


@pytest.fixture
def client(home):
    with qualytics.connect(home=home) as found:
        yield found


def saved(client, server, type_name, **fields):
    given = {"host": server.host, "port": server.port, "username": server.user, "password": server.password}
    client.connections.create({"type": type_name, "name": "saved", **given, **fields})


@pytest.mark.servers
@pytest.mark.parametrize(
    ("type_name", "database", "letters"), [("postgresql", "sales", ""), ("mariadb", "mysql", "character set utf8mb4")]
)
def test_transactions_and_texts_are_those_of_the_driver(request, client, type_name, database, letters):
    server = request.getfixturevalue({"postgresql": "postgres_server", "mariadb": "mariadb_server"}[type_name])
    saved(client, server, type_name, parameters={"ssl_mode": "require"})
    engine = create_engine("saved", database=database, pool_size=2)
    assert server.password not in repr(engine) + repr(engine.url) + str(vars(engine.pool))
    with contextlib.closing(engine.raw_connection()) as raw, raw.cursor() as cursor:
        cursor.execute("select 1")
        assert tuple(cursor.fetchone()) == (1,)
    with engine.connect() as session:
        session.execute(sqlalchemy.text(f"create temporary table engine_notes (note text) {letters}"))
        session.commit()
        session.execute(sqlalchemy.text("insert into engine_notes values (:note)"), {"note": AWKWARD})
        session.rollback()
        session.execute(sqlalchemy.text("insert into engine_notes values (:note)"), {"note": AWKWARD})
        session.commit()
        assert session.scalars(sqlalchemy.text("select note from engine_notes")).all() == [AWKWARD]
    engine.dispose()


@pytest.mark.servers
def test_a_new_password_counts_at_the_next_connection(client, postgres_server):
    saved(client, postgres_server, "postgresql", password="another", parameters={"ssl_mode": "require"})
    engine = create_engine("saved", client=client, poolclass=sqlalchemy.NullPool)
    with pytest.raises(qualytics.TestFailed) as refused, engine.connect():
        pass
    assert (refused.value.report["stage"], refused.value.report["class"]) == ("login", "auth")
    client.connections.update("saved", {"password": postgres_server.password})
    with engine.connect() as session:
        assert session.scalar(sqlalchemy.text("select current_user")) == postgres_server.user


@pytest.mark.parametrize("type_name", ["sqlite", "duckdb"])
def test_files_are_read(client, tmp_path, type_name):
    path = tmp_path / "sales"
    connect = sqlite3.connect if type_name == "sqlite" else pytest.importorskip("duckdb").connect
    with contextlib.closing(connect(str(path))) as database:
        database.execute("create table notes (note text)")
        database.execute("insert into notes values (?)", (AWKWARD,))
        database.commit()
    client.connections.create({"type": type_name, "name": "files", "uri": str(path)})
    engine = create_engine("files", client=client)
    with engine.connect() as session:
        assert session.scalars(sqlalchemy.text("select note from notes")).all() == [AWKWARD]
        assert sqlalchemy.inspect(session).get_table_names() == ["notes"]
        with pytest.raises(sqlalchemy.exc.DBAPIError, match=r"(?i)read-?only"):
            session.execute(sqlalchemy.text("insert into notes values ('x')"))
    engine.dispose()


def test_what_sqlalchemy_has_no_dialect_for_is_told(client):
    client.connections.create({"type": "s3", "name": "lake", "uri": "s3://lake", "access_key": "a", "secret_key": "b"})
    with pytest.raises(qualytics.UsageError, match="no dialect of s3"):
        create_engine("lake", client=client)
    hosted = {"host": "h.example.com", "username": "u", "password": "p"}
    client.connections.create({"type": "redshift", "name": "house", **hosted})
    with pytest.raises(qualytics.UsageError, match=r"the dialect redshift\+redshift_connector .* is not installed"):
        create_engine("house", client=client)
    with pytest.raises(qualytics.NotFound):
        create_engine("nobody", client=client)
