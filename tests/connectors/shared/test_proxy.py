"""The proxy of ours: which hosts it leads to, and that whoever talks through it may be silent as long as they like."""

import contextlib
import socket
import threading
from urllib.parse import urlsplit

import pytest

from qualytics.connectors.shared.proxy import start_proxy

LIMIT_S, SILENCE_S = 1.0, 1.5


@pytest.mark.slow
def test_a_server_may_answer_later_than_the_limit_of_a_login():
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as opened:
        port, asked = listener.getsockname()[1], []
        url = urlsplit(start_proxy({("lake.example.com", port): "127.0.0.1"}, LIMIT_S, asked.append))

        def answer():
            peer = opened.enter_context(listener.accept()[0])
            threading.Event().wait(SILENCE_S)
            peer.sendall(peer.recv(16))

        thread = threading.Thread(target=answer)
        thread.start()
        sock = opened.enter_context(socket.create_connection((url.hostname, url.port), 60))
        sock.sendall(f"CONNECT lake.example.com:{port} HTTP/1.1\r\n\r\n".encode())
        assert sock.recv(64).startswith(b"HTTP/1.1 200")
        sock.sendall(b"rows")
        assert sock.recv(16) == b"rows"
        thread.join(60)
        assert asked == ["lake.example.com"]


def test_it_leads_to_no_other_host():
    url = urlsplit(start_proxy({("lake.example.com", 443): "127.0.0.1"}, 60, lambda _host: None))
    with socket.create_connection((url.hostname, url.port), 60) as sock:
        sock.sendall(b"CONNECT other.example.com:443 HTTP/1.1\r\n\r\n")
        assert sock.recv(64).startswith(b"HTTP/1.1 403")
