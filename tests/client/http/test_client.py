"""What our command line asks a control plane of ours for: one request a verb, with these methods, paths and bodies."""

import shlex

import pytest

from qualytics.client.config import make
from qualytics.client.http.client import HttpClient
from qualytics.errors import VersionChanged
from tests.support import fronts

PG = "-t postgresql --host 127.0.0.1 --port 1 --username app"
FIELDS = {"type": "postgresql", "host": "127.0.0.1", "port": 1, "username": "app"}
PLACE = "--connection-id 1 --database d --schema s"
STORED = {"connection_id": 1, "database": "d", "schema": "s"}


@pytest.fixture
def front(fresh_plane):
    """Return a server that passes on what it is asked, and keeps it."""
    with fronts.before(fresh_plane.port, fronts.passing) as server:
        server.token = fresh_plane.tokens["Admin"]
        yield server


@pytest.fixture
def ask(run, front):
    """Return a function that runs one command and returns what it asked for."""

    def call(line, code=0):
        front.asked.clear()
        result = run(*shlex.split(line), env={"QUALYTICS_URL": front.url, "QUALYTICS_TOKEN": front.token})
        assert result.code == code, result
        return [(asked.method, asked.path.removeprefix("/api"), asked.query, asked.body) for asked in front.asked]

    return call


SORTED = {"sort_id": "asc", "page": "1", "size": "100"}


@pytest.mark.parametrize(
    ("line", "code", "request_"),
    [
        (f"create {PG} --name new", 0, ("POST", "", {}, {**FIELDS, "name": "new"})),
        ("get --id 1", 0, ("GET", "/1", {}, None)),
        ("list --name a", 0, ("GET", "", {"name": "a", **SORTED}, None)),
        ("update --id 1 --port 2", 0, ("PATCH", "/1", {}, {"port": 2})),
        (
            'update --id 1 --parameters \'{"application_name": "x", "ssl_mode": null}\'',
            0,
            ("PATCH", "/1", {}, {"parameters": {"application_name": "x", "ssl_mode": None}}),
        ),
        ("update --id 1 --unset password", 0, ("PATCH", "/1", {}, {"password": None})),
        ("update --id 1", 2, ("PATCH", "/1", {}, {})),
        ("test --id 1", 6, ("POST", "/1/test", {}, None)),
        ("test --id 1 --username third", 6, ("POST", "/1/test", {}, {"username": "third"})),
        (f"test {PG}", 6, ("POST", "/test", {}, FIELDS)),
        ("delete --id 1", 0, ("DELETE", "/1", {}, None)),
    ],
)
def test_a_verb_on_connections_is_one_request(ask, line, code, request_):
    ask(f"connections create {PG} --name a")
    method, path, query, body = request_
    assert ask(f"connections {line}", code) == [(method, f"/connections{path}", query, body)]


@pytest.mark.parametrize(
    ("line", "code", "request_"),
    [
        (f"create --name new {PLACE}", 0, ("POST", "", {}, {**STORED, "name": "new"})),
        (
            f"create --name new {PG} --connection-name c --database d --schema s",
            0,
            ("POST", "", {}, {"name": "new", "connection": {**FIELDS, "name": "c"}, "database": "d", "schema": "s"}),
        ),
        ("get --id 1", 0, ("GET", "/1", {}, None)),
        ("list", 0, ("GET", "", {"page": "1", "size": "100"}, None)),
        ("update --id 1 --schema t", 0, ("PATCH", "/1", {}, {"schema": "t"})),
        ("update --id 1 --unset description", 0, ("PATCH", "/1", {}, {"description": None})),
        ("verify --id 1", 6, ("POST", "/1/connection", {}, None)),
        ("delete --id 1", 0, ("DELETE", "/1", {}, None)),
    ],
)
def test_a_verb_on_datastores_is_one_request(ask, line, code, request_):
    ask(f"connections create {PG} --name a")
    ask(f"datastores create --name d {PLACE}")
    method, path, query, body = request_
    assert ask(f"datastores {line}", code) == [(method, f"/datastores{path}", query, body)]


