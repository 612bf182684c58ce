"""Limits of time and number: slow senders, too many requests, memory, and an end that finishes what has begun."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
import time

import pytest

from qualytics.server.config import SETTINGS
from qualytics.service.clock import now
from testbed.control_plane import serving


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """Return a control plane with small limits."""
    home = tmp_path_factory.mktemp("strict") / "home"
    small = ("--request-s", "1", "--idle-s", "2", "--requests-per-minute", "60", "--body-bytes", "2000")
    with serving(home, *small) as found:
        yield found


def head(plane, *lines, method="POST", path="/connections"):
    first = [f"{method} /api{path} HTTP/1.1", "Host: x", f"Authorization: Bearer {plane.tokens['Member']}"]
    return "\r\n".join([*first, *lines, "\r\n"]).encode()


def test_a_body_that_trickles_is_given_up_and_delays_nobody(strict):
    with socket.create_connection(("127.0.0.1", strict.port), timeout=30) as slow:
        slow.sendall(head(strict, "Content-Type: application/json", "Content-Length: 1000"))
        began = time.monotonic()
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
            assert time.monotonic() - began < 2  # the limit is 1 s
        finally:
            stop.set()
            sender.join()


def test_headers_that_trickle_are_given_up(strict):
    with socket.create_connection(("127.0.0.1", strict.port), timeout=30) as slow:
        slow.sendall(b"GET /api/health HTTP/1.1\r\nHost: x\r\n")
        began = time.monotonic()
        answer = slow.recv(65_536)
        assert time.monotonic() - began < 3  # the limit is 2 s
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4")


def test_a_client_that_asks_every_ten_seconds_keeps_its_connection():
    """What closes a silent connection at the moment of the next question loses that question."""
    assert next(setting for setting in SETTINGS if setting.name == "idle_s").default > 60


def test_hundreds_of_silent_connections_delay_nobody(strict):
    silent = [socket.create_connection(("127.0.0.1", strict.port), timeout=30) for _ in range(300)]
    try:
        for sock in silent:
            sock.sendall(b"POST /api/connections HTTP/1.1\r\n")
        assert strict.api(None)("GET", "/health").status == 204
    finally:
        for sock in silent:
            sock.close()


def test_a_user_who_asks_too_often_is_told_when_to_come_again_and_others_are_not(strict):
    eager, other = strict.api("Manager"), strict.api("Admin")
    second = strict.api(eager("POST", "/user-tokens", {"name": "second"}).json["bearer_token"])
    answers = [eager("GET", "/users/me") for _ in range(70)]
    refused = [answer for answer in answers if answer.status != 200]
    assert len(refused) in range(5, 12)
    assert {(answer.status, answer.json["code"]) for answer in refused} == {(429, "too-many")}
    assert all(1 <= int(answer.headers["retry-after"]) <= 60 for answer in refused)
    assert second("GET", "/users/me").status == 429  # more tokens are not more requests
    assert other("GET", "/users/me").status == 200


def test_the_limit_of_a_body_is_a_setting(strict):
    answer = strict.api("Admin")("POST", "/connections", b" " * 2_001)
    assert (answer.status, answer.json["code"]) == (413, "too-large")


def test_an_end_waits_for_a_request_that_has_begun(tmp_path):
    with serving(tmp_path / "home") as plane, socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        given = {"type": "postgresql", "host": "127.0.0.1", "port": port, "username": "u"}
        answers = []
        caller = plane.api("Admin")
        asking = threading.Thread(target=lambda: answers.append(caller("POST", "/connections/test?timeout_s=3", given)))
        asking.start()
        dialled, _ = silent.accept()  # the test runs now
        plane.process.terminate()
        asking.join(60)
        dialled.close()
        assert [answer.status for answer in answers] == [200]
        assert answers[0].json["class"] == "timeout"
        assert plane.process.wait(30) == 0
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", plane.port), timeout=5)


def test_memory_is_flat_over_twenty_thousand_requests(tmp_path):
    with serving(tmp_path / "home", "--requests-per-minute", "100000000") as plane:
        admin = plane.api("Admin")
        given = {"type": "postgresql", "host": "h", "username": "u", "password": "x"}
        for number in range(20):
            admin("POST", "/connections", given | {"name": f"c{number}"})
        paths = ("/connections?size=20", "/connections/1", "/connections/999", "/datastores", "/users/me")

        def ask(times):
            caller = plane.api("Admin")
            for number in range(times):
                path = paths[number % len(paths)]
                assert caller("GET", path).status == (404 if path == "/connections/999" else 200)

        def round_of(times):
            threads = [threading.Thread(target=ask, args=(times // 4,)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return plane.memory()

        warm = round_of(5_000)
        grown = round_of(20_000) - warm
        assert grown < 8 << 20, f"{grown:,} bytes"
        last = json.loads(plane.log[-1])
        assert last["status"] == (404 if last["path"].endswith("/connections/999") else 200)


@pytest.fixture
def silent():
    """Return a server that takes many connections and says nothing; `dialled` waits for so many."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listening, contextlib.ExitStack() as opened:
        listening.settimeout(60)

        class Silent:
            port = listening.getsockname()[1]

            @staticmethod
            def dialled(count):
                found = [opened.enter_context(listening.accept()[0]) for _ in range(count)]
                for one in found:
                    one.settimeout(60)
                return found

        yield Silent


