"""The audit log: every change and every test, allowed or refused, with who, what and from where, and no value."""

from __future__ import annotations

import pytest

from qualytics import settings
from qualytics.service import Context
from qualytics.service.connections import Connections
from qualytics.service.journal import Audit


def test_changes_and_tests_are_written_in_their_order_allowed_or_refused(plane, admin, manager, member, fresh):
    given = {"type": "postgresql", "name": fresh(), "host": "127.0.0.1", "port": 1, "username": "u", "password": "pw-1"}
    number = manager("POST", "/connections", given).json["id"]
    address = f"/connections/{number}"
    manager("PATCH", address, {"username": "v", "password": "pw-2"})
    member("PATCH", address, {"username": "w"})
    manager("POST", f"{address}/test")
    member("POST", f"{address}/test")
    manager("PATCH", address, {"port": 2})
    manager("DELETE", address, If_Match='"1"')
    manager("DELETE", address)
    answer = admin("GET", "/audit?size=8")
    entries = answer.json["items"][::-1]
    assert [(entry["actor"], entry["action"], entry["outcome"]) for entry in entries] == [
        ("manager", "connection.create", "done"),
        ("manager", "connection.update", "done"),
        ("member", "connection.update", "not-allowed"),
        ("manager", "connection.test", "failed"),
        ("member", "connection.test", "not-allowed"),
        ("manager", "connection.update", "secret-needed-for-new-target"),
        ("manager", "connection.delete", "version-changed"),
        ("manager", "connection.delete", "done"),
    ]
    assert [entry["id"] for entry in entries] == sorted(entry["id"] for entry in entries)
    assert {entry["object_id"] for entry in entries} == {number}
    assert {entry["address"] for entry in entries} == {"127.0.0.1"}
    assert all(entry["token_id"] and entry["request_id"] for entry in entries)
    assert entries[1]["detail"]["changed"] == ["password", "username"]
    for value in (b"pw-1", b"pw-2", b'"v"', b'"w"'):
        assert value not in answer.body


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nobody_changes_the_log(admin, method):
    before = admin("GET", "/audit?size=1").json["items"][0]["id"]
    assert admin(method, "/audit").status == 405
    assert admin(method, f"/audit/{before}").status == 404
    assert admin("GET", "/audit?size=1").json["items"][0]["id"] == before


def test_pages_of_the_log_meet_without_a_gap(admin, made):
    for _ in range(5):
        made()
    first = admin("GET", "/audit?size=2").json
    second = admin("GET", f"/audit?size=2&before={first['next']}").json
    ids = [entry["id"] for entry in first["items"] + second["items"]]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 4


def test_fields_that_nobody_sets_are_refused_or_change_nothing(admin, manager, fresh, made):
    given = {"type": "postgresql", "name": fresh(), "host": "h", "username": "u"}
    for field in ("id", "version", "created", "datastores", "connection_type", "name_key", "role", "is_admin"):
        answer = manager("POST", "/connections", {**given, field: 7})
        assert answer.status == 422, field
    found = made()
    address = f"/connections/{found['id']}"
    for field in ("id", "created", "connection_type", "datastores", "product_name", "driver_version"):
        changed = manager("PATCH", address, {field: "7", "username": fresh()})
        assert changed.status == 200, field
        assert changed.json | {"username": ""} == found | {"username": ""}
    for field in ("version", "name_key", "role", "user_id"):
        assert manager("PATCH", address, {field: 7}).status == 422
    place = {"database": "d", "schema": "s", "connection_id": found["id"]}
    store = manager("POST", "/datastores", {"name": fresh(), **place}).json
    for field in ("id", "created", "connected", "connection_name", "type", "store_type", "version"):
        sent = manager("PUT", f"/datastores/{store['id']}", {"name": store["name"], field: 7})
        assert sent.status == 200
        assert sent.json == store
    assert admin("GET", f"/datastores/{store['id']}").json == store


def test_a_change_on_the_host_of_a_control_plane_is_written_down_too(plane, admin, fresh):
    name = fresh()
    with Context(settings.load({"QUALYTICS_CONFIG_HOME": str(plane.home)})) as context:
        Connections(context).create({"type": "postgresql", "host": "db.example.com", "name": name})
    entry = admin("GET", "/audit?action=connection.create&size=1").json["items"][0]
    assert (entry["object_name"], entry["actor"], entry["actor_id"]) == (name, "owner", None)


def test_a_store_without_users_keeps_no_log(home):
    with Context(settings.load({"QUALYTICS_CONFIG_HOME": str(home)})) as context:
        Connections(context).create({"type": "postgresql", "host": "db.example.com"})
        assert Audit(context).list() == []
