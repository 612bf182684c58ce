"""What every reply has, and what every request passes."""

from __future__ import annotations

import json
import re

import pytest

EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "strict-transport-security": "max-age=31536000",
}
PROBLEM = {"type", "title", "status", "detail", "code", "message", "hint"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 204),
        ("GET", "/connections", 200),
        ("GET", "/connections/999999", 404),
        ("GET", "/nowhere", 404),
        ("PATCH", "/connections", 405),
        ("GET", "/docs", 200),
        ("GET", "/metrics", 200),
    ],
)
def test_every_reply_has_an_id_and_the_headers_that_hold_a_browser_back(admin, method, path, status):
    answer = admin(method, path)
    assert answer.status == status
    assert EVERYWHERE.items() <= answer.headers.items()
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_page_of_another_origin_is_told_nothing_about_what_it_may_do(admin):
    answer = admin("OPTIONS", "/connections", Origin="https://evil.example", Access_Control_Request_Method="POST")
    assert answer.status == 204
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_the_id_of_a_request_stands_in_the_reply_in_the_log_and_in_the_audit_log(plane, admin, made, fresh):
    number = made()["id"]
    wanted = f"trace.{fresh()}"
    answer = admin("PATCH", f"/connections/{number}", {"username": "other"}, X_Request_Id=wanted)
    assert answer.headers["x-request-id"] == wanted
    assert admin("GET", "/audit").json["items"][0]["request_id"] == wanted
    lines = [json.loads(line) for line in plane.log if wanted in line]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("PATCH", f"/api/connections/{number}", 200)
    ]


@pytest.mark.parametrize("wanted", ["a b", "x" * 65, 'a"b', "é", ""])
def test_an_id_of_another_form_is_replaced(admin, wanted):
    assert re.fullmatch(r"[0-9a-f]{16}", admin("GET", "/health", X_Request_Id=wanted).headers["x-request-id"])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/connections/", {200, 404}),
        ("/connections//1", {404}),
        ("/connections/../users", {400, 404}),
        ("/connections/%2e%2e/users", {400, 404}),
        ("/../../etc/passwd", {400, 404}),
        ("/connections/1%00", {400, 404}),
        ("/connections/1;a=b", {404}),
        ("/connections/-1", {404}),
        ("/connections/0", {404}),
        ("/connections/1e3", {404}),
        ("/connections/%D9%A3", {404}),
        ("/%63onnections", {404}),
        ("//connections", {404}),
        ("/connections/9223372036854775808", {404}),
        ("/connections/" + "9" * 3000, {404}),
        ("/connections/%ff", {400, 404}),
    ],
)
def test_a_path_that_is_a_trick_leads_nowhere(plane, path, status):
    answer = plane.api("Member")("GET", path)
    assert answer.status in status
    if answer.status == 404:
        assert answer.json.keys() >= PROBLEM


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "FOO"])
def test_a_method_that_a_path_does_not_have_is_refused(plane, method):
    answer = plane.api("Admin")(method, "/connections")
    assert answer.status == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "OPTIONS", "POST"}


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "", "json"])
def test_a_body_of_another_type_is_refused(admin, kind):
    answer = admin("POST", "/connections", b'{"type": "postgresql", "host": "h"}', Content_Type=kind)
    assert (answer.status, answer.json["code"]) == (415, "unsupported-media-type")


def test_a_query_out_of_range_names_the_parameter_and_repeats_no_value(admin):
    answer = admin("GET", "/connections?size=101")
    assert (answer.status, answer.json["code"]) == (422, "invalid-input")
    assert "size" in answer.json["message"]
    assert "101" not in answer.body.decode()


def test_the_store_is_healthy(nobody):
    assert nobody("GET", "/status").json == {"database_connection": "OK"}


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
