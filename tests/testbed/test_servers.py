"""Ports for servers: between the choice of one and the start of its server nobody else is given it."""

import errno
import socket
import sys

import pytest

from testbed import servers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a matter of Linux")


def test_a_port_that_was_given_out_is_free_for_its_server_alone():
    port = servers.free_port()
    for _ in range(2):  # also when its server is started again
        with socket.socket() as other, pytest.raises(OSError, match="in use") as refused:
            other.bind(("127.0.0.1", port))
        assert refused.value.errno == errno.EADDRINUSE
        with socket.socket() as caller:
            assert caller.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED
        with socket.create_server(("127.0.0.1", port)) as server, socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()
