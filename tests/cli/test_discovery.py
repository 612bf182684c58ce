"""Discovery: catalogs, schemas, tables and objects of real servers, and how each command refuses."""

import contextlib
import itertools
import json
import sqlite3

import duckdb
import pytest

from testbed import fakesnow, objects, servers

names = (f"discovered_{number:04}" for number in itertools.count())
ODD = "odd \" ' % _ name"


@pytest.fixture
def connection(run):
    """Return a function that creates a connection and returns its id as text."""

    def create(type_, parameters=None, **fields):
        options = [word for name, value in fields.items() for word in (f"--{name.replace('_', '-')}", value)]
        if parameters is not None:
            options += ["--parameters", json.dumps(parameters)]
        created = run("connections", "create", "--type", type_, "--name", next(names), *options, "-f", "json")
        assert created.code == 0, created.err
        return str(created.json["id"])

    return create


@pytest.fixture
def listed(run):
    """Return a function that runs one command of discovery and returns its document."""

    def call(what, identifier, *options):
        result = run("connections", what, "--id", identifier, *options, "--timeout", "30", "--format", "json")
        assert result.code == 0, result.err
        return result.json

    return call


def marks(items):
    return {item["name"]: item["is_system"] for item in items}


def kinds(page):
    return {item["name"]: item["kind"] for item in page["items"]}


@pytest.fixture
def on_postgres(connection, postgres_server, root_file):
    return connection(
        "postgresql",
        {"ssl_root_cert_file": str(root_file)},
        host=postgres_server.host,
        port=str(postgres_server.port),
        username=postgres_server.user,
        password=postgres_server.password,
    )


@pytest.fixture
def database(postgres_server):
    """Make a database of PostgreSQL with odd names in it."""
    name = next(names)
    with servers.postgres_admin(postgres_server) as admin:
        admin.execute(f"create database {name}")
    with servers.postgres_admin(postgres_server, name) as admin:
        quoted = ODD.replace('"', '""')
        admin.execute("create schema reports")
        admin.execute(f'create schema "{quoted}"')
        admin.execute("create table reports.orders (id int)")
        admin.execute("create table reports.order_lines (id int)")
        admin.execute("create table reports.customers (id int)")
        admin.execute("create view reports.open_orders as select 1 as one")
        admin.execute("create materialized view reports.totals as select 1 as one")
        admin.execute(f'create table reports."{quoted}" (id int)')
    yield name
    with servers.postgres_admin(postgres_server) as admin:
        admin.execute(f"drop database {name} with (force)")


def test_postgresql_lists_databases_schemas_and_tables(on_postgres, database, listed):
    catalogs = marks(listed("catalogs", on_postgres))
    assert catalogs[database] is False
    assert catalogs["template1"] is True
    schemas = marks(listed("schemas", on_postgres, "--catalog", database))
    assert schemas == {
        **dict.fromkeys(("reports", "public", ODD), False),
        **dict.fromkeys(("pg_catalog", "pg_toast", "information_schema"), True),
    }
    page = listed("tables", on_postgres, "--catalog", database, "--schema", "reports")
    assert kinds(page) == {
        **dict.fromkeys(("orders", "order_lines", "customers", ODD), "table"),
        **dict.fromkeys(("open_orders", "totals"), "view"),
    }
    assert page["next"] is None
    inner = listed("tables", on_postgres, "--catalog", database, "--schema", "pg_catalog", "--prefix", "pg_class")
    assert marks(inner["items"]) == {"pg_class": True}


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("order", {"orders", "order_lines"}),
        ("order_", {"order_lines"}),
        ("%", set()),
        ("Order", set()),
        ("odd \" '", {ODD}),
        ("' or 1=1 --", set()),
    ],
)
def test_a_prefix_is_literal(on_postgres, database, listed, prefix, found):
    page = listed("tables", on_postgres, "--catalog", database, "--schema", "reports", "--prefix", prefix)
    assert {item["name"] for item in page["items"]} == found


def test_names_from_a_server_are_bound_and_never_part_of_a_statement(on_postgres, database, run, listed):
    assert listed("tables", on_postgres, "--catalog", database, "--schema", ODD)["items"] == []
    evil = "x'; drop schema reports cascade; --"
    refused = run("connections", "tables", "--id", on_postgres, "--catalog", database, "--schema", evil)
    assert (refused.code, refused.out) == (6, "")
    assert "reports" in marks(listed("schemas", on_postgres, "--catalog", database))


