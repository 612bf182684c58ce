"""Tests as JSON Lines: each stage as it begins and ends, the report as the last line, and clients that leave."""

import http.client
import json
import threading
from contextlib import closing

import pytest

from tests.support import faults

LINES = {"Accept": "application/jsonl", "Content-Type": "application/json"}


def streamed(plane, path, given, who="Admin", method="POST", **headers):
    """Send a request for a stream and return the connection and its reply, of which only the head has been read."""
    connection = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=60)
    head = {**LINES, "Authorization": f"Bearer {plane.tokens[who]}", **headers}
    connection.request(method, f"/api{path}", json.dumps(given), head)
    return connection, connection.getresponse()


def settings(port):
    return {"type": "postgresql", "host": "127.0.0.1", "port": port, "username": "u", "password": "streng-geheim-1"}


def test_stages_come_as_they_begin_and_end_and_the_report_last(plane):
    with faults.closed() as port:
        connection, reply = streamed(plane, "/connections/test", settings(port))
        with closing(connection):
            lines = [json.loads(line) for line in reply]
    head = {name.lower(): value for name, value in reply.getheaders()}
    assert (reply.status, head["content-type"]) == (200, "application/jsonl")
    assert (head["x-accel-buffering"], head["cache-control"]) == ("no", "no-store, no-transform")
    *stages, last = lines
    assert [(line["stage"], line["ok"]) for line in stages] == [
        ("resolve", None),
        ("resolve", True),
        ("tcp", None),
        ("tcp", False),
    ]
    report = last["report"]
    assert (report["stage"], report["class"]) == ("tcp", "refused")
    ended = [{"name": line["stage"], "ok": line["ok"], "ms": line["ms"]} for line in stages if line["ok"] is not None]
    assert ended == report["stages"]
    assert b"streng-geheim" not in json.dumps(lines).encode()


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
def test_a_change_whose_test_fails_ends_with_the_problem_and_its_report_and_stores_nothing(plane, admin, method):
    name = f"streamed {method}"
    with faults.closed() as port:
        given, path = {**settings(port), "name": name}, "/connections?test=true"
        if method != "POST":
            number = admin("POST", "/connections", given).json["id"]
            given, path = {**given, "username": "other"}, f"/connections/{number}?test=true"
        connection, reply = streamed(plane, path, given, method=method)
        with closing(connection):
            *stages, last = [json.loads(line) for line in reply]
    assert [(line["stage"], line["ok"]) for line in stages][-2:] == [("tcp", None), ("tcp", False)]
    problem = last["problem"]
    assert (problem["status"], problem["code"], problem["report"]["class"]) == (400, "test-failed", "refused")
    stored = admin("GET", f"/connections?name={name}".replace(" ", "+")).json["items"]
    assert [one["username"] for one in stored] == ([] if method == "POST" else ["u"])


def test_a_change_that_is_not_tested_is_never_a_stream(plane):
    connection, reply = streamed(plane, "/connections", {**settings(1), "name": "no stream"})
    with closing(connection):
        assert json.loads(reply.read())["name"] == "no stream"
    assert (reply.getheader("content-type"), reply.getheader("etag")) == ("application/json", '"1"')


def test_a_client_that_leaves_the_stream_of_a_change_ends_it(plane, admin):
    left = threading.Event()

    def wait_for_the_end(peer, _over):
        while peer.recv(4_096):
            pass
        left.set()

    with faults.serving(wait_for_the_end) as port:
        given = {**settings(port), "name": "left"}
        connection, reply = streamed(plane, "/connections?test=true&timeout_s=300", given)
        assert [json.loads(reply.readline())["stage"] for _ in range(5)][-1] == "tls"
        reply.close()
        connection.close()
        assert left.wait(60)
    assert admin("GET", "/connections?name_exact=left").json["total"] == 0


def test_a_stage_that_runs_is_told_before_it_ends_and_a_client_that_leaves_ends_the_test(plane):
    reached, left = threading.Event(), threading.Event()

    def wait_for_the_end(peer, _over):
        peer.recv(1)
        reached.set()
        while peer.recv(4_096):  # until the test has ended
            pass
        left.set()

    with faults.serving(wait_for_the_end) as port:
        connection, reply = streamed(plane, "/connections/test?timeout_s=300", settings(port))
        lines = [json.loads(reply.readline()) for _ in range(5)]
        assert [line["stage"] for line in lines] == ["resolve", "resolve", "tcp", "tcp", "tls"]
        assert lines[-1] == {"stage": "tls", "ok": None, "ms": None}
        assert reached.wait(60)
        reply.close()
        connection.close()
        assert left.wait(60)


@pytest.mark.parametrize(
    ("given", "headers", "status", "code"),
    [
        ({"type": "nothing"}, {}, 422, "invalid-input"),
        ({"type": "postgresql"}, {}, 422, "invalid-input"),
        (settings(1), {"Authorization": "Bearer none"}, 401, "not-signed-in"),
    ],
)
def test_what_fails_before_a_stage_is_a_problem_with_its_status(plane, given, headers, status, code):
    connection, reply = streamed(plane, "/connections/test", given, **headers)
    with closing(connection):
        problem = json.loads(reply.read())
    assert (reply.status, reply.getheader("content-type")) == (status, "application/problem+json")
    assert problem["code"] == code


def test_a_client_that_does_not_ask_for_lines_gets_the_report_alone(plane):
    with faults.closed() as port:
        connection, reply = streamed(plane, "/connections/test", settings(port), Accept="application/json, */*")
        with closing(connection):
            assert json.loads(reply.read())["class"] == "refused"
    assert reply.getheader("content-type") == "application/json"


def test_a_user_without_the_right_gets_no_stream(plane):
    connection, reply = streamed(plane, "/connections/test", settings(1), who="Member")
    with closing(connection):
        assert json.loads(reply.read())["code"] == "not-allowed"
    assert reply.status == 403
