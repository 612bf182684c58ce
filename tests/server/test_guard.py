"""What every request passes and every reply has: limits on what arrives, headers, ids, one line in the log."""

from __future__ import annotations

import json
import re
import socket
import threading

import pytest

EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "strict-transport-security": "max-age=31536000",
}


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
    line = json.loads(plane.line(wanted))
    assert (line["method"], line["path"], line["status"]) == ("PATCH", f"/api/connections/{number}", 200)


@pytest.mark.parametrize("wanted", ["a b", "x" * 65, 'a"b', "é", ""])
def test_an_id_of_another_form_is_replaced(admin, wanted):
    assert re.fullmatch(r"[0-9a-f]{16}", admin("GET", "/health", X_Request_Id=wanted).headers["x-request-id"])


def head(plane, *lines, method="POST", path="/connections"):
    first = [f"{method} /api{path} HTTP/1.1", "Host: x", f"Authorization: Bearer {plane.tokens['Member']}"]
    return "\r\n".join([*first, *lines, "\r\n"]).encode()


def test_a_body_that_trickles_is_given_up_and_delays_nobody(strict):
    with socket.create_connection(("127.0.0.1", strict.port), timeout=60) as slow:
        slow.sendall(head(strict, "Content-Type: application/json", "Content-Length: 1000"))
        stop = threading.Event()

        def trickle():
            while not stop.wait(0.2):
                try:
                    slow.sendall(b" ")
                except OSError:
                    return

        sender = threading.Thread(target=trickle)
        sender.start()
        try:
            assert strict.api(None)("GET", "/health").status == 204
            assert slow.recv(65_536).startswith(b"HTTP/1.1 408 ")
        finally:
            stop.set()
            sender.join()
