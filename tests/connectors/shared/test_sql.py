"""Names that are no text: shown escaped, given back as they are shown, on servers of every encoding."""

import contextlib
import socket
import sqlite3

import psycopg
import pytest
from hypothesis import given, strategies

from qualytics.connectors import get
from qualytics.connectors.shared.sql import as_bytes, as_text
from testbed import servers
from tests.support import faults_suite as suite
from tests.support.trial import outcome, trial

# Of each encoding a name, as bytes and as it is shown; what has no text anywhere is shown byte by byte.
ENCODED = {
    "UTF8": ("日本 é".encode(), "日本 é"),
    "LATIN1": (b"caf\xe9", "café"),
    "LATIN2": (b"\xbe", "ž"),
    "WIN1252": (b"\x80", "€"),
    "KOI8R": (b"\xcb\xc1\xc6\xc5", "кафе"),
    "EUC_JP": ("日本".encode("euc_jp"), "日本"),
    "EUC_KR": ("한국".encode("euc_kr"), "한국"),
    "EUC_CN": ("中国".encode("gb2312"), "中国"),
    "EUC_TW": (b"\xc4\xe3\xc5\xc6", "中文"),
    "MULE_INTERNAL": (b"\x81\xe9", r"\x81\xe9"),
    "SQL_ASCII": (b"caf\xe9", r"caf\xe9"),
}
# Raw names in one database that says nothing of their encoding.
MIXED = {
    b"caf\xe9": r"caf\xe9",
    "café".encode(): "café",
    rb"a\xe9": r"a\x5cxe9",
    rb"back\slash": r"back\slash",
    b"quote'd \"": "quote'd \"",
}


@given(strategies.binary(min_size=1, max_size=40) | strategies.text(r"\x5cexé9", min_size=1).map(str.encode))
def test_every_spelling_means_one_name(name):
    shown = as_text(name)
    assert as_bytes(shown) == name
    shown.encode()


@given(strategies.text(strategies.characters(exclude_categories=["Cs"], exclude_characters="\\")))
def test_text_is_shown_as_it_is(name):
    assert as_text(name.encode()) == name


@pytest.fixture
def raw(raw_postgres):
    """Return a function that runs a statement of bytes in a database, as any old client would."""

    def run(database, statement):
        with psycopg.connect(
            host=raw_postgres.host,
            port=raw_postgres.port,
            user=raw_postgres.user,
            dbname=database,
            password=raw_postgres.password,
            client_encoding="SQL_ASCII",
            autocommit=True,
        ) as connection:
            result = connection.pgconn.exec_(statement)
            assert result.status == psycopg.pq.ExecStatus.COMMAND_OK, result.error_message

    return run


@pytest.fixture
def opened(raw_postgres):
    """Return a context of a handle and its target, as the child has them."""

    @contextlib.contextmanager
    def call(**change):
        place = {"host": "localhost", "address": raw_postgres.host, "port": raw_postgres.port}
        login = {"username": raw_postgres.user, "password": raw_postgres.password, "tls": suite.plain()}
        target = suite.target("postgresql", **place | login | change)
        connector = get("postgresql")
        with contextlib.closing(connector.open(target)) as handle:
            yield handle, target

    return call


def names(found):
    return [item.name for item in found if not item.is_system]


@pytest.mark.parametrize("encoding", ENCODED)
def test_a_database_of_any_encoding_is_listed_and_its_names_are_found_again(raw, opened, encoding):
    name, shown = ENCODED[encoding]
    database = f"in_{encoding.lower()}"
    connector = get("postgresql")
    raw("postgres", f"create database {database} encoding '{encoding}' locale 'C' template template0".encode())
    raw(database, b'create schema "%s"' % name)
    raw(database, b'create table "%s"."%s" (a int)' % (name, name))
    with opened(database=database) as (handle, target):
        assert sorted(names(connector.schemas(handle, target))) == sorted(["public", shown])
    with opened(database=database, schema=shown) as (handle, target):
        connector.select(handle, target)
        assert names(connector.tables(handle, target, "")) == [shown]
        assert names(connector.tables(handle, target, shown)) == [shown]
        assert names(connector.tables(handle, target, f"{shown}-")) == []
        assert connector.check(handle, target).product_name == "PostgreSQL"


def test_names_of_many_encodings_stand_side_by_side(raw, opened):
    connector = get("postgresql")
    raw("postgres", b"create database mixed template template0")
    for name in MIXED:
        raw("mixed", b'create schema "%s"' % name.replace(b'"', b'""'))
        raw("mixed", b'create table "%s"."t %s" (a int)' % (name.replace(b'"', b'""'), name.replace(b'"', b'""')))
    with opened(database="mixed") as (handle, target):
        assert set(names(connector.schemas(handle, target))) == {"public", *MIXED.values()}
    for shown in MIXED.values():
        with opened(database="mixed", schema=shown) as (handle, target):
            connector.select(handle, target)
            assert names(connector.tables(handle, target, "t ")) == [f"t {shown}"]


