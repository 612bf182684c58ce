"""Requests that are none: each is refused as the client's fault, and none is a fault of the server."""

import re
import socket

import pytest

pytestmark = pytest.mark.servers

POST = b"POST /api/connections HTTP/1.1\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
BODIES = {
    "a chunk that has no size": CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n",
    "a chunk that is longer than it says": CHUNKED + b"2\r\n{}XX0\r\n\r\n",
    "a chunk of a negative size": CHUNKED + b"-1\r\n{}\r\n0\r\n\r\n",
    "a chunk of a size beyond any number": CHUNKED + b"f" * 20 + b"\r\n{}\r\n0\r\n\r\n",
    "a chunk that ends early": CHUNKED + b"5\r\n{}",
    "a coding that is not known": b"Transfer-Encoding: gzip\r\n\r\n{}",
    "a length that is no number": b"Content-Length: abc\r\n\r\n{}",
    "a negative length": b"Content-Length: -5\r\n\r\n{}",
    "a length with a sign": b"Content-Length: +2\r\n\r\n{}",
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a length beyond any number": b"Content-Length: 99999999999999999999999999\r\n\r\n{}",
    "a body that ends early": b"Content-Length: 10\r\n\r\n{}",
    "a body that is no UTF-8": b'Content-Length: 4\r\n\r\n"\xff\xfe"',
    "a version to match that is no text": b"If-Match: \xff\r\nContent-Length: 2\r\n\r\n{}",
}
PLACES = {
    "a path that is no UTF-8": b"/api/\xff\xfe",
    "a path of escapes that are no UTF-8": b"/api/%ff%fe",
    "a path with half an escape": b"/api/%",
    "a path with a zero": b"/api/%00",
    "a query that is no UTF-8": b"/api/connections?name=\xff\xfe",
    "a query of numbers beyond any number": b"/api/connections?page=" + b"9" * 3_000,
    "a query of escapes that are none": b"/api/connections?page=%zz&name=%ff",
    "a query of nothing but signs": b"/api/connections?=&&&==;;%%%&page=&size=-1",
    "a query that is too long": b"/api/connections?" + b"a&" * 4_000,
    "every place there is": b"*",
}


def answered(plane, head, rest, *, ends=False):
    """Return the status of the answer to a request, whose client may send nothing more behind it."""
    word = f"Host: a\r\nAuthorization: Bearer {plane.tokens['Admin']}\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", plane.port), timeout=60) as caller:
        caller.sendall(head + word.encode() + rest)
        if ends:
            caller.shutdown(socket.SHUT_WR)
        return int(caller.recv(65_536).split()[1])


@pytest.mark.parametrize("what", BODIES)
def test_a_body_that_is_malformed_is_the_clients_fault(plane, what):
    assert 400 <= answered(plane, POST, BODIES[what], ends="ends early" in what) < 500


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_an_address_that_is_malformed_is_the_clients_fault(plane, place):
    assert 400 <= answered(plane, b"GET " + place + b" HTTP/1.1\r\n", b"\r\n") < 500


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Accept", "Cookie", "X-Request-Id", "User-Agent", "Origin"])
def test_a_header_that_is_no_utf_8_does_no_harm(plane, name):
    header = f"{name}: ".encode() + b"\xff\xfe, \xe9\r\n\r\n"
    assert answered(plane, b"GET /api/connections HTTP/1.1\r\n", header) == 200


def test_a_malformed_body_is_answered_as_a_problem(plane):
    word = f"Host: a\r\nAuthorization: Bearer {plane.tokens['Admin']}\r\n".encode()
    with socket.create_connection(("127.0.0.1", plane.port), timeout=60) as caller:
        caller.sendall(POST + word + CHUNKED + b"zz\r\n{}")
        answer = caller.recv(65_536).decode()
    assert answer.startswith("HTTP/1.1 400 ")
    assert re.search(r'"status":400,"detail":"bad request","code":"usage"', answer)
