"""The health of all connections: sums, types and classes, the most failures first."""

import pytest

from qualytics.client.local import LocalClient
from qualytics.service.connections.health import health
from qualytics.service.context import Context
from qualytics.settings import Settings

pytestmark = pytest.mark.slow  # each test starts processes


def test_health_counts_each_connection_once(home):
    settings = Settings(home=home)
    with LocalClient(settings) as client:
        for name, kind in (("a", "mysql"), ("b", "postgresql"), ("c", "postgresql"), ("d", "postgresql")):
            client.connections.create({"name": name, "type": kind, "host": "127.0.0.1", "port": 1, "username": "u"})
        for name in ("b", "c", "d"):
            client.connections.test(name)
        client.connections.update("d", {"port": 2})
    with Context(settings) as context:
        found = health(context)
    assert (found.total, found.classes) == (4, {"refused": 2})
    assert found.states == {"fails": 2, "unknown": 1, "never": 1, "works": 0}
    assert [(one.type, one.states["fails"], one.classes) for one in found.types] == [
        ("postgresql", 2, {"refused": 2}),
        ("mysql", 0, {}),
    ]


def test_a_store_without_connections_has_health_too(home):
    with Context(Settings(home=home)) as context:
        assert (health(context).total, health(context).types) == (0, ())
