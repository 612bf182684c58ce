"""A store, and a configuration for it."""

import pytest

from qualytics.client.local import LocalClient
from qualytics.settings import Settings


@pytest.fixture
def client(tmp_path):
    """Return a client of a new store."""
    with LocalClient(Settings(home=tmp_path / "home")) as opened:
        yield opened
