"""A home that holds something, for commands that are refused on what is stored."""

import shutil

import pytest

from qualytics.client.local import LocalClient
from qualytics.settings import Settings


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Return a home with connections of PostgreSQL (1), SQLite (2) and PostgreSQL (3), and a datastore (1)."""
    home = tmp_path_factory.mktemp("filled") / "home"
    with LocalClient(Settings(home=home)) as client:
        server = {"type": "postgresql", "host": "db.example.com"}
        client.connections.create({**server, "name": "prod", "username": "u", "password": "first-secret"})
        client.connections.create({"type": "sqlite", "uri": "/data/sales.sqlite", "name": "file"})
        client.connections.create({**server, "name": "other"})
        client.datastores.create({"name": "d", "connection_id": 1, "database": "sales", "schema": "public"})
    return home


@pytest.fixture
def stored(run, home, filled):
    """Start with a copy of the filled home."""
    shutil.copytree(filled, home)
    return run