@pytest.mark.parametrize(
    ("line", "code", "request_"),
    [
        ("connections get", 0, ("GET", "/connections/by-name", None)),
        ("connections update --port 2", 0, ("PATCH", "/connections/by-name", {"port": 2})),
        ("connections test", 6, ("POST", "/connections/by-name/test", None)),
        ("connections test --port 2", 6, ("POST", "/connections/by-name/test", {"port": 2})),
        ("connections catalogs", 6, ("GET", "/connections/by-name/catalogs", None)),
        ("connections schemas --catalog d", 6, ("GET", "/connections/by-name/schemas", None)),
        ("connections delete", 5, ("DELETE", "/connections/by-name", None)),
        ("datastores get", 0, ("GET", "/datastores/by-name", None)),
        ("datastores update --schema t", 0, ("PATCH", "/datastores/by-name", {"schema": "t"})),
        ("datastores verify", 6, ("POST", "/datastores/by-name/connection", None)),
        ("datastores delete", 0, ("DELETE", "/datastores/by-name", None)),
        ("users get", 3, ("GET", "/users/by-name", None)),
        ("users update --role member", 3, ("PATCH", "/users/by-name", {"role": "Member"})),
        ("users delete", 3, ("DELETE", "/users/by-name", None)),
    ],
)
def test_a_verb_on_a_name_is_one_request_too(ask, line, code, request_):
    name = "a/b ..%2F😀&#"
    ask(f"connections create {PG} --name '{name}'")
    ask(f"datastores create --name '{name}' {PLACE}")
    group, verb, *options = line.split()
    method, path, body = request_
    requests = ask(shlex.join([group, verb, name.upper(), *options]), code)
    assert [(*asked[:2], asked[2]["name"], asked[3]) for asked in requests] == [(method, path, name.upper(), body)]


def test_digits_are_one_request_as_well(ask):
    ask(f"connections create {PG} --name a")
    ask(f"connections create {PG} --name 1")
    assert ask("connections get 2") == [("GET", "/connections/by-name", {"word": "2"}, None)]
    assert ask("connections delete 1", 2) == [("DELETE", "/connections/by-name", {"word": "1"}, None)]
    assert ask("connections delete --name 1") == [("DELETE", "/connections/by-name", {"name": "1"}, None)]


def known_of(collection):
    return ("GET", f"/{collection}", {"size": "1"}, None)


def test_what_is_promised_is_asked_of_a_server_that_is_known(ask):
    ask(f"connections create {PG} --name a")
    known = known_of("connections")
    update = ("PATCH", "/connections/1", {"dry_run": "true"}, {"port": 2})
    assert ask("connections update --id 1 --port 2 --dry-run") == [known, update]
    assert ask("connections delete --id 1 --dry-run") == [
        known,
        ("DELETE", "/connections/1", {"dry_run": "true"}, None),
    ]
    ask(f"datastores create --name d {PLACE}")
    changed = ("PATCH", "/datastores/1", {"dry_run": "true"}, {"schema": "t"})
    assert ask("datastores update --id 1 --schema t --dry-run") == [known_of("datastores"), changed]
    deleted = ("DELETE", "/datastores/1", {"dry_run": "true"}, None)
    assert ask("datastores delete --id 1 --dry-run") == [known_of("datastores"), deleted]
    requests = ask(f"connections create {PG} --name b --test", 6)
    assert requests == [known, ("POST", "/connections", {"test": "true"}, FIELDS | {"name": "b"})]
    assert ask("connections get --id 2", 3) == [("GET", "/connections/2", {}, None)]


def test_if_match_is_sent_where_a_caller_gives_a_version(front):
    with HttpClient(make({"url": front.url, "token": front.token}, "the test", {})) as client:
        made = client.connections.create(FIELDS | {"name": "a"})
        client.connections.update(1, {"port": 2})
        client.connections.update(1, {"port": 3}, version=made.version + 1)
        with pytest.raises(VersionChanged):
            client.connections.update(1, {"port": 4}, version=made.version)
        with pytest.raises(VersionChanged):
            client.connections.delete(1, version=made.version)
        assert client.connections.get(1)["port"] == 3
    matches = [asked.headers.get("if-match") for asked in front.asked]
    assert matches == [None, None, '"2"', '"1"', '"1"', None]
