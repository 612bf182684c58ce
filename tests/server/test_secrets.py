"""Secrets and bodies: what was sent in is never sent out, to nobody and to no log."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

MARKER = "M4rk3r/s3cr%t+pä ß"
# Keys of S3 become part of a header, so they are held to fewer characters.
KEY = "M4rk3rOfAKeyThatAHeaderTakes"
FORMS = tuple(
    form
    for marker in (MARKER, KEY)
    for form in (
        marker,
        json.dumps(marker)[1:-1],
        quote(marker),
        quote(marker, safe=""),
        base64.b64encode(marker.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(marker.encode()).decode().rstrip("="),
    )
)


def found_in(text):
    return [form for form in FORMS if form in text]


def assert_nowhere(plane, answers):
    for answer in answers:
        assert not found_in(answer.body.decode()), answer
        assert not any(found_in(value) for value in answer.headers.values()), answer
    assert not [line for line in plane.log if found_in(line)]


@pytest.mark.parametrize(
    ("fields", "secrets"),
    [
        ({"type": "postgresql", "host": "127.0.0.1", "port": 1, "username": "app"}, ("password",)),
        ({"type": "snowflake", "host": "acme.snowflakecomputing.com", "username": "app"}, ("password", "passphrase")),
        ({"type": "s3", "uri": "s3://lake/raw"}, ("access_key", "secret_key")),
    ],
)
def test_a_secret_is_in_no_reply_no_log_and_no_entry(plane, admin, member, fresh, fields, secrets):
    given = dict.fromkeys(secrets, KEY if fields["type"] == "s3" else MARKER)
    created = admin("POST", "/connections", {**fields, **given, "name": fresh()})
    assert created.status == 200, created
    number = created.json["id"]
    assert {created.json[name] for name in secrets} == {"********"}
    body = {"name": created.json["name"], "type": fields["type"], **given}
    answers = [
        created,
        admin("PUT", f"/connections/{number}", body),
        admin("PATCH", f"/connections/{number}", given),
        admin("PATCH", f"/connections/{number}?dry_run=true", given),
        admin("POST", f"/connections/{number}/test", given),
        *(
            caller("GET", f"/connections/{number}{rest}")
            for caller in (admin, member)
            for rest in ("", "/history", "/tests")
        ),
        member("GET", "/connections?size=100"),
        member("GET", "/connections/listing"),
        admin("POST", "/connections/test", {**fields, **given}),
        admin("POST", "/connections/catalogs", {**fields, **given}),
        admin("POST", "/datastores/connection", {"name": "x", "database": "d", "connection": {**fields, **given}}),
        admin("GET", "/audit?size=100"),
        admin("GET", "/metrics"),
    ]
    assert not [answer for answer in answers if answer.status >= 500]
    assert_nowhere(plane, answers)
    for file in plane.home.iterdir():
        if file.is_file():
            held = file.read_bytes()
            assert not [marker for marker in (MARKER, KEY) if marker.encode() in held], file.name


def test_a_mask_that_is_sent_back_keeps_the_secret_and_is_never_stored(admin, fresh):
    fields = {"type": "postgresql", "name": fresh(), "host": "127.0.0.1", "port": 1, "username": "app"}
    assert admin("POST", "/connections", {**fields, "password": "********"}).status == 422
    found = admin("POST", "/connections", {**fields, "password": "pw"}).json
    sent_back = admin("PUT", f"/connections/{found['id']}", found)
    assert (sent_back.status, sent_back.json["password"]) == (200, "********")
    assert admin("PUT", f"/connections/{found['id']}", {**found, "password": None}).json["password"] == "********"
    assert admin("PATCH", f"/connections/{found['id']}", {"password": None}).json["password"] is None


# Names of types and of fields are told, as "did you mean" needs them; values never are.
WRONG = [
    ("POST", "/connections", {"type": "postgresql", "host": MARKER + "\n", "port": MARKER}),
    ("POST", "/connections", {"type": "postgresql", "host": "h", "name": MARKER * 100}),
    ("POST", "/connections", {"type": "postgresql", "host": "h", "password": [MARKER]}),
    ("POST", "/connections", {"type": "postgresql", "host": "h", "parameters": {"ssl_mode": MARKER}}),
    ("POST", "/connections", {"type": "postgresql", "host": "h", "parameters": MARKER}),
    ("POST", "/connections", {"type": "s3", "uri": MARKER}),
    ("POST", "/connections", {"type": "postgresql", "host": "h", "secrets_manager": {"secret_url": MARKER}}),
    ("POST", "/connections/test", {"type": "postgresql", "host": MARKER}),
    ("POST", "/datastores", {"name": MARKER, "connection_id": MARKER}),
    ("POST", "/datastores", {"name": "x", "connection": MARKER}),
    ("POST", "/datastores", {"name": "x", "connection_id": 1, "enrichment_remediation_strategy": MARKER}),
    ("POST", "/operations/run", {"type": MARKER, "datastore_id": 1}),
    ("POST", "/operations/run", {"type": "sync", "datastore_id": MARKER}),
    ("POST", "/users", {"name": MARKER + "\n", "role": MARKER, "email": MARKER, "kind": MARKER}),
    ("POST", "/users", {"name": "x", "password": [MARKER]}),
    ("POST", "/user-tokens", {"name": [MARKER], "expires_in_days": MARKER}),
    ("GET", f"/connections?size={quote(MARKER)}", None),
    ("GET", f"/connections?sort_name={quote(MARKER)}", None),
    ("GET", f"/connections?id={quote(MARKER)}", None),
]


@pytest.mark.parametrize(("method", "path", "body"), WRONG, ids=range(len(WRONG)))
def test_a_refusal_repeats_no_value_that_was_sent(plane, admin, method, path, body):
    answer = admin(method, path, body)
    assert answer.status == 422, answer
    assert_nowhere(plane, [answer])


def test_a_body_that_is_no_json_is_not_repeated(plane, admin):
    for body in (MARKER.encode(), b'{"a": ' + MARKER.encode(), b'{"a": "\xff' + MARKER.encode() + b'"}'):
        answer = admin("POST", "/connections", body)
        assert answer.status == 422
        assert_nowhere(plane, [answer])


def test_a_name_with_line_breaks_makes_no_header_and_no_line_of_a_log(plane, admin, made, fresh):
    evil = f"{fresh()}\r\nSet-Cookie: a=b\r\n\r\n<script>"
    assert admin("POST", "/connections", {"type": "postgresql", "host": "h", "name": evil}).status == 422
    answer = admin("GET", f"/connections?name_exact={quote(evil)}")
    assert answer.json["items"] == []
    assert "set-cookie" not in answer.headers
    missing = admin("GET", f"/connections/{made()['id']}%0d%0aSet-Cookie:%20a=b")
    assert missing.status == 404
    assert "set-cookie" not in missing.headers
    assert not [line for line in plane.log if not line.startswith(("{", "serving", "pages for browsers", "tests may"))]
