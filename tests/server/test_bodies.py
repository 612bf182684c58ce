"""Bodies as attackers send them: too large, compressed, too deep, doubled, not numbers, not text."""

from __future__ import annotations

import gzip
import json
import socket

import pytest

from testbed.control_plane import serving

LARGE = ("/connections", "/connections/test", "/datastores", "/users", "/connections/datastores/bulk", "/cli/token")

CREATE = ("POST", "/connections")
GOOD = {"type": "postgresql", "host": "127.0.0.1", "username": "app"}
MB = 1 << 20


def raw(plane, head, chunks=()):
    """Send bytes as they are and return the status and the rest of what is answered."""
    with socket.create_connection(("127.0.0.1", plane.port), timeout=60) as sock:
        try:
            sock.sendall(head)
            for chunk in chunks:
                sock.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it was answered and closed before all was sent
        return _answer(sock)


def _answer(sock):
    found = b""
    try:
        while b"\r\n\r\n" not in found and (more := sock.recv(65_536)):
            found += more
    except ConnectionResetError:
        pass
    return int(found.split(b" ", 2)[1]) if found.startswith(b"HTTP/1.1 ") else None, found


def head(plane, *lines, method="POST", path="/connections"):
    return "\r\n".join(
        [
            f"{method} /api{path} HTTP/1.1",
            "Host: 127.0.0.1",
            f"Authorization: Bearer {plane.tokens['Admin']}",
            "Content-Type: application/json",
            *lines,
            "\r\n",
        ]
    ).encode()


def test_two_hundred_megabytes_that_are_announced_are_refused_before_they_are_read(plane):
    status, found = raw(plane, head(plane, f"Content-Length: {200 * MB}"))
    assert status == 413
    assert b"connection: close" in found.lower()


@pytest.mark.parametrize(("method", "path", "status"), [("PATCH", "/users/me", 405), ("POST", "/nowhere", 404)])
@pytest.mark.parametrize("length", ["Content-Length: 2", "Transfer-Encoding: chunked"])
def test_who_is_answered_before_the_body_came_is_told_that_the_connection_ends(plane, method, path, status, length):
    answered, found = raw(plane, head(plane, length, method=method, path=path))
    assert answered == status
    assert b"connection: close" in found.lower()


def test_a_connection_is_kept_after_a_body_that_was_read(plane):
    _, found = raw(plane, head(plane, "Content-Length: 2"), [b"{}"])
    assert b"connection: close" not in found.lower()


def test_two_hundred_megabytes_in_chunks_are_refused_at_the_limit(plane):
    before = plane.memory()
    chunk = b"%x\r\n%s\r\n" % (MB, b" " * MB)
    status, _ = raw(plane, head(plane, "Transfer-Encoding: chunked"), [chunk] * 200)
    assert status in {413, None}  # None: it closed while we still sent, and TCP dropped the answer
    assert plane.api("Admin")("GET", "/connections").status == 200
    assert plane.memory() - before < 64 * MB


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "GZIP", "gzip, identity"])
def test_a_compressed_body_is_refused_unread(admin, coding):
    bomb = gzip.compress(b" " * (100 * MB))
    answer = admin(*CREATE, bomb, Content_Encoding=coding)
    assert (answer.status, answer.json["code"]) == (415, "unsupported-media-type")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"parameters":' * 10_000 + b"1" + b"}" * 10_000, "nested deeper"),
        (b'{"type":"postgresql","parameters":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "nested deeper"),
        (b'{"type":"postgresql","type":"mysql"}', "stands twice"),
        (b'{"type":"postgresql","parameters":{"a":1,"a":2}}', "stands twice"),
        (b'{"type":"postgresql","port":NaN}', "NaN"),
        (b'{"type":"postgresql","port":Infinity}', "Infinity"),
        (b'{"type":"postgresql","port":1e400}', "too large"),
        (b'{"type":"postgresql","port":' + b"9" * 5_000 + b"}", "digits"),
        (b'{"type":"postgresql","port":' + b"9" * 99 + b"}", "port"),
        (b'{"type":"postgresql","port":5432.5,"host":"h"}', "port"),
        (b'{"type":"postgresql","port":true,"host":"h"}', "port"),
        (b'{"type":"postgresql","host":"\xff\xfe"}', "UTF-8"),
        (b'\xef\xbb\xbf{"type":"postgresql","host":"h"}', "body"),
        (b'{"type":"postgresql","host":"a\\u0000b"}', "host"),
        (b'{"type":"postgresql","name":"\\ud800","host":"h"}', "surrogate"),
        (b'{"type":"postgresql","password":"\\udfff","host":"h"}', "surrogate"),
        (b'{"type":"postgresql","host":"h","parameters":{"\\ud800":1}}', "surrogate"),
        (b'{"type":"postgresql","host":"h","\\ud800":1}', "surrogate"),
        (b"[]", "object"),
        (b"null", "object"),
        (b'"text"', "object"),
        (b"{", "JSON"),
        (b"{}{}", "JSON"),
        (b"\x00", "JSON"),
        (b'{"type":{"a":1}}', "type"),
        (b'{"type":["postgresql"]}', "type"),
        (b'{"type":"postgresql","host":{"a":1}}', "host"),
        (b'{"type":"postgresql","host":"h","password":{"a":1}}', "password"),
        (b'{"type":"postgresql","host":"h","password":["x"]}', "password"),
        (b'{"type":"postgresql","host":"h","parameters":[]}', "parameters"),
        (b'{"type":"postgresql","host":"h","parameters":"{}"}', "parameters"),
    ],
)
def test_a_body_that_is_no_decent_json_is_refused_with_the_reason(admin, body, words):
    for method, path in (CREATE, ("POST", "/connections/test"), ("POST", "/connections/catalogs")):
        answer = admin(method, path, body)
        assert answer.status == 422, (path, answer.body[:500])
        assert answer.json["code"] == "invalid-input"
        assert words in answer.json["message"]


