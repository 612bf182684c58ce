"""What a failed test is told beyond its class, by what is stored and by who asks."""

import json

import pytest

from qualytics.client import connect
from qualytics.connectors import all_connectors, get
from qualytics.model import Failure, Scope, StageResult, TestReport
from qualytics.probe.verdicts.failure_classes import CLASSES
from qualytics.service.connections.advice import advised
from qualytics.service.connections.verbs import Connections
from qualytics.service.draft import Draft


def failed(failure_class, message=None, hint=None):
    text = CLASSES[failure_class]
    message = message or text.cause.format(login="user 'app' or the password")
    failure = Failure("login", failure_class, text.retryable, message, hint or text.hint, None)
    return TestReport(failure, (StageResult("login", ok=False, ms=1.0),), 1.0, message)


def advice(client, report, scope=Scope(), type_="postgresql", stored_name="prod", secrets=None, **values):  # noqa: B008 - frozen
    draft = Draft(get(type_), values, secrets or {}, stored_name=stored_name)
    told = advised(report, client._context, draft, scope)
    assert told.message == told.failure.message
    return told.failure.message, told.failure.hint


@pytest.mark.slow
@pytest.mark.parametrize(
    ("role", "host", "hint"),
    [
        ("Admin", "127.0.0.1", "restart the control plane with --allow-target 127.0.0.1"),
        ("Admin", "localhost", "restart the control plane with --allow-target localhost"),
        ("Admin", "::1", "restart the control plane with --allow-target ::1"),
        ("Manager", "127.0.0.1", "ask an Admin of the control plane to allow the target"),
    ],
)
def test_whoever_may_restart_the_control_plane_is_told_how_a_target_is_allowed(shared, role, host, hint):
    with shared.as_user(shared.make("Ada", role)) as context:
        report = Connections(context).test_unsaved({"type": "postgresql", "host": host, "username": "u"})
    assert (report["stage"], report["class"], report["hint"]) == ("resolve", "blocked", hint)


@pytest.mark.parametrize(
    ("stored_name", "selector"),
    [
        ("prod", "prod"),
        ("Production DB", "'Production DB'"),
        ("it's {x}", """'it'"'"'s {x}'"""),
        ("7", "--name 7"),
        ("-x", "--name -x"),
    ],
)
def test_a_listing_names_the_connection_as_a_shell_takes_it(client, stored_name, selector):
    told = advice(client, failed("unknown_db"), Scope("nodb"), stored_name=stored_name)
    assert told == ("there is no database 'nodb'", f"qualytics connections catalogs {selector} lists them")


LISTING = [found for found in all_connectors() if found.schemas or found.catalogs]


@pytest.mark.parametrize("connector", LISTING, ids=lambda found: found.type)
def test_every_type_that_lists_databases_or_schemas_says_how(client, connector):
    level = "database" if "database" in (connector.scope or connector.scope_optional) else "schema"
    message, hint = advice(client, failed("unknown_db"), Scope(**{level: "nothing"}), type_=connector.type)
    assert message == f"there is no {level} 'nothing'"
    lister = "catalogs" if level == "database" and connector.catalogs else "schemas"
    if connector.type == "db2":  # lists the schemas of a database, and no databases
        assert hint == "check the spelling, also upper and lower case"
        hint = advice(client, failed("unknown_db", "there is no schema 'x' in 'd'"), Scope("d", "x"), "db2")[1]
        assert hint == "qualytics connections schemas prod --catalog d lists them"
    else:
        assert hint == f"qualytics connections {lister} prod lists them"


def test_where_nothing_is_stored_nothing_can_be_listed(client):
    told = advice(client, failed("unknown_db"), Scope("nodb"), stored_name=None)
    assert told == ("there is no database 'nodb'", "check the spelling, also upper and lower case")


