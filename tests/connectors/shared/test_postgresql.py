"""Users who may enter one database alone: their password lets them in, and the one to use is theirs to name."""

import contextlib

import pytest

from testbed import pgbouncer, servers
from tests.support.trial import outcome, trial

LOGIN = {"username": "app", "password": "secret 1"}
USUAL = ("postgres", "template1")


@pytest.fixture(scope="module")
def narrow():
    """Run a PostgreSQL where `app` may enter `sales` alone, as hosted ones are set up."""
    with servers.postgres() as server:
        with servers.postgres_admin(server) as admin:
            admin.execute("create role app login password 'secret 1'")
            for database in ("sales", "private"):
                admin.execute(f"create database {database}")
            for database in (*USUAL, "private"):
                admin.execute(f"revoke connect on database {database} from public")
        yield server


@pytest.fixture(scope="module")
def pooled(narrow):
    """Run a pgbouncer before it that knows `sales` alone."""
    users = {"app": "secret 1", narrow.user: narrow.password}
    with pgbouncer.pgbouncer(
        {"sales": f"host=127.0.0.1 port={narrow.port}"}, users, auth_type="scram-sha-256"
    ) as server:
        yield server


@pytest.fixture(params=["narrow", "pooled"])
def server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def stored(run, narrow):
    """Return the options of a stored connection, which nothing has tested."""
    made = run(
        *("connections", "create", "--type", "postgresql", "--name", "narrow", "--host", narrow.host),
        *("--port", narrow.port, "--username", "app", "--password", "secret 1"),
    )
    assert made.code == 0, made.err
    return ("--id", made.document["id"])


pytestmark = pytest.mark.servers


def test_who_is_let_in_by_the_password_is_connected(server):
    report = trial("postgresql", server.port, **LOGIN)
    assert outcome(report) is None
    assert [stage.name for stage in report.stages] == ["resolve", "tcp", "tls", "login"]
    assert all(stage.ok for stage in report.stages)
    warning = report.warnings[-1]
    assert "'postgres'" in warning
    assert "--database" in warning


def test_a_wrong_password_is_still_wrong(server):
    assert outcome(trial("postgresql", server.port, username="app", password="wrong")) == ("login", "auth")


def test_a_named_database_is_entered_or_fails_by_its_name(server):
    assert outcome(trial("postgresql", server.port, **LOGIN, place=("sales", None))) is None
    assert outcome(trial("postgresql", server.port, **LOGIN, place=("sales", "public"))) is None
    for name in ("private", "nowhere"):
        report = trial("postgresql", server.port, **LOGIN, place=(name, None))
        assert outcome(report)[0] == "database"
        assert name in report.failure.detail


def test_a_user_with_a_database_of_its_own_name_gets_in_by_that(narrow):
    with servers.postgres_admin(narrow) as admin, contextlib.ExitStack() as stack:
        admin.execute("create database app")
        stack.callback(admin.execute, "drop database app")
        report = trial("postgresql", narrow.port, **LOGIN)
    assert outcome(report) is None
    assert "query" in [stage.name for stage in report.stages]


def test_the_timescale_type_is_let_in_alike(narrow):
    assert outcome(trial("timescale", narrow.port, **LOGIN)) is None


def test_database_and_schema_are_options_of_a_test_and_not_stored(run, stored):
    named = run("connections", "test", *stored, "--database", "sales", "--schema", "public", "--format", "json")
    assert (named.code, named.json["connected"]) == (0, True)
    assert [stage["name"] for stage in named.json["stages"]][-2:] == ["database", "query"]
    missing = run("connections", "test", *stored, "--database", "sales", "--schema", "nowhere", "--format", "json")
    assert (missing.code, missing.json["stage"], missing.json["class"]) == (6, "database", "unknown_db")
    shown = run("connections", "get", *stored, "--format", "json").json
    assert "database" not in shown
    assert shown["product_name"] == "PostgreSQL"
    # A test that saw less leaves what an earlier one saw.
    assert run("connections", "test", *stored).code == 0
    assert run("connections", "get", *stored, "--format", "json").json["product_name"] == "PostgreSQL"


def test_create_and_update_test_with_a_database(run, narrow, stored):
    new = (
        *("connections", "create", "--type", "postgresql", "--name", "new", "--host", narrow.host, "--test"),
        *("--port", narrow.port, "--username", "app", "--password", "secret 1"),
    )
    refused = run(*new, "--database", "private")
    assert refused.code == 6
    assert "not stored" in refused.err
    made = run(*new, "--database", "sales")
    assert made.code == 0, made.err
    assert made.document["product_name"] == "PostgreSQL"
    bare = run(*new[:5], "bare", *new[6:])
    assert bare.code == 0, bare.err
    assert "name the database to use with --database" in bare.err
    changed = run(
        "connections", "update", *stored, "--parameters", '{"application_name": "x"}', "--test", "--database", "sales"
    )
    assert changed.code == 0, changed.err


def test_the_database_of_a_datastore_is_the_way_in(run, stored):
    made = run(
        *("datastores", "create", "--name", "sales", "--connection-id", stored[1]),
        *("--database", "sales", "--schema", "public"),
    )
    assert made.code == 0, made.err
    tested = run("connections", "test", *stored, "--format", "json")
    assert [stage["name"] for stage in tested.json["stages"]][-1] == "query"
    assert "warning: user and password" not in tested.err
    listed = run("connections", "catalogs", *stored, "--format", "json")
    assert {item["name"] for item in listed.json} >= {"sales", "private"}


def test_catalogs_without_any_way_in_name_what_to_do(run, stored):
    listed = run("connections", "catalogs", *stored)
    assert listed.code == 6
    assert "'postgres'" in listed.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("create", "--type", "postgresql", "--host", "h", "--database", "x"), "--database is for --test"),
        (("update", "--id", "1", "--host", "h", "--schema", "x"), "--schema is for --test"),
        (("test", "--type", "postgresql", "--host", "h", "--schema", "x"), "database is needed with a schema"),
        (("test", "--type", "mysql", "--host", "h", "--schema", "x"), "schema is not used by mysql"),
        (
            ("test", "--type", "sqlite", "--uri", "x.db", "--database", "x"),
            "database is not used by sqlite",
        ),
    ],
)
def test_a_place_that_makes_no_sense_is_refused(run, words, said):
    result = run("connections", *words)
    assert result.code == 2
    assert said in result.err
