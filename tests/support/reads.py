"""Connections to read through, in an embedded store."""

import pytest

from qualytics.client.local import LocalClient
from qualytics.settings import Settings


@pytest.fixture
def client(home):
    with LocalClient(Settings(home=home)) as opened:
        yield opened


@pytest.fixture
def on_server(client, postgres_server):
    """Return a client whose connection 1 is of the real PostgreSQL."""
    login = {"username": postgres_server.user, "password": postgres_server.password}
    where = {"host": "127.0.0.1", "port": postgres_server.port, "parameters": {"ssl_mode": "disable"}}
    client.connections.create({"type": "postgresql", "name": "pg", **login, **where})
    return client