@pytest.mark.parametrize("value", [{"a": 1}, [1], 1, True, 1.5])
@pytest.mark.parametrize("field", ["name", "type", "host", "password", "secrets_manager", "parameters", "port"])
def test_a_change_to_a_value_of_the_wrong_type_is_refused(admin, made, field, value):
    found = made()
    if (field, type(value)) in {("parameters", dict), ("port", int)}:
        return
    for method in ("PUT", "PATCH"):
        answer = admin(
            method, f"/connections/{found['id']}", {"name": found["name"], "type": found["type"], field: value}
        )
        assert answer.status == 422, answer.body[:500]


def test_a_hundred_thousand_keys_are_refused_with_a_short_answer(plane, admin):
    keys = {f"k{number:x}": 0 for number in range(100_000)}
    assert len(json.dumps(keys, separators=(",", ":"))) < MB
    body = json.dumps(keys, separators=(",", ":")).encode()
    answer = admin(*CREATE, body)
    assert answer.status == 422
    assert len(answer.body) < 100_000


def test_a_hundred_thousand_keys_of_which_the_last_is_doubled_delay_nobody(plane, admin):
    names = [f'"k{number:x}":0' for number in range(100_000)]
    body = ("{" + ",".join([*names, names[-1]]) + "}").encode()
    answer = admin(*CREATE, body)
    assert answer.status == 422


def test_a_thousand_parameters_are_refused_with_a_short_answer(admin):
    body = json.dumps({**GOOD, "parameters": {f"p{n:x}": 0 for n in range(1_000)}}, separators=(",", ":")).encode()
    answer = admin(*CREATE, body)
    assert answer.status == 422
    assert len(answer.body) < 100_000


def test_headers_that_are_too_large_are_refused(plane):
    status, _ = raw(plane, head(plane, "X-Large: " + "a" * 20_000, method="GET"))
    assert status == 431


def test_an_address_that_is_too_long_is_refused(admin):
    assert admin("GET", "/connections?name=" + "a" * 5_000).status == 414


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Length: -1",),
        ("Content-Length: +5",),
        ("Content-Length: 0x5",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: xchunked",),
        ("X-Bad\x01: 1",),
        ("X : 1",),
    ],
)
def test_a_request_that_two_servers_could_read_in_two_ways_is_never_obeyed(plane, admin, lines):
    before = admin("GET", "/connections?size=1").json["total"]
    body = b"0\r\n\r\nPOST /api/connections HTTP/1.1\r\nHost: x\r\n\r\n"
    status, _ = raw(plane, head(plane, *lines), [body])
    # Of a length beside chunks the chunks count (RFC 9112 section 6.3), and they hold no connection.
    assert status == (422 if "Transfer-Encoding: chunked" in lines else 400)
    assert admin("GET", "/connections?size=1").json["total"] == before


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "multipart/form-data; boundary=x", "", "json"])
def test_a_body_of_another_type_is_refused(admin, kind):
    answer = admin("POST", "/connections", b'{"type": "postgresql", "host": "h"}', Content_Type=kind)
    assert (answer.status, answer.json["code"]) == (415, "unsupported-media-type")


