"""One request and its reply: what is bounded, what is sent, and what is said when there is no reply."""

import contextlib
import os
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from qualytics.errors import Unreachable, UsageError
from qualytics.transport.connect import Deadline
from qualytics.transport.endpoint import Endpoint
from qualytics.transport.http import Request, Transport, failure
from tests.support import faults
from tests.support.misbehaving_http import reply, scripted


@pytest.fixture
def to():
    """Return a function that makes a transport to a port of this machine, closed at the end."""
    with contextlib.ExitStack() as opened:

        def make(port, host="127.0.0.1", timeout_s=10.0, **bounds):
            transport = Transport(Endpoint("http", host, port, timeout_s=timeout_s), **bounds)
            opened.callback(transport.close)
            return transport

        yield make


def test_a_reply_without_end_is_cut_off(to):
    def behave(peer, over):
        peer.recv(65_536)
        peer.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while not over.is_set():
            peer.sendall(b" " * 65_536)

    with faults.serving(behave) as port, pytest.raises(Unreachable, match="more than 1,024 KiB"):
        to(port, max_bytes=1 << 20).handle(Request("GET", "/"))


def test_a_host_that_is_not_found_is_told():
    error = failure(socket.gaierror(-2, "unknown"), Endpoint("https", "plane.example.com", 443), Deadline(1))
    assert error.message == "the host of https://plane.example.com was not found"


def test_a_reply_of_the_largest_size_is_taken(to):
    with scripted(reply(200, "x" * 1000)) as server:
        assert len(to(server.port, max_bytes=1000).handle(Request("GET", "/")).body) == 1000
        with pytest.raises(Unreachable, match="answered more than"):
            to(server.port, max_bytes=999).handle(Request("GET", "/"))


def test_a_host_that_is_an_address_of_ipv6_with_letters_is_reached(to):
    with scripted(reply(200, {})) as server:
        assert to(server.port, "::ffff:127.0.0.1").handle(Request("GET", "/a?b=c")).status == 200
        assert server.asked[0].target == "/a?b=c"
        assert server.asked[0].headers["host"] == f"[::ffff:127.0.0.1]:{server.port}"


@pytest.mark.parametrize(
    ("server", "words", "is_sent"),
    [(faults.closed, "nothing listens at", False), (faults.closing, "closed the connection", True)],
)
def test_it_says_whether_a_request_may_have_arrived(to, server, words, is_sent):
    with server() as port:
        transport = to(port)
        with pytest.raises(Unreachable, match=words):
            transport.handle(Request("POST", "/"))
        assert transport.is_sent is is_sent


def test_a_reply_that_comes_before_the_body_was_taken_is_read_and_the_connection_closed(to):
    def behave(peer, over):
        peer.recv(1024)
        peer.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nwho")
        peer.shutdown(socket.SHUT_RD)  # closed with bytes unread: a reset, while the body is still being sent

    with faults.serving(behave) as port:
        transport = to(port)
        for _ in range(2):
            answered = transport.handle(Request("POST", "/", body=b" " * (32 << 20)))
            assert (answered.status, answered.body) == (401, b"who")


def test_a_request_that_may_take_longer_is_waited_for(to):
    def behave(peer, over):
        peer.recv(65_536)
        over.wait(0.3)
        peer.sendall(reply(204))

    with faults.serving(behave) as port:
        transport = to(port, timeout_s=0.1)
        with pytest.raises(Unreachable, match=r"did not answer within 0.1 s"):
            transport.handle(Request("GET", "/"))
        assert transport.handle(Request("GET", "/", wait_s=30)).status == 204


def test_a_request_that_is_cancelled_ends_at_once_and_no_other_begins(to):
    arrived = threading.Event()

    def behave(peer, over):
        peer.recv(65_536)
        arrived.set()
        over.wait()

    with faults.serving(behave) as port, ThreadPoolExecutor(1) as threads:
        transport = to(port, timeout_s=300)
        running = threads.submit(transport.handle, Request("GET", "/"))
        assert arrived.wait(60)
        transport.cancel()
        with pytest.raises(Unreachable, match="closed the connection before it had answered"):
            running.result(60)
        with pytest.raises(Unreachable):
            transport.handle(Request("GET", "/"))
        transport.cancel()


def test_the_reply_to_a_request_that_ctrl_c_ended_is_not_taken_for_that_of_the_next(to):
    is_over = threading.Event()

    def interrupt(_asked):
        os.kill(os.getpid(), signal.SIGINT)
        assert is_over.wait(60)
        return reply(200, "late")

    with scripted(interrupt, reply(200, "own")) as server:
        transport = to(server.port)
        with pytest.raises(KeyboardInterrupt):
            transport.handle(Request("GET", "/slow"))
        is_over.set()
        assert transport.handle(Request("GET", "/next")).body == b"own"
        assert server.connections == 2


def test_what_takes_the_lines_of_a_reply_cannot_send_a_request_the_same_way(to):
    lines = b'{"stage": "tcp"}\n{"report": {}}\n'
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/jsonl\r\nContent-Length: {len(lines)}\r\n\r\n"
    with scripted(head.encode() + lines) as server:
        transport = to(server.port)
        with pytest.raises(UsageError, match="is still under way"):
            transport.handle(Request("GET", "/", on_line=lambda _: transport.handle(Request("GET", "/"))))
