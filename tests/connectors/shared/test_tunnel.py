"""The tunnel of TLS: what it carries, and whom it lets nothing through to."""

import contextlib
import socket
import ssl

import pytest

from qualytics.connectors.shared.tunnel import tunnel
from qualytics.probe.child.tls import make_tls
from testbed import relay
from tests.support import faults, pins
from tests.support import faults_suite as suite

LARGE = 1 << 20


def answering(peer, _over):
    """Take a mebibyte, say so, and give one back."""
    while True:
        left = LARGE
        while left:
            left -= len(peer.recv(65_536)) or left
        peer.sendall(b"taken")
        peer.sendall(b"x" * LARGE)


def exactly(sock, size):
    found = b""
    while len(found) < size:
        found += sock.recv(65_536) or pytest.fail("the tunnel closed")
    return found


@pytest.fixture
def place(certificate, root_file, tmp_path):
    """Yield a function that makes the target of a TLS server at 127.0.0.1, whatever its name."""
    with faults.serving(answering) as plain, relay.relay(plain, certificate) as port:
        yield lambda host: suite.target(
            "db2",
            host=host,
            address="127.0.0.1",
            port=port,
            tls=make_tls("verify", {"ssl_root_cert_file": str(root_file)}, str(tmp_path)),
        )


def test_large_messages_pass_both_ways_on_one_connection_after_the_other(place):
    port = tunnel(place("localhost"))
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", port), 10) as sock:
            for _ in range(2):
                sock.sendall(b"y" * LARGE)
                assert exactly(sock, 5 + LARGE) == b"taken" + b"x" * LARGE


def test_a_server_of_another_name_is_refused_before_anything_is_let_through(place):
    with pytest.raises(ssl.SSLCertVerificationError):
        tunnel(place(pins.NOWHERE))


def test_the_end_of_the_server_is_the_end_of_the_driver(certificate, root_file, tmp_path):
    with faults.closing() as plain, relay.relay(plain, certificate) as port:
        tls = make_tls("verify", {"ssl_root_cert_file": str(root_file)}, str(tmp_path))
        through = tunnel(suite.target("db2", host="localhost", address="127.0.0.1", port=port, tls=tls))
        with socket.create_connection(("127.0.0.1", through), 10) as sock, contextlib.suppress(ConnectionError):
            assert sock.recv(1) == b""
