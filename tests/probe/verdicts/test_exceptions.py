"""Verdicts on exceptions that no server is needed for."""

from __future__ import annotations

import ssl

import pytest

from qualytics import connectors
from qualytics.probe.verdicts.exceptions import judge


@pytest.mark.parametrize("error", [ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError, EOFError])
def test_a_connection_that_ends_within_a_handshake_is_class_network(error):
    # Which of them OpenSSL raises depends on its version and on how the peer closed.
    assert judge(connectors.get("postgresql"), error("closed")).failure_class == "network"