def test_a_large_body_is_read_for_nobody_unknown(plane):
    for path in LARGE:
        large = b"{" + b" " * 20_000 + b"no JSON"
        unknown, known = (plane.api(who)("POST", path, large) for who in (None, "Member"))
        assert (unknown.status, unknown.json["code"]) == (401, "not-signed-in"), path
        assert (known.status, known.json["errors"][0]["loc"]) == (422, ["body", "body"]), path
        assert plane.api(None)("POST", path, b"{no JSON").status == 422, path  # a small one costs nothing


def test_the_limit_of_a_body_is_a_setting(strict):
    answer = strict.api("Admin")("POST", "/connections", b" " * 2_001)
    assert (answer.status, answer.json["code"]) == (413, "too-large")


def test_a_configuration_that_is_tested_has_the_size_of_any_body(admin):
    many = [{"name": f"n{number}", "type": "sqlite", "uri": f"/{'x' * 1_000}"} for number in range(1_100)]
    answer = admin("POST", "/config/apply?test=true", {"connections": many})
    assert (answer.status, answer.json["errors"][0]["msg"]) == (
        *(422, "a configuration that is tested must not be larger than 1,048,576 bytes"),
    )


@pytest.mark.parametrize("path", ["/config/plan", "/config/apply", "/connections/import"])
def test_a_set_has_a_limit_of_its_own_and_is_read_for_nobody_unknown(plane, path):
    large = b'{"connections": [' + b" " * (2 * MB) + b"]}"
    assert plane.api("Admin")("POST", path, large).status == 200
    # Larger than what a socket buffers: the answer comes while most of it is still to be sent.
    answered = plane.api(None)("POST", path, large + b" " * (20 * MB))
    assert (answered.status, answered.headers["connection"]) == (401, "close")
    status, found = raw(plane, head(plane, f"Content-Length: {33 * MB}", path=path))
    assert status == 413
    assert b"33,554,432 bytes" in found


def test_a_set_of_someone_unknown_is_answered_before_its_body_is_sent(plane):
    start = head(plane, f"Content-Length: {30 * MB}", path="/config/plan").replace(b"Bearer ", b"Bearer x")
    status, found = raw(plane, start)
    assert status == 401
    assert b"connection: close" in found.lower()


def test_a_set_in_chunks_is_refused_at_its_limit(plane):
    before = plane.memory()
    chunk = b"%x\r\n%s\r\n" % (MB, b" " * MB)
    status, _ = raw(plane, head(plane, "Transfer-Encoding: chunked", path="/config/plan"), [chunk] * 200)
    assert status in {413, None}  # None: it closed while we still sent, and TCP dropped the answer
    assert plane.api("Admin")("GET", "/connections").status == 200
    assert plane.memory() - before < 128 * MB


def test_a_set_of_two_megabytes_is_applied_whole_or_not_at_all(tmp_path):
    fields = {"type": "postgresql", "host": "db.example.com", "username": "app", "password": "x" * 2_000}
    resources = [{"name": f"set {number}"} | fields for number in range(1_000)]
    with serving(tmp_path / "home") as plane:
        admin = plane.api("Admin")
        assert admin("POST", "/config/apply", {"connections": [*resources, {"name": "no type"}]}).status == 422
        assert admin("GET", "/connections?size=1").json["total"] == 0
        assert admin("POST", "/config/apply", {"connections": resources}).json["create"] == 1_000
        again = admin("POST", "/config/plan", {"connections": resources}).json
        assert (again["unchanged"], again["changes"]) == (1_000, [])


def test_an_if_match_that_is_no_etag_is_not_repeated(plane, admin, made):
    answer = admin("PATCH", f"/connections/{made()['id']}", {"username": "x"}, If_Match='"M4rk3r"')
    assert answer.status == 422
    assert b"M4rk3r" not in answer.body