def test_a_server_that_does_not_say_which_of_two_is_missing_leaves_it_open(client):
    message, hint = advice(client, failed("unknown_db"), Scope("d", "s"))
    assert message == "there is no database 'd', or no schema 's' in it"
    assert hint == "qualytics connections catalogs prod lists them"


def test_what_the_server_says_itself_stays(client):
    report = failed("unknown_db", "the endpoint is gone", "create it at the provider")
    assert advice(client, report, Scope("d")) == ("the endpoint is gone", "create it at the provider")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "no password is stored, and the server asks for one"),
        ({"parameters": {"authentication_type": "IAM_ROLE"}}, "the server refused user 'app' or the password"),
    ],
)
def test_a_login_by_something_else_lacks_no_password(client, values, message):
    assert advice(client, failed("auth"), type_="redshift", **values)[0] == message


def test_an_object_store_lacks_no_password(client):
    assert advice(client, failed("auth"), type_="s3")[0] == "the server refused user 'app' or the password"


@pytest.fixture
def prod(home, request):
    """Return a function that stores a connection to a server of a fixture, as `prod`."""

    def store(type_, fixture, **changes):
        server = request.getfixturevalue(fixture)
        fields = {"host": "127.0.0.1", "port": server.port, "username": server.user, "password": server.password}
        parameters = {"ssl_root_cert_file": str(request.getfixturevalue("root_file"))}
        with connect() as client:
            client.connections.create({"type": type_, "name": "prod", "parameters": parameters, **fields, **changes})

    return store


SERVERS = [("postgresql", "postgres_server"), ("mysql", "mariadb_server")]


@pytest.mark.parametrize(("type_", "fixture"), SERVERS)
@pytest.mark.servers
@pytest.mark.slow
def test_an_unknown_database_is_named_and_so_is_what_lists_them(prod, run, type_, fixture):
    prod(type_, fixture)
    result = run("connections", "test", "--name", "prod", "--database", "nodb", "-f", "json")
    report = json.loads(result.out)
    assert (result.code, report["stage"], report["class"]) == (6, "database", "unknown_db")
    assert report["message"] == "there is no database 'nodb'"
    assert report["hint"] == "qualytics connections catalogs prod lists them"


@pytest.mark.servers
@pytest.mark.slow
def test_an_unknown_schema_is_named_and_so_is_what_lists_them(prod, run):
    prod("postgresql", "postgres_server")
    wanted = ("--database", "sales", "--schema", "nope")
    report = json.loads(run("connections", "test", "--name", "prod", *wanted, "-f", "json").out)
    assert report["message"] == "there is no schema 'nope' in 'sales'"
    assert report["hint"] == "qualytics connections schemas prod --catalog sales lists them"


@pytest.mark.parametrize(("type_", "fixture"), SERVERS)
@pytest.mark.servers
@pytest.mark.slow
def test_a_server_that_asks_for_a_password_where_none_is_stored(prod, run, type_, fixture):
    prod(type_, fixture, password=None)
    report = json.loads(run("connections", "test", "--name", "prod", "-f", "json").out)
    assert report["class"] == "auth"
    assert report["message"] == "no password is stored, and the server asks for one"
    assert report["hint"] == "give one with --password"


@pytest.mark.servers
@pytest.mark.slow
def test_a_server_that_asks_for_a_password_where_none_is_given(run, postgres_server, root_file):
    settings = ("--type", "postgresql", "--host", "127.0.0.1", "--port", postgres_server.port, "--username", "app")
    result = run("connections", "test", *settings, "--parameters", json.dumps({"ssl_root_cert_file": str(root_file)}))
    assert "error: the test failed at login (auth): no password is given, and the server asks for one" in result.err


@pytest.mark.servers
@pytest.mark.slow
def test_a_wrong_password_is_still_a_wrong_password(prod, run):
    prod("postgresql", "postgres_server", password="not-the-one")
    report = json.loads(run("connections", "test", "--name", "prod", "-f", "json").out)
    assert "or the password" in report["message"]
