"""Paths and queries: what is out of range or beyond any store is refused, and its value is not repeated."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest


def test_a_query_out_of_range_names_the_parameter_and_repeats_no_value(admin):
    answer = admin("GET", "/connections?size=101")
    assert (answer.status, answer.json["code"]) == (422, "invalid-input")
    assert "size" in answer.json["message"]
    assert "101" not in answer.body.decode()


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**63) - 1, 10**90])
def test_a_number_that_no_store_can_hold_is_no_fault(admin, made, number):
    for path in ("/connections?id={}", "/datastores?id={}", "/datastores?connection_id={}", "/audit?before={}"):
        assert admin("GET", path.format(number)).status == 422
    assert admin("GET", f"/connections?page={number}").status == 422
    for path, body, status in (
        # The rules of its other fields are those of a record that is there.
        (
            "/datastores",
            {"name": "x", "connection_id": number, "database": "d", "schema": "s"},
            404 if number > 0 else 422,
        ),
        ("/operations/run", {"type": "sync", "datastore_id": number}, 422),
        ("/user-tokens", {"name": "x", "user": number}, 422),
    ):
        assert admin("POST", path, body).status == status, path
    given = {"type": "postgresql", "host": "h", "username": "u"}
    for field in ("port", "jdbc_fetch_size", "max_parallelization"):
        assert admin("POST", "/connections", {**given, field: number}).status == 422
    place = {"connection_id": made()["id"], "database": "d", "schema": "s"}
    found = admin("POST", "/datastores", {"name": f"n{number}", **place}).json
    assert admin("PATCH", f"/datastores/{found['id']}/assign-group", {"group_id": number}).status == 422
    assert admin("PUT", f"/datastores/{found['id']}", {"enrichment_datastore_id": number}).status == 422


@pytest.mark.parametrize(
    "name", ["a/b", "..", "a%2Fb?c=d&e#f", "😀 x", "Straße", "7 of 9", "by-name", "x" * 255], ids=lambda name: name[:20]
)
def test_any_name_stands_in_a_query_in_place_of_the_id(admin, made, name):
    found = made(name=name)
    query = urlencode({"name": name.upper()})
    read = admin("GET", f"/connections/by-name?{query}")
    assert (read.json["id"], read.headers["etag"]) == (found["id"], '"1"')
    changed = admin("PATCH", f"/connections/by-name?{query}", {"port": 2}, If_Match='"1"')
    assert (changed.json["port"], changed.headers["etag"]) == (2, '"2"')
    assert admin("PATCH", f"/connections/by-name?{query}", {"port": 3}, If_Match='"1"').status == 412
    assert admin("DELETE", f"/connections/by-name?{query}&dry_run=true").json["id"] == found["id"]
    assert admin("DELETE", f"/connections/by-name?{query}", If_Match='"2"').status == 204
    assert admin("GET", f"/connections/{found['id']}").status == 404


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "one name is needed"),
        ("?name=", "one name is needed"),
        ("?name=a&name=b", "one name is needed"),
        ("?name=a&word=a", "one name is needed"),
        ("?word=", "one name is needed"),
        (f"?name={'x' * 1001}", "name has 1,001 characters"),
    ],
    ids=lambda text: text[:12],
)
def test_one_name_is_needed_where_no_id_is(admin, query, message):
    for collection in ("connections", "datastores", "users"):
        answer = admin("GET", f"/{collection}/by-name{query}")
        assert (answer.status, answer.json["message"]) == (422, message)


def test_a_word_is_an_id_unless_it_is_the_name_of_another(admin, made):
    first = made()
    word = str(first["id"])
    assert admin("GET", f"/connections/by-name?word={word}").json["name"] == first["name"]
    assert admin("GET", f"/connections/by-name?word={first['name']}").json["id"] == first["id"]
    second = made(name=word)
    answer = admin("DELETE", f"/connections/by-name?word={word}")
    assert (answer.status, answer.json["code"]) == (400, "usage")
    assert answer.json["message"] == f"{word} could be an id, or the name of connection {second['id']}"
    assert answer.json["hint"] == f"give --id {word}, or --id {second['id']}"
    assert admin("GET", f"/connections/by-name?name={word}").json["id"] == second["id"]


def test_a_name_is_audited_as_the_record_it_is_and_a_refused_one_as_it_was_asked_for(admin, person, made):
    found = made()
    path = f"/connections/by-name?name={found['name'].upper()}"
    (an_admin, own_admin, _), (a_member, own_member, _) = person("Admin"), person("Member")
    own_admin("PATCH", path, {"port": 2})
    own_admin("PATCH", path, {"port": 0})
    own_admin("DELETE", "/connections/by-name?name=nobody")
    own_member("DELETE", path)
    actors = {an_admin["name"], a_member["name"]}
    entries = [entry for entry in admin("GET", "/audit?size=100").json["items"] if entry["actor"] in actors]
    shown = [(entry["object_id"], entry["object_name"], entry["outcome"]) for entry in reversed(entries)]
    assert shown == [
        (found["id"], found["name"], "done"),
        (found["id"], found["name"], "invalid-input"),
        (None, "nobody", "not-found"),
        (None, found["name"].upper(), "not-allowed"),
    ]
