"""Every route of the API, asked by everybody: who may and who may not, as the table of rights says."""

from __future__ import annotations

import json
import re

import pytest

from qualytics.server import app, meta, openapi
from qualytics.service import rights
from qualytics.service.rights import ROLES

DOCUMENT = openapi.document("/api", [*app.ROUTES, *meta.ROUTES])
OPERATIONS = [(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods]
RIGHTS = {right.words: right for right in vars(rights).values() if isinstance(right, rights.Right)}
INLINE = {"type": "postgresql", "host": "127.0.0.1", "port": 1, "username": "app"}
EVERYBODY = (None, *ROLES)


def right_of(method, path):
    """Return the right that a route asks for, None for a public one."""
    words = DOCUMENT["paths"][path][method].get("x-right")
    return RIGHTS[words] if words else None


@pytest.fixture
def token_of(fresh):
    """Return a function that makes a token; it is revoked afterwards, as nobody may have many."""

    def call(caller):
        document = caller("POST", "/user-tokens", {"name": fresh()}).json
        made.append((caller, document["id"]))
        return document

    made = []
    yield call
    for caller, number in made:
        caller("PUT", f"/user-tokens/{number}", {"revoke": True})


@pytest.fixture
def records(admin, made, fresh, token_of):
    """Return a function that makes what a path names, and one of each to put into a body."""

    def call(who, caller):
        connection = made()
        place = {"database": "d", "schema": "s", "trigger_sync": False}
        datastore = admin("POST", "/datastores", {"name": fresh(), "connection_id": connection["id"], **place}).json
        operation = admin("POST", "/operations/run", {"type": "sync", "datastore_id": datastore["id"]}).json
        run = admin("POST", "/operations", {"type": "test", "name": fresh()}).json
        user = admin("POST", "/users", {"name": fresh(), "role": "Member"}).json
        token = token_of(caller if who else admin)
        named, numbered = made(), made()
        grants = [
            admin("POST", "/grants", {"user": (who or "Admin").lower(), "connection": one["id"]}).json
            for one in (named, numbered, connection)
        ]
        return {
            "names": {
                "connections": named["name"],
                "datastores": datastore["name"],
                "users": user["name"],
                "user-tokens": token["name"],
            },
            "connection_id": numbered["id"],
            "grant_id": grants[2]["id"],
            "datastore_id": datastore["id"],
            "enrichment_id": datastore["id"],
            "operation_id": operation["id"],
            "run_id": run["id"],
            "token_id": token["id"],
            "user_id": user["id"],
            "connection": connection,
            "name": fresh(),
        }

    return call


def body_of(shape, found):
    """Return a body of a shape that is right."""
    used, name = found["connection"], found["name"]
    bodies = {
        "ConnectionCreate": INLINE | {"name": name},
        "ConnectionImport": {"connections": [INLINE | {"name": name}]},
        "ConnectionPut": {"name": name, "type": "postgresql"},
        "ConnectionPatch": {"username": "other"},
        "ConnectionCopy": {"name": name},
        "DatastoreCreate": {"name": name, "connection_id": used["id"], "database": "d", "schema": "s"},
        "DatastorePut": {"name": name},
        "DatastorePatch": {"name": name},
        "Favorite": {"favorite": True},
        "Group": {"group_id": None},
        "Validate": {"connection": INLINE, "database": "d", "schemas": ["s"]},
        "Config": {"connections": [INLINE | {"name": name}]},
        "Bulk": {"connection": INLINE | {"name": name}, "schemas": ["s"], "database": "d"},
        "TestRun": {"type": "test", "name": name},
        "OperationRun": {"type": "sync", "datastore_id": found["datastore_id"]},
        "UserCreate": {"name": name},
        "UserPut": {"name": name, "role": "Member"},
        "UserPatch": {"email": "a@b.c"},
        "TokenCreate": {"name": name},
        "TokenPut": {"revoke": True},
        "GrantCreate": {"user": found["user_id"], "connection": used["id"]},
        "Use": {"purpose": "a test"},
        "AuditPrune": {"before": "2000-01-01"},
        "Message": {"text": "ORA-12514"},
    }
    return bodies[shape]


def request_of(method, path, found):
    """Return method, path and body of a request that a route would obey."""
    if path.endswith(("/results", "/cancel", "/resume")):
        found = found | {"operation_id": found["run_id"]}
    address = re.sub(r"\{(\w+)\}", lambda match: str(found[match[1]]), path).removeprefix("/api")
    if "by-name" in path:
        address += f"?name={found['names'][address.split('/')[1]]}"
    asked = DOCUMENT["paths"][path][method].get("requestBody")
    if asked is None:
        return method.upper(), address, None
    shape = asked["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    body = body_of(shape, found)
    if shape in {"Bulk", "Validate"} and path.removeprefix("/api/connections/").startswith(
        ("{connection_id}", "by-name")
    ):
        body = {name: value for name, value in body.items() if name != "connection"}
    return method.upper(), address, body


def is_obeyed(answer):
    """Say whether a request was let in; what it named could still not be done."""
    if answer.status in {200, 201, 204}:
        return True
    return answer.json["code"] in {"test-failed", "conflict", "invalid-input"}


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda value: value)
def test_a_route_is_open_to_those_who_have_its_right_and_to_nobody_else(plane, records, method, path):
    right = right_of(method, path)
    for who in EVERYBODY:
        caller = plane.api(who)
        answer = caller(*request_of(method, path, records(who, caller)))
        if right is None:
            assert answer.status in {200, 204}, (who, answer)
        elif who is None:
            assert (answer.status, answer.json["code"]) == (401, "not-signed-in"), answer
            assert answer.headers["www-authenticate"] == "Bearer"
        elif who in right.roles:
            assert is_obeyed(answer), (who, answer)
        else:
            assert (answer.status, answer.json["code"]) == (403, "not-allowed"), (who, answer)
            assert f"which may not {right.words}" in answer.json["message"]


def test_the_document_that_is_served_lists_exactly_the_routes_that_are_there(plane, nobody):
    served = nobody("GET", "/openapi.json")
    assert served.json == json.loads(json.dumps(DOCUMENT))
    there = {
        (method.lower(), "/api" + re.sub(r"\{(\w+):int\}", r"{\1}", path))
        for route in (*app.ROUTES, *meta.ROUTES)
        for path in route.paths
        for method in route.http_methods
    }
    assert set(OPERATIONS) == there
    public = {path for method, path in OPERATIONS if right_of(method, path) is None}
    assert public == {"/api/health", "/api/status", "/api/openapi.json", "/api/docs"}


@pytest.mark.parametrize("who", ["Member", "Manager"])
def test_tokens_of_others_are_as_good_as_none_below_admin(plane, admin, who):
    other = admin("POST", "/user-tokens", {"name": "mine"}).json
    caller = plane.api(who)
    for method, body in (("GET", None), ("PUT", {"revoke": True}), ("DELETE", None)):
        answer = caller(method, f"/user-tokens/{other['id']}", body)
        unknown = caller(method, "/user-tokens/987654321", body)
        assert (answer.status, unknown.status) == (404, 404)
        assert answer.body.replace(str(other["id"]).encode(), b"N") == unknown.body.replace(b"987654321", b"N")
    assert caller("GET", "/user-tokens?everybody=true").status == 403
    assert caller("GET", "/user-tokens?user=admin").status == 403
    assert caller("POST", "/user-tokens", {"name": "t", "user": "admin"}).status == 403
    assert admin("GET", f"/user-tokens/{other['id']}").json["active"] is True


def test_an_admin_sees_and_ends_the_tokens_of_others(plane, admin, person):
    user, caller, first = person()
    made = caller("POST", "/user-tokens", {"name": "theirs"}).json
    listed = admin("GET", f"/user-tokens?user={user['name']}").json["items"]
    assert [found["id"] for found in listed] == [first["id"], made["id"]]
    assert admin("PUT", f"/user-tokens/{made['id']}", {"revoke": True}).json["active"] is False
    assert plane.api(made["bearer_token"])("GET", "/users/me").status == 401