def ended(connections):
    """Wait until each of these was closed at the other end."""
    for one in connections:
        with contextlib.suppress(ConnectionResetError):
            while one.recv(65_536):
                pass


FEW = ("--tests-at-once", "8", "--tests-waiting", "64", "--test-wait-s", "300")


def hang_up(plane, request):
    """Send a request and return the connection, to be closed."""
    sock = socket.create_connection(("127.0.0.1", plane.port), timeout=60)
    sock.sendall(request)
    return sock


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Return a control plane with room for eight tests."""
    with serving(tmp_path_factory.mktemp("few") / "home", *FEW) as found:
        yield found


def asked(plane, token, method, path, body=None):
    content = json.dumps(body or {}).encode()
    lines = [f"{method} /api{path} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "\r\n"]).encode() + content


def test_hung_tests_of_one_user_whose_clients_have_left_cost_another_user_nothing(few, silent):
    tokens = [
        few.tokens["Manager"],
        few.api("Manager")("POST", "/user-tokens", {"name": "second"}).json["bearer_token"],
    ]
    given = {"type": "postgresql", "host": "127.0.0.1", "port": silent.port, "username": "u"}
    path = "/connections/test?timeout_s=300"
    clients = [hang_up(few, asked(few, tokens[n % 2], "POST", path, given)) for n in range(40)]
    # One of eight turns is kept from any single user, however many tokens there are.
    running = silent.dialled(7)
    quick = {**given, "port": 1}
    answer = few.api("Admin")("POST", "/connections/test", quick)
    assert (answer.status, answer.json["class"]) == (200, "refused")
    for client in clients:
        client.close()
    ended(running)
    answer = few.api("Manager")("POST", "/connections/test", quick)
    assert (answer.status, answer.json["class"]) == (200, "refused")


def pool_of(caller):
    """Return how many tests run and wait now."""
    answer = caller("GET", "/metrics")
    assert answer.status == 200, answer.body
    found = dict(re.findall(r"^qualytics_tests_(running|waiting) (\S+)$", answer.body.decode(), re.MULTILINE))
    return int(float(found["running"])), int(float(found["waiting"]))


def until_pool_is(caller, running, waiting):
    began = time.monotonic()
    while (found := pool_of(caller)) != (running, waiting):
        assert time.monotonic() < began + 60, found


def test_as_many_hung_tests_as_the_default_pool_holds_cost_another_user_nothing(tmp_path, silent):
    size = next(setting for setting in SETTINGS if setting.name == "tests_at_once").default
    of_one = size - size // 8
    with (
        serving(tmp_path / "home", "--requests-per-minute", "100000000", "--test-wait-s", "300") as plane,
        contextlib.ExitStack() as opened,
    ):
        manager, admin = plane.api("Manager"), plane.api("Admin")
        tokens = [plane.tokens["Manager"], manager("POST", "/user-tokens", {"name": "second"}).json["bearer_token"]]
        given = {"type": "postgresql", "host": "127.0.0.1", "port": silent.port, "username": "u"}
        path = "/connections/test?timeout_s=300"
        clients = [
            opened.enter_context(hang_up(plane, asked(plane, tokens[number % 2], "POST", path, given)))
            for number in range(size)
        ]
        running = silent.dialled(of_one)
        until_pool_is(admin, of_one, size - of_one)
        quick = {**given, "port": 1}
        answer = admin("POST", "/connections/test", quick)
        assert (answer.status, answer.json["class"]) == (200, "refused")
        assert pool_of(admin) == (of_one, size - of_one)  # none had to end for it
        for client in clients:
            client.close()
        answer = admin("POST", "/connections/test", quick)
        assert (answer.status, answer.json["class"]) == (200, "refused")
        ended(running)
        until_pool_is(admin, 0, 0)
        answer = manager("POST", "/connections/test", quick)
        assert (answer.status, answer.json["class"]) == (200, "refused")


HANGING = {
    "test": ("POST", "/connections/{id}/test?timeout_s=300", {}),
    "unsaved": ("POST", "/connections/test?timeout_s=300", "inline"),
    "create": ("POST", "/connections?test=true&timeout_s=300", "inline"),
    "update": ("PATCH", "/connections/{id}?test=true&timeout_s=300", {"username": "other"}),
    "put": ("PUT", "/connections/{id}?test=true&timeout_s=300", "inline"),
    "catalogs": ("GET", "/connections/{id}/catalogs?timeout_s=300", None),
    "schemas": ("GET", "/connections/{id}/schemas?catalog=d&timeout_s=300", None),
    "tables": ("GET", "/connections/{id}/tables?catalog=d&schema=s&timeout_s=300", None),
    "unsaved catalogs": ("POST", "/connections/catalogs?timeout_s=300", "inline"),
    "unsaved schemas": ("POST", "/connections/schemas?catalog=d&timeout_s=300", "inline"),
    "verify": ("POST", "/datastores/{store}/connection?timeout_s=300", {}),
    "try": ("POST", "/datastores/connection?timeout_s=300", {"connection_id": "id", "database": "d", "schema": "s"}),
    "validate": ("POST", "/connections/{id}/datastores/validate?timeout_s=300", {"database": "d", "schemas": ["a"]}),
}


def abandoned_since(admin, moment):
    """Return what was given up since then; what repeats is counted in an entry that is there."""
    entries = [entry for entry in admin("GET", "/audit?size=100").json["items"] if entry["outcome"] == "abandoned"]
    return [entry for entry in entries if entry["detail"].get("last", entry["created"]) >= moment]


@pytest.mark.parametrize("what", HANGING)
def test_a_client_that_hangs_up_ends_its_test(few, silent, what):
    admin = few.api("Admin")
    given = {"type": "postgresql", "host": "127.0.0.1", "port": silent.port, "username": "u", "name": f"hang {what}"}
    number = admin("POST", "/connections", given).json["id"]
    place = {"name": what, "connection_id": number, "database": "d", "schema": "s"}
    store = admin("POST", "/datastores", place).json["id"]
    method, path, body = HANGING[what]
    body = {**given, "name": f"new {what}"} if body == "inline" else body
    if isinstance(body, dict) and body.get("connection_id"):
        body = {**body, "connection_id": number}
    client = hang_up(few, asked(few, few.tokens["Admin"], method, path.format(id=number, store=store), body))
    running = silent.dialled(1)
    moment = now()
    client.close()
    ended(running)
    began = time.monotonic()
    while not (entries := abandoned_since(admin, moment)):
        assert time.monotonic() < began + 10, entries
    assert admin("GET", f"/connections?name_exact=new {what}".replace(" ", "+")).json["total"] == 0
    assert admin("GET", f"/connections/{number}").json["username"] == "u"