def test_pages_follow_each_other_until_there_is_no_next(on_postgres, database, listed):
    place = ("--catalog", database, "--schema", "reports")
    whole = [item["name"] for item in listed("tables", on_postgres, *place)["items"]]
    found, token, pages = [], (), 0
    while token is not None:
        page = listed("tables", on_postgres, *place, "--limit", "4", *token)
        found += [item["name"] for item in page["items"]]
        token = ("--after", page["next"]) if page["next"] else None
        pages += 1
    assert (found, pages) == (whole, 2)


def test_datastores_stand_beside_what_they_read(on_postgres, database, run, listed):
    def datastore(schema):
        name = next(names)
        made = run(
            *("datastores", "create", "--connection-id", on_postgres, "--name", name),
            *("--database", database, "--schema", schema, "-f", "json"),
        )
        assert made.code == 0, made.err
        return {"id": made.json["id"], "name": name}

    reports, public = datastore("reports"), datastore("public")
    catalogs = {item["name"]: item["existing_datastores"] for item in listed("catalogs", on_postgres)}
    assert catalogs[database] == [reports, public]
    assert catalogs["postgres"] == []
    schemas = listed("schemas", on_postgres, "--catalog", database)
    assert {item["name"]: item["existing_datastores"] for item in schemas if item["existing_datastores"]} == {
        "reports": [reports],
        "public": [public],
    }
    assert not any(item["existing_datastores"] for item in listed("schemas", on_postgres, "--catalog", "postgres"))
    page = listed("tables", on_postgres, "--catalog", database, "--schema", "reports", "--prefix", "orders")
    assert page["items"] == [
        {"name": "orders", "kind": "table", "is_system": False, "existing_datastores": [reports]},
    ]


def test_an_unknown_catalog_is_a_failed_test_with_nothing_on_stdout(on_postgres, run):
    result = run("connections", "schemas", "--id", on_postgres, "--catalog", "nowhere")
    assert (result.code, result.out) == (6, "")
    error, detail, hint = result.err.splitlines()
    assert '"nowhere" does not exist' in detail
    assert error.startswith(f"error: listing the schemas of connection {on_postgres} failed at database (unknown_db): ")
    assert hint.startswith("hint: ")


def test_a_wrong_password_is_a_failed_test_without_the_password(connection, run, postgres_server, root_file):
    identifier = connection(
        "postgresql",
        {"ssl_root_cert_file": str(root_file)},
        host=postgres_server.host,
        port=str(postgres_server.port),
        username=postgres_server.user,
        password="canary-9f1e77",
    )
    result = run("connections", "catalogs", "--id", identifier, "--debug")
    assert (result.code, result.out) == (6, "")
    assert "failed at login (auth)" in result.err
    assert "canary-9f1e77" not in result.err


@pytest.mark.parametrize("type_", ["mysql", "mariadb"])
def test_mariadb_lists_databases_and_tables_and_has_no_schemas(
    connection, listed, run, mariadb_server, root_file, type_
):
    with contextlib.closing(servers.mariadb_admin(mariadb_server)) as admin, admin.cursor() as cursor:
        database = next(names)
        cursor.execute(f"create database {database}")
        cursor.execute(f"create table {database}.orders (id int)")
        cursor.execute(f"create table {database}.`order's %` (id int)")
        cursor.execute(f"create view {database}.open_orders as select 1 as one")
    identifier = connection(
        type_,
        {"ssl_root_cert_file": str(root_file)},
        host=mariadb_server.host,
        port=str(mariadb_server.port),
        username=mariadb_server.user,
        password=mariadb_server.password,
    )
    catalogs = marks(listed("catalogs", identifier))
    assert catalogs[database] is False
    assert catalogs["information_schema"] is catalogs["mysql"] is True
    page = listed("tables", identifier, "--catalog", database)
    assert kinds(page) == {"orders": "table", "order's %": "table", "open_orders": "view"}
    assert kinds(listed("tables", identifier, "--catalog", database, "--prefix", "order'")) == {"order's %": "table"}
    refused = run("connections", "schemas", "--id", identifier)
    assert (refused.code, refused.out) == (5, "")
    assert refused.err == (
        f"error: {type_} has no schemas\nhint: qualytics connections catalogs --id {identifier} lists what it has\n"
    )
    unknown = run("connections", "tables", "--id", identifier, "--catalog", database, "--schema", "s")
    assert unknown.code == 2
    assert f"schema is not used by {type_}" in unknown.err
    missing = run("connections", "tables", "--id", identifier)
    assert missing.code == 2
    assert f"hint: qualytics connections catalogs --id {identifier} lists them" in missing.err


