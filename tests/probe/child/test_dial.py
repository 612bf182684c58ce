"""Every address of a host is tried, within the deadline."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys

import pytest

from qualytics.probe.child.dial import dial
from tests.support import faults

LIVE, DEAD = "127.0.0.1", "127.0.0.2"


def found(*addresses, port):
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]


@pytest.fixture
def server():
    with socket.create_server((LIVE, 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("addresses", [(DEAD, LIVE), (LIVE, DEAD), (DEAD, DEAD, "127.0.0.3", LIVE), (LIVE, LIVE)])
def test_the_address_that_lives_is_found_among_those_that_refuse(server, addresses):
    sock, address = dial(found(*addresses, port=server))
    with sock:
        assert address == LIVE
        assert sock.getpeername() == (LIVE, server)
        assert sock.getblocking()


@pytest.mark.slow
def test_the_address_that_lives_is_found_beside_a_silent_one(server):
    with faults.dropping(DEAD, server):
        sock, address = dial(found(DEAD, LIVE, port=server))
        with sock:
            assert address == LIVE


@pytest.mark.slow
def test_an_address_of_another_family_that_cannot_be_reached_is_passed_over(server):
    unreachable = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", server, 0, 0))
    sock, address = dial([unreachable, *found(LIVE, port=server)])
    with sock:
        assert address == LIVE


def test_when_all_addresses_fail_a_refusal_is_what_is_told():
    unreachable = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("255.255.255.255", 9))
    with faults.closed() as port, pytest.raises(ConnectionRefusedError):
        dial([unreachable, *found(DEAD, LIVE, port=port), unreachable])


def own_hosts_file():
    """Return the command that runs another one under a hosts file of its own, None where the system forbids it."""
    unshare = shutil.which("unshare")
    for flags in ("-m", "-rm"):
        if unshare and subprocess.run([unshare, flags, "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0:
            mount = 'mount --bind "$0" /etc/hosts && exec "$@"'
            return [unshare, flags, "sh", "-c", mount]
    return None


def dead_address():
    """Return an address of this machine that resolvers put before 127.0.0.1, where there is one."""
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return "::1"
    return DEAD


@pytest.fixture(params=["postgresql", "mariadb"])
def database(request):
    """Return a type and a real server of it."""
    fixture = {"postgresql": "postgres_server", "mariadb": "mariadb_server"}[request.param]
    return request.param, request.getfixturevalue(fixture)


@pytest.mark.slow
@pytest.mark.servers
@pytest.mark.parametrize("dead", ["refusing", "silent"])
def test_a_host_with_a_dead_and_a_live_address_is_connected(database, dead, tmp_path, home):
    type_, server = database
    command = own_hosts_file()
    if command is None:
        assert not os.environ.get("CI"), "unshare must be permitted where this is checked for good"
        pytest.skip("this system permits no hosts file of its own (unshare -m)")
    hosts = tmp_path / "hosts"
    first = dead_address()
    hosts.write_text(f"{first} twin\n{LIVE} twin\n")
    test = [
        *(*command, str(hosts), sys.executable, "-m", "qualytics", "connections", "test", "--type", type_),
        *("--host", "twin", "--port", str(server.port), "--username", server.user, "--password-stdin"),
        *("--parameters", '{"ssl_mode": "require"}', "--format", "json"),
    ]
    with faults.dropping(first, server.port) if dead == "silent" else contextlib.nullcontext():
        done = subprocess.run(test, input=server.password.encode(), capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done
    assert json.loads(done.stdout)["address"] == f"{LIVE}:{server.port}"
