"""A server that runs: silent and slow connections, memory, and an end that finishes what has begun."""

from __future__ import annotations

import json
import resource
import socket
import threading

import pytest

from testbed.control_plane import serving


@pytest.fixture
def descriptors():
    """Let this process open as many files as it may."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.slow
@pytest.mark.parametrize("said", [b"", b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"])
def test_who_says_nothing_or_speaks_something_else_is_not_waited_for(proxied, said):
    with socket.create_connection(("127.0.0.1", proxied.port), timeout=60) as silent:
        if said:
            silent.sendall(said)
        while silent.recv(65_536):  # ends long before the 75 s of the default, as the limit is 2 s
            pass


@pytest.mark.slow
@pytest.mark.usefixtures("descriptors")
def test_two_thousand_silent_connections_keep_nobody_out(plane):
    silent = []
    try:
        for number in range(2_000):
            silent.append(socket.create_connection(("127.0.0.1", plane.port), timeout=60))
            if number % 2:
                silent[-1].sendall(b"GET /api/health HTTP/1.1\r\n")
        assert plane.api(None)("GET", "/health").status == 204
    finally:
        for sock in silent:
            sock.close()


def test_headers_that_trickle_are_given_up(strict):
    with socket.create_connection(("127.0.0.1", strict.port), timeout=60) as slow:
        slow.sendall(b"GET /api/health HTTP/1.1\r\nHost: x\r\n")
        answer = slow.recv(65_536)  # comes long before the 75 s of the default, as the limit is 2 s
        assert answer == b"" or answer.startswith(b"HTTP/1.1 4")


def test_hundreds_of_silent_connections_delay_nobody(strict):
    silent = [socket.create_connection(("127.0.0.1", strict.port), timeout=60) for _ in range(300)]
    try:
        for sock in silent:
            sock.sendall(b"POST /api/connections HTTP/1.1\r\n")
        assert strict.api(None)("GET", "/health").status == 204
    finally:
        for sock in silent:
            sock.close()


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
        assert plane.process.wait(60) == 0
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