@pytest.mark.slow
def test_sqlite_lists_its_one_schema_and_its_tables(connection, listed, run, tmp_path):
    path = tmp_path / "a.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as handle:
        handle.execute("create table orders (id integer primary key autoincrement)")
        handle.execute("create view open_orders as select 1")
    identifier = connection("sqlite", uri=str(path))
    run("datastores", "create", "--connection-id", identifier, "--name", "whole file")
    assert listed("schemas", identifier) == [
        {"name": "main", "is_system": False, "existing_datastores": [{"id": 1, "name": "whole file"}]}
    ]
    page = listed("tables", identifier)
    assert kinds(page) == {"orders": "table", "open_orders": "view", "sqlite_sequence": "table"}
    assert marks(page["items"])["sqlite_sequence"] is True
    assert all(item["existing_datastores"] for item in page["items"])
    assert listed("tables", identifier, "--schema", "main", "--prefix", "orders") == {
        "items": [page["items"][[item["name"] for item in page["items"]].index("orders")]],
        "next": None,
    }
    refused = run("connections", "catalogs", "--id", identifier)
    assert refused.code == 5
    assert "schemas" in refused.err


@pytest.mark.slow
def test_duckdb_lists_its_schemas_and_tables(connection, listed, run, tmp_path):
    path = tmp_path / "a.duckdb"
    with contextlib.closing(duckdb.connect(str(path))) as handle:
        handle.execute("create schema reports")
        handle.execute("create table reports.orders (id integer)")
        handle.execute("create view reports.open_orders as select 1 as one")
        handle.execute("create table plain (id integer)")
    identifier = connection("duckdb", uri=str(path))
    assert marks(listed("schemas", identifier)) == {"main": False, "reports": False}
    assert kinds(listed("tables", identifier)) == {"plain": "table"}
    assert kinds(listed("tables", identifier, "--schema", "reports")) == {"orders": "table", "open_orders": "view"}
    missing = run("connections", "tables", "--id", identifier, "--schema", "nowhere")
    assert missing.code == 6
    assert "(unknown_db)" in missing.err


def test_snowflake_lists_databases_schemas_and_tables(connection, listed, fakesnow_server, root_file):
    fakesnow.run_sql(
        fakesnow_server,
        "create or replace database DISCOVERED",
        "create schema DISCOVERED.RAW",
        "create table DISCOVERED.RAW.ORDERS (id int)",
        "create view DISCOVERED.RAW.OPEN_ORDERS as select 1 as one",
        'create table DISCOVERED.RAW."100% sure" (id int)',
    )
    identifier = connection(
        "snowflake",
        {"ssl_root_cert_file": str(root_file)},
        host="localhost",
        port=str(fakesnow_server.port),
        username=fakesnow_server.user,
        password=fakesnow_server.password,
    )
    assert marks(listed("catalogs", identifier))["DISCOVERED"] is False
    schemas = marks(listed("schemas", identifier, "--catalog", "discovered"))
    assert schemas["RAW"] is False
    place = ("--catalog", "DISCOVERED", "--schema", "RAW")
    assert kinds(listed("tables", identifier, *place)) == {
        "ORDERS": "table",
        "OPEN_ORDERS": "view",
        "100% sure": "table",
    }
    assert kinds(listed("tables", identifier, *place, "--prefix", "100% s")) == {"100% sure": "table"}
    assert kinds(listed("tables", identifier, *place, "--prefix", "OR")) == {"ORDERS": "table"}


