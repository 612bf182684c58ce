"""What a server answers, and what is shown of it: documents, errors of ours by their code, and words of any server."""

import contextlib
import random

import pytest

from qualytics.client.config import make
from qualytics.client.http.client import HttpClient
from qualytics.errors import QualyticsError
from tests.support.misbehaving_http import CONNECTION, TOKEN, refused, reply, scripted


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply(200, "<html>Welcome</html>", kind="text/html"), "a page of HTML"),
        (reply(200, "<!doctype html>"), "a page of HTML"),
        (reply(200, "hello"), "something that is not JSON"),
        (reply(200, '{"items": [' + "[" * 100_000), "something that is not JSON"),
        (reply(200, '{"items": [NaN], "total": 1}'), "something that is not JSON"),
        (reply(200, b"\xff\xfe{"), "something that is not JSON"),
        (reply(200, {"connections": []}), "is not a page of records"),
        (reply(200, [1, 2]), "is not a page of records"),
        (reply(200, {"items": ["x"], "total": 1}), "is not a page of records"),
        (
            reply(302, None, {"Location": "https://login.example.com/\x1b[31m"}),
            "redirects to https://login.example.com/",
        ),
        (reply(301), "redirects to nowhere"),
        (reply(404, "<html>no such page</html>", kind="text/html"), "does not have the path"),
        (reply(404, {"detail": "Not Found"}), "does not have the path"),
        (reply(405, "no"), "does not have the path"),
        (reply(502, "<html>Bad Gateway</html>", kind="text/html"), "answered 502 Said"),
        (reply(500, "x" * 100_000), "answered 500 Said: xxx"),
        (reply(503, {"detail": "down for \x1b[31mwork"}), "down for \\x1b[31mwork"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "closed the connection before"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", "closed the connection before"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{", "closed the connection before"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n" + b" " * 1000, "closed the connection before"),
    ],
)
def test_a_reply_of_no_control_plane_is_told_in_one_line_with_a_hint(ask, answer, words):
    with scripted(answer.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)) as server:
        result = ask(server.port)
        refused(result, words)
        assert len(result.err) < 1_500
        assert "\x1b" not in result.err
        assert [asked.target for asked in server.asked] == ["/api/connections?sort_id=asc&page=1&size=100"]


@pytest.mark.parametrize(
    ("status", "body", "code", "words", "hint"),
    [
        (401, {"detail": "Signature has expired"}, 4, "Signature has expired", "auth login"),
        (401, "no", 4, "answered 401 Said: no", "auth login"),
        (403, {"detail": "Manager role needed"}, 4, "Manager role needed", "ask an Admin"),
        (403, {"message": f"no right for {TOKEN}"}, 4, "no right for ********", "ask an Admin"),
        (404, {"detail": "Connection 5 not found"}, 3, "Connection 5 not found", None),
        (409, "in use", 5, "answered 409 Said: in use", None),
        (412, {"detail": "changed"}, 5, "changed", "read it again"),
        (400, {"message": "no"}, 2, "no", None),
        (415, {"detail": "JSON is wanted"}, 2, "JSON is wanted", None),
        (422, {"detail": [{"loc": ["body", "port"], "msg": "not an int", "type": "int"}]}, 2, "port: not an int", None),
        (422, {"detail": [17, {"loc": "x"}]}, 2, "body: has the wrong form", None),
        (429, {"detail": "slow down"}, 1, "slow down", "try again in 7 s"),
        (500, {"code": "store-full", "message": "no space is left"}, 1, "no space is left", None),
        (503, {"code": "store-busy", "message": "busy", "hint": "wait"}, 1, "busy", "wait"),
        (418, {"code": "nobody-knows", "message": "a teapot"}, 1, "a teapot", None),
        (500, {"code": 7, "message": ["x"], "hint": {}, "errors": 3, "datastores": 4}, 1, "answered 500 Said", None),
        (409, {"code": "connection-in-use", "message": "used", "datastores": 4}, 5, "used", None),
        (400, {"code": "test-failed", "message": "failed", "report": [1]}, 6, "failed", None),
    ],
)
def test_the_word_of_any_server_is_shown_and_its_status_decides_the_exit_code(ask, status, body, code, words, hint):
    kind = "application/json" if isinstance(body, dict) else "text/plain"
    with scripted(reply(status, body, {"Retry-After": "7"}, kind)) as server:
        result = ask(server.port, "connections", "get", "--id", "5")
    refused(result, words, code)
    if hint:
        assert hint in result.err.splitlines()[1]


def test_secrets_that_a_server_sends_are_masked(run):
    leaking = {**CONNECTION, "password": "geheim1", "passphrase": "geheim2", "extra": "geheim4"}
    leaking["secrets_manager"] = {"credentials_payload": "geheim3"}
    with scripted(reply(200, leaking)) as server:
        env = {"QUALYTICS_URL": server.url, "QUALYTICS_TOKEN": TOKEN}
        result = run("connections", "get", "--id", "7", "-f", "json", env=env)
        assert "geheim" not in result.out
        assert (result.json["password"], result.json["passphrase"]) == ("********", "********")


@pytest.mark.parametrize("body", [{"password": "geheim1234"}, {"connection": {"password": "geheim1234"}}])
def test_a_secret_that_an_error_repeats_is_masked_wherever_the_request_held_it(body):
    with scripted(reply(400, {"message": "no entry for geheim1234", "hint": "geheim1234"})) as server:
        control_plane = make({"url": server.url, "token": TOKEN}, "the test", {})
        with HttpClient(control_plane) as client, pytest.raises(QualyticsError) as caught:
            client.datastores.create({"name": "d", **body})
    assert (caught.value.message, caught.value.hint) == ("no entry for ********", "********")


@pytest.mark.slow
def test_every_error_is_one_of_ours_whatever_bytes_come(run):
    numbers = random.Random(7)
    for _ in range(60):
        whole = bytearray(reply(200, {"items": [CONNECTION], "total": 1}, {"Connection": "close"}))
        for _ in range(numbers.randint(1, 6)):
            whole[numbers.randrange(len(whole))] = numbers.randrange(256)
        with scripted(bytes(whole)) as server:
            control_plane = make({"url": server.url, "token": TOKEN, "timeout": 1}, "the test", {})
            with HttpClient(control_plane) as client, contextlib.suppress(QualyticsError):
                list(client.connections.list())


@pytest.mark.parametrize(
    "record", [{}, {"id": "x", "name": "a"}, {"id": None, "name": "a", "type": "t"}, {"name": "b"}]
)
def test_records_without_what_every_record_has_are_told(ask, record):
    with scripted(reply(200, {"items": [record], "total": 1, **record})) as server:
        for words in (
            "connections list",
            "connections get --name a",
            "connections delete --id 1",
            "datastores get --id 1",
        ):
            result = ask(server.port, *words.split())
            assert "internal fault" not in result.err
