"""/api/connections over HTTP: fields that nobody sets."""

from __future__ import annotations


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
