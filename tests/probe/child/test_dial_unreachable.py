"""A host to which the system has no way: of class network, in the system's own words, whatever the type."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from qualytics.connectors import all_connectors, get
from qualytics.probe.child.dial import dial
from qualytics.probe.verdicts.exceptions import judge
from tests.support import faults, namespaces

NETWORKED = [connector.type for connector in all_connectors() if connector.kind != "embedded"]


@pytest.fixture(scope="module")
def in_namespace():
    """Run the trials of `unreachable_in_namespace`."""
    return namespaces.run("tests.probe.unreachable_in_namespace")


@pytest.mark.slow
@pytest.mark.parametrize("type_", NETWORKED)
def test_a_host_without_a_route_is_named_so_for_every_type(in_namespace, type_):
    found = next(one for one in in_namespace if one["type"] == type_ and one["host"] == "2001:db8::1")
    assert found["outcome"] == ["tcp", "network", True], found
    # Which of the two it is depends on whether the kernel of this machine speaks IPv6 at all.
    words = (os.strerror(errno.ENETUNREACH), os.strerror(errno.EADDRNOTAVAIL), os.strerror(errno.EAFNOSUPPORT))
    assert found["message"].endswith(words), found
    assert found["message"].rpartition(": ")[2] in found["detail"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "code"), [("10.1.0.6", errno.EINVAL), ("10.1.0.7", errno.EHOSTUNREACH), ("10.1.0.8", errno.EACCES)]
)
def test_a_route_that_sends_nothing_is_told_in_the_systems_words(in_namespace, address, code):
    found = next(one for one in in_namespace if one["host"] == address)
    assert found["outcome"] == ["tcp", "network", True], found
    assert found["message"] == f"the host cannot be reached from here: {os.strerror(code)}"


CODES = ["EHOSTUNREACH", "EHOSTDOWN", "ENETUNREACH", "ENETDOWN", "EINVAL", "EADDRNOTAVAIL", "EAFNOSUPPORT"]
CODES += ["EACCES", "EPERM", "ENOBUFS", "EADDRINUSE", "EPROTONOSUPPORT"]


@pytest.mark.parametrize("name", CODES)
def test_every_refusal_of_the_system_to_dial_is_of_class_network(name):
    code = getattr(errno, name)
    for type_ in NETWORKED:
        verdict = judge(get(type_), OSError(code, os.strerror(code)))
        assert verdict.failure_class == "network", type_
        assert os.strerror(code) in verdict.cause, type_
        assert verdict.hint, type_


@pytest.mark.parametrize(
    "text",
    [
        "error sending request: tcp connect error: No route to host (os error 113)",
        'ConnectError("tcp connect error", Os { code: 113, kind: HostUnreachable, message: "No route to host" })',
        "dial tcp 10.0.0.1:443: connect: no route to host",
        "java.net.NoRouteToHostException: No route to host (Host unreachable)",
        "TCP Provider: Error code 0x71 (113)",
        "Error: connect EHOSTUNREACH 10.0.0.1:5432",
        "connect failed (addr: db, fd: 7, errno: 113)",
    ],
)
def test_the_same_in_the_words_of_drivers_that_dial_themselves(text):
    for type_ in NETWORKED:
        verdict = judge(get(type_), Exception(text))
        cause = "the host cannot be reached from here: No route to host"
        assert (verdict.failure_class, verdict.cause) == ("network", cause), type_


def test_an_error_of_a_file_is_none_of_the_network(tmp_path):
    with pytest.raises(FileNotFoundError) as raised:
        (tmp_path / "missing").read_bytes()
    assert judge(get("trino"), raised.value).failure_class == "unknown"
    assert judge(get("trino"), PermissionError(errno.EACCES, "Permission denied", "/a/file")).failure_class == "unknown"


def test_a_refusal_counts_more_than_an_address_without_a_way():
    no_way = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 9, 0, 0))
    with faults.closed() as port, pytest.raises(ConnectionRefusedError):
        dial([no_way, (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)), no_way])
