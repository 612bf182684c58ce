"""A control plane with a store that begins anew for each test, and commands on it and on an embedded store alike."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

import qualytics
from testbed.control_plane import MANY
from tests.support.crowded import crowded

_TABLES = ("datastores", "connections")


def pytest_collection_modifyitems(items):
    for item in items:
        if "plane" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def allowed_files(tmp_path_factory):
    """Return a directory whose database files the control plane allows: sales.sqlite, and a damaged odd.sqlite."""
    place = tmp_path_factory.mktemp("files")
    with closing(sqlite3.connect(place / "sales.sqlite")) as database:
        database.executescript(
            "create table orders (id integer); create table items (id integer); create view v as select 1"
        )
    whole = (place / "sales.sqlite").read_bytes()
    (place / "odd.sqlite").write_bytes(whole[:100] + b"x" * (len(whole) - 100))
    return place


@pytest.fixture(scope="session")
def plane(tmp_path_factory, allowed_files):
    """Return a control plane that runs, with a user of each role."""
    home = tmp_path_factory.mktemp("plane") / "home"
    options = (*MANY, "--allow-file", str(allowed_files), "--allow-use")
    with crowded(home, *options) as found:
        yield found


@pytest.fixture
def fresh_plane(plane):
    """Return the control plane with no connection in its store, and ids that begin at 1."""
    with closing(sqlite3.connect(plane.home / "store.db", timeout=60)) as database:
        database.execute("pragma foreign_keys = on")
        for table in _TABLES:
            database.execute(f"delete from {table}")
            database.execute("delete from sqlite_sequence where name = ?", (table,))
        database.commit()
    return plane


@pytest.fixture
def remotely(run, fresh_plane):
    """Return a function that runs one command on the control plane: `remotely("connections", "list", who="Member")`."""

    def call(*args, who="Admin", env=None, **more):
        return run(*args, env={**fresh_plane.environment(who), **(env or {})}, **more)

    return call


@pytest.fixture(params=["embedded", pytest.param("control plane", marks=pytest.mark.slow)])
def commands(request):
    """Return a function that runs one command, once on an embedded store and once on a control plane."""
    return request.getfixturevalue("run" if request.param == "embedded" else "remotely")


@pytest.fixture(params=["embedded", pytest.param("control plane", marks=pytest.mark.slow)])
def client(request, home):
    """Return a client, once of an embedded store and once of a control plane."""
    if request.param == "embedded":
        found = qualytics.connect(home=home)
    else:
        plane = request.getfixturevalue("fresh_plane")
        found = qualytics.connect(plane.url, plane.tokens["Admin"])
    with found:
        yield found