@pytest.mark.parametrize("name", [b"caf\xe9", rb"a\xe9 'b'", "café".encode()])
def test_a_database_whose_name_is_no_text_is_entered_by_its_spelling(raw, opened, name):
    connector = get("postgresql")
    raw("postgres", b'create database "%s"' % name)
    try:
        with opened() as (handle, target):
            assert as_text(name) in names(connector.catalogs(handle, target))
        with opened(database=as_text(name)) as (handle, target):
            assert connector.check(handle, target).product_name == "PostgreSQL"
    finally:
        raw("postgres", b'drop database "%s"' % name)


@pytest.mark.servers
def test_a_database_is_found_by_the_text_that_its_server_showed():
    connector = get("postgresql")
    with servers.postgres(encoding="LATIN1") as server:
        with servers.postgres_admin(server) as admin:
            admin.execute('create database "café"')
        login = {"username": server.user, "password": server.password, "tls": suite.plain()}
        target = suite.target("postgresql", address=server.host, port=server.port, **login)
        with contextlib.closing(connector.open(target)) as handle:
            assert "café" in names(connector.catalogs(handle, target))
        target.database = "café"
        connector.open(target).close()


@pytest.mark.parametrize("encoding", ["LATIN1", "EUC_TW", "BIG5", "SQL_ASCII", "MULE_INTERNAL", "KOI8R"])
def test_an_encoding_that_a_role_has_set_changes_nothing(raw, opened, encoding):
    role = f"role_{encoding.lower()}"
    raw("postgres", f"create role {role} login password 'secret 1'".encode())
    raw("postgres", f"alter role {role} set client_encoding to '{encoding}'".encode())
    for database in ("postgres", "template1"):
        with opened(username=role, password="secret 1", database=database) as (handle, target):
            assert names(get("postgresql").schemas(handle, target)) == ["public"]


def test_a_server_in_sql_ascii_is_tested_and_listed(run, raw_postgres):
    report = trial("postgresql", raw_postgres.port, username=raw_postgres.user, password=raw_postgres.password)
    assert outcome(report) is None
    assert report.detected["product_name"] == "PostgreSQL"
    created = run(
        *("connections", "create", "--type", "postgresql", "--name", "raw", "--host", raw_postgres.host),
        *("--port", raw_postgres.port, "--username", raw_postgres.user, "--password", raw_postgres.password),
    )
    assert created.code == 0, created.err
    listed = run("connections", "schemas", "--name", "raw", "--catalog", "postgres", "--format", "json")
    found = {item["name"]: item["is_system"] for item in listed.json}
    assert found["public"] is False
    assert found["pg_catalog"] is True


@pytest.fixture
def odd_file(tmp_path):
    """Return a SQLite file of a table whose name is no text."""
    path = tmp_path / "odd.sqlite"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as made:
        made.execute("create table plain (a)")
        made.execute("create table odd (a)")
        made.execute("pragma writable_schema = on")
        sql = "update sqlite_schema set name = cast(?1 as text), tbl_name = cast(?1 as text), sql = cast(?2 as text)"
        made.execute(f"{sql} where name = 'odd'", (b"caf\xe9", b'create table "caf\xe9" (a)'))
    return path


@pytest.mark.slow  # a child
def test_a_table_of_sqlite_whose_name_is_no_text_is_listed(run, odd_file):
    assert run("connections", "create", "--type", "sqlite", "--name", "odd", "--uri", odd_file, "--test").code == 0
    for prefix, wanted in (
        ((), [r"caf\xe9", "plain"]),
        (("--prefix", r"caf\xe9"), [r"caf\xe9"]),
        (("--prefix", "p"), ["plain"]),
    ):
        listed = run("connections", "tables", "--name", "odd", *prefix, "--format", "json")
        assert [item["name"] for item in listed.json["items"]] == wanted, listed.err


@pytest.mark.servers
def test_mariadb_shows_text_whatever_it_is_told_to_speak():
    connector = get("mariadb")
    told = ("--character-set-server=binary", "--skip-character-set-client-handshake", "--init-connect=set names binary")
    with servers.mariadb(options=told) as server, servers.mariadb_admin(server) as admin:
        admin.cursor().execute("create database `日本 é`")
        admin.cursor().execute("create table `日本 é`.`tä` (a int)")
        admin.cursor().execute("create user app identified by 'secret 1'")
        admin.cursor().execute("grant select on *.* to app")
        plan = {"username": "app", "password": "secret 1", "place": ("日本 é", None)}
        assert outcome(trial("mariadb", server.port, **plan)) is None
        with socket.create_connection((server.host, server.port)) as sock:
            login = {"username": "app", "password": "secret 1", "tls": suite.plain(), "sock": sock}
            target = suite.target("mariadb", database="日本 é", **login)
            with contextlib.closing(connector.open(target)) as handle:
                assert "日本 é" in names(connector.catalogs(handle, target))
                assert names(connector.tables(handle, target, "t")) == ["tä"]
