"""Every type that is reached over a network, at a server of another kind: the test says which, and what to do."""

from __future__ import annotations

import pytest

from qualytics import connectors
from tests.support import faults_suite as suite
from tests.support import other_servers

pytestmark = pytest.mark.slow
LIMIT_S = 30.0
# What a type demands beside host, port, user and password.
NEEDED = {"oracle": {"service_name": "x"}}


def is_met_here(connector):
    """Say whether a host and a login are all a type needs beside that; the others speak HTTP to a host of their own."""
    return connector.kind != "embedded" and "port" in connector.fields and connector.type != "jdbc"


TYPES = [connector.type for connector in connectors.all_connectors() if is_met_here(connector)]


def is_own(type_, server):
    """Say whether a server speaks this type's protocol."""
    spoken = connectors.get(type_).protocols
    return server in {one.server for one in spoken}


PAIRS = [(type_, server) for type_ in TYPES for server in other_servers.ALL if not is_own(type_, server)]


def login(type_):
    return None if type_ in {"presto", "trino"} else "secret"


@pytest.mark.parametrize(("type_", "server"), PAIRS)
def test_a_server_of_another_kind_is_named(type_, server):
    with other_servers.ALL[server]() as port:
        report = suite.probe(type_, port, password=login(type_), timeout_s=LIMIT_S, **NEEDED.get(type_, {}))
    failure, title = report.failure, connectors.get(type_).title
    assert suite.verdict(report) == ("tls", "config"), (failure.message, failure.detail)
    assert failure.message == f"127.0.0.1:{port} is {server}, not {title}"
    assert failure.hint.startswith(f"this is {server}; ")
    assert (failure.retryable, failure.code, failure.detail) == (False, None, None)