@pytest.mark.slow
def test_an_object_store_lists_prefixes_and_objects_and_nothing_else(connection, listed, run):
    with objects.moto() as server:
        import boto3

        url = f"http://{server.host}:{server.port}"
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
        with contextlib.closing(boto3.client("s3", endpoint_url=url, **keys)) as client:
            client.create_bucket(Bucket="lake-discovered")
            for key in ("base/a/1.csv", "base/b/1.csv", "base/top.csv", "elsewhere/x.csv"):
                client.put_object(Bucket="lake-discovered", Key=key, Body=b"x")
        identifier = connection(
            "s3",
            {"endpoint_url": url},
            uri="s3://lake-discovered/base",
            access_key="testing",
            secret_key="testing",
        )
        made = run(
            "datastores", "create", "--connection-id", identifier, "--name", "folder a", "--root-path", "/base/a"
        )
        assert made.code == 0, made.err
        page = listed("tables", identifier)
        assert kinds(page) == {"base/a/": "prefix", "base/b/": "prefix", "base/top.csv": "object"}
        users = {item["name"]: item["existing_datastores"] for item in page["items"]}
        assert users["base/a/"] == [{"id": 1, "name": "folder a"}]
        assert users["base/b/"] == []
        assert kinds(listed("tables", identifier, "--prefix", "a")) == {"base/a/1.csv": "object"}
        first = listed("tables", identifier, "--limit", "2")
        assert (len(first["items"]), first["next"]) == (2, "2")
        assert kinds(listed("tables", identifier, "--after", "2")) == {"base/top.csv": "object"}
        for what in ("catalogs", "schemas"):
            refused = run("connections", what, "--id", identifier)
            assert (refused.code, refused.out) == (5, "")
            assert f"hint: qualytics connections tables --id {identifier} lists what it has" in refused.err
        dots = run("connections", "tables", "--id", identifier, "--prefix", "../..")
        assert dots.code == 6
        assert "(config)" in dots.err


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--limit", "0"), 2, "--limit must be 1 or more"),
        (("--limit", "10001"), 2, "limit must be from 1 to 10,000"),
        (("--after", "x"), 2, "--after takes what an earlier call showed as next"),
        (("--after", "-1"), 2, "--after takes what an earlier call showed as next"),
        (("--timeout", "0"), 2, "timeout must be more than 0"),
        (("--catalog", "c"), 2, "catalog is not used by sqlite"),
    ],
)
def test_bad_options_are_told_before_anything_is_asked(connection, run, tmp_path, options, code, said):
    identifier = connection("sqlite", uri=str(tmp_path / "missing.sqlite"))
    result = run("connections", "tables", "--id", identifier, *options)
    assert (result.code, result.out) == (code, "")
    assert said in result.err


def test_a_connection_that_is_not_there_is_not_found(run):
    assert run("connections", "catalogs", "--id", "7").code == 3
    assert run("connections", "tables", "--name", "nobody").code == 3
    assert run("connections", "tables").code == 2


@pytest.mark.slow
def test_a_missing_file_is_a_failed_test(connection, run, tmp_path):
    identifier = connection("sqlite", uri=str(tmp_path / "missing.sqlite"))
    result = run("connections", "tables", "--id", identifier)
    assert (result.code, result.out) == (6, "")
    assert "failed at open (unknown_db): there is no file" in result.err


@pytest.mark.slow
def test_a_listing_that_fails_shows_the_words_of_the_driver(connection, run, tmp_path):
    odd = tmp_path / "odd.sqlite"
    with contextlib.closing(sqlite3.connect(odd)) as made:
        made.execute("create table t (a)")
    whole = odd.read_bytes()
    odd.write_bytes(whole[:100] + b"x" * (len(whole) - 100))
    identifier = connection("sqlite", uri=str(odd))
    listed = run("connections", "tables", "--id", identifier)
    tested = run("connections", "test", "--id", identifier, "--format", "json")
    assert (listed.code, listed.out) == (6, "")
    lines = listed.err.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["error", "detail", "hint"]
    assert lines[1] == f"detail: {tested.json['detail']}"
    assert "malformed" in lines[1]
    assert lines[2] == f"hint: {tested.json['hint']}"


@pytest.mark.servers
def test_words_of_a_driver_of_many_lines_stay_lines(connection, run, postgres_server, root_file):
    with servers.postgres_admin(postgres_server) as admin:
        admin.execute("create database shut_off")
        admin.execute("revoke connect on database shut_off from public")
        admin.execute("create role narrow login password 'secret 1'")
    identifier = connection(
        "postgresql",
        {"ssl_root_cert_file": str(root_file)},
        host=postgres_server.host,
        port=str(postgres_server.port),
        username="narrow",
        password="secret 1",
    )
    listed = run("connections", "schemas", "--id", identifier, "--catalog", "shut_off")
    assert listed.code == 6
    details = [line for line in listed.err.splitlines() if line.startswith("detail: ")]
    assert "permission denied for database" in details[0]
    assert details[1].startswith("detail: DETAIL:")
