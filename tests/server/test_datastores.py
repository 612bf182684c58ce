"""/api/datastores over HTTP: places, templates, changes, and warnings of names that look alike."""

from __future__ import annotations

import json

import pytest


def test_a_datastore_and_its_connection_are_warned_of_names_that_look_like_anothers(admin, made, fresh):
    name = f"{fresh()}-prod"
    twin = name.replace("prod", "pr\u043ed")
    inline = {"type": "postgresql", "host": "127.0.0.1", "username": "app"}
    place = {"database": "x", "schema": "y"}
    connection_id = made(name=name)["id"]
    first = admin("POST", "/datastores", {**place, "name": name, "connection_id": connection_id})
    both = admin("POST", "/datastores", {**place, "name": twin, "connection": {**inline, "name": twin}})
    assert (first.status, both.status) == (201, 201)
    assert "test-warnings" not in first.headers
    assert json.loads(both.headers["test-warnings"]) == [
        f"the name looks like that of connection {connection_id}, {name!r}",
        f"the name looks like that of datastore {first.json['id']}, {name!r}",
    ]
    many = {"database": "x", "schemas": ["y"], "connection": {**inline, "name": name.replace("prod", "\u0440rod")}}
    answer = admin("POST", "/connections/datastores/bulk", many)
    assert (answer.status, len(json.loads(answer.headers["test-warnings"]))) == (200, 1)


@pytest.mark.parametrize("database", [{"host": "x"}, ["d"], 7, True, "a\r\nb", "a\0b", "d" * 1_001])
def test_a_place_that_no_datastore_could_have_reaches_no_driver(manager, made, database):
    inline = {"type": "postgresql", "host": "127.0.0.1", "port": 1, "username": "app"}
    answer = manager("POST", "/datastores/connection", {"name": "x", "database": database, "connection": inline})
    assert answer.status == 422, answer
    assert answer.json["errors"][0]["loc"] == ["body", "database"]
    for path, body in (
        ("/connections/datastores/validate", {"connection": inline}),
        (f"/connections/{made()['id']}/datastores/validate", {}),
    ):
        answer = manager("POST", path, {**body, "database": database, "schemas": ["s"]})
        (result,) = answer.json["results"]
        assert (result["status"], result["message"].partition(" ")[0]) == ("failure", "database"), result


@pytest.mark.parametrize("template", ["{{schema}}" * 50, {"a": "{{schema}}"}, "{{schema}}" + "x" * 255])
def test_a_template_cannot_multiply_what_it_is_given(template, manager, made):
    body = {"schemas": ["s"], "name_template": template}
    answer = manager("POST", f"/connections/{made()['id']}/datastores/bulk", body)
    assert (answer.status, answer.json["errors"][0]["loc"]) == (422, ["body", "name_template"])


def test_a_patch_of_a_datastore_merges_and_null_clears(made, admin, fresh):
    given = {"connection_id": made()["id"], "database": "d", "schema": "s", "tags": ["a"], "description": "x"}
    datastore = admin("POST", "/datastores", given | {"name": fresh(), "enrichment_prefix": "p", "group_id": 7}).json
    path = f"/datastores/{datastore['id']}"
    sent_back = admin("PATCH", path, datastore | {"description": "y"})
    assert (sent_back.status, sent_back.json) == (200, datastore | {"description": "y"})
    cleared = admin("PATCH", path, {"tags": None, "description": None, "enrichment_prefix": None}).json
    assert cleared == datastore | {"tags": [], "global_tags": [], "description": None, "enrichment_prefix": None}
    assert admin("PATCH", path, {"name": None}).status == 422
    assert admin("PATCH", path, {"colour": "red"}).json["errors"][0]["type"] == "unknown-field"
    assert admin("PATCH", path, {"id": 9}).json["code"] == "usage"
