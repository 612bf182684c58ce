"""A dry run answers as the change would, checks as it would, and stores and contacts nothing."""

from __future__ import annotations

import re
import socket

import pytest


@pytest.fixture
def listener():
    """Return a listener that no dry run may reach."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        found.settimeout(0)
        yield found


@pytest.fixture
def changes(made, admin, fresh, listener):
    """Return a function that makes a record of each kind and returns the changes of every route, with their replies."""
    port = listener.getsockname()[1]
    connection = made(port=port, password="old")
    datastore = admin(
        "POST", "/datastores", {"name": fresh(), "connection_id": made()["id"], "database": "d", "schema": "s"}
    ).json
    user = admin("POST", "/users", {"name": fresh(), "role": "Member"}).json
    token = admin("POST", "/user-tokens", {"name": "t", "user": user["id"]}).json
    ended = admin("POST", "/user-tokens", {"name": "e", "user": user["id"]}).json
    admin("PUT", f"/user-tokens/{ended['id']}", {"revoke": True})
    grant = admin("POST", "/grants", {"user": user["id"], "connection": connection["id"]}).json
    named = {"name": fresh(), "type": "postgresql", "username": "new"}
    deleted = {"deleted": False}
    return [
        ("PUT", f"/connections/{connection['id']}", named, {"name": named["name"], "username": "new"}),
        ("PATCH", f"/connections/{connection['id']}", {"password": None}, {"password": None}),
        ("POST", f"/connections/{connection['id']}/copy", {"name": "copy"}, {"name": "copy", "password": "********"}),
        ("DELETE", f"/connections/{connection['id']}", None, deleted | {"name": connection["name"]}),
        ("PUT", f"/datastores/{datastore['id']}", {"schema": "other"}, {"schema": "other"}),
        ("PATCH", f"/datastores/{datastore['id']}", {"description": "x"}, {"description": "x"}),
        ("DELETE", f"/datastores/{datastore['id']}", None, deleted | {"name": datastore["name"]}),
        ("PUT", f"/users/{user['id']}", {"name": user["name"], "role": "Manager"}, {"role": "Manager"}),
        ("PATCH", f"/users/{user['id']}", {"email": "a@b.c"}, {"email": "a@b.c"}),
        ("DELETE", f"/users/{user['id']}", None, deleted | {"name": user["name"]}),
        ("PUT", f"/user-tokens/{token['id']}", {"revoke": True}, {"active": False}),
        ("DELETE", f"/user-tokens/{ended['id']}", None, deleted | {"name": "e"}),
        ("DELETE", f"/grants/{grant['id']}", None, deleted | grant),
    ]


def test_a_dry_run_answers_as_the_change_would_and_stores_and_contacts_nothing(changes, admin, listener):
    for method, path, body, wanted in changes:
        before, newest = admin("GET", path), admin("GET", "/audit?size=1").json
        for query in ("dry_run=true", "dry_run=true&test=true") if "connections" in path else ("dry_run=true",):
            answer = admin(method, f"{path}?{query}", body)
            assert (answer.status, {key: answer.json[key] for key in wanted}) == (200, wanted), (method, path)
            version = None if method == "DELETE" else before.headers.get("etag")
            assert answer.headers.get("etag") == version
        assert admin("GET", path).json == before.json
        assert admin("GET", "/audit?size=1").json == newest
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_every_change_but_creating_has_a_dry_run(changes, admin):
    described = {
        (method.upper(), re.sub(r"\{[^}]*\}|by-name", "{}", path))
        for path, methods in admin("GET", "/openapi.json").json["paths"].items()
        for method, operation in methods.items()
        if any(parameter["name"] == "dry_run" for parameter in operation["parameters"])
    }
    tried = {(method, re.sub(r"/[0-9]+", "/{}", f"/api{path}")) for method, path, *_ in changes}
    assert described == tried | {("POST", "/api/connections/import")}  # whose plan has tests of its own


def test_a_dry_run_refuses_what_the_change_would_refuse(made, admin, member, fresh):
    connection, other = made(), made()
    admin("POST", "/datastores", {"name": fresh(), "connection_id": connection["id"], "database": "d", "schema": "s"})
    path = f"/connections/{connection['id']}?dry_run=true"
    assert admin("DELETE", path).json["code"] == "connection-in-use"
    assert admin("PATCH", path, {"name": other["name"].upper()}).json["code"] == "name-taken"
    assert admin("PATCH", path, {"port": 0}).json["code"] == "invalid-input"
    assert admin("PATCH", path, {"id": 7}).json["code"] == "usage"
    assert admin("PATCH", path, {"port": 2}, If_Match='"9"').json["code"] == "version-changed"
    assert member("PATCH", path, {"port": 2}).json["code"] == "not-allowed"
    assert admin("DELETE", "/connections/999999?dry_run=true").json["code"] == "not-found"


@pytest.mark.parametrize("prefer", [None, "return=representation", "return = representation"])
def test_a_deletion_answers_with_what_it_deleted_where_that_is_preferred(made, admin, prefer):
    connection = made()
    headers = {} if prefer is None else {"Prefer": prefer}
    answer = admin("DELETE", f"/connections/{connection['id']}", **headers)
    if prefer is None:
        assert (answer.status, answer.body) == (204, b"")
    else:
        document = {"id": connection["id"], "name": connection["name"], "deleted": True}
        assert (answer.status, answer.json) == (200, document)
    assert admin("GET", f"/connections/{connection['id']}").status == 404
