"""A control plane as a real process, one for the tests of a worker, and callers of each role."""

from __future__ import annotations

import itertools

import pytest

from testbed import browser
from testbed.control_plane import MANY, serving
from tests.support.crowded import crowded

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def plane(tmp_path_factory):
    """Return a control plane that runs, with no limit on requests, and gives secrets to whom they were granted.

    Its users have a password.
    """
    with crowded(tmp_path_factory.mktemp("plane") / "home", *MANY, "--allow-use") as found:
        yield found


@pytest.fixture(scope="session")
def proxied(tmp_path_factory):
    """Return a control plane behind a proxy on this machine, with a short patience."""
    home = tmp_path_factory.mktemp("proxied") / "home"
    with serving(home, "--trusted-proxy", "127.0.0.1", "--idle-s", "2") as found:
        yield found


@pytest.fixture(scope="session")
def strict(tmp_path_factory):
    """Return a control plane with small limits."""
    home = tmp_path_factory.mktemp("strict") / "home"
    small = ("--request-s", "1", "--idle-s", "2", "--requests-per-minute", "60", "--body-bytes", "2000")
    with serving(home, *small) as found:
        yield found


@pytest.fixture
def admin(plane):
    return plane.api("Admin")


@pytest.fixture
def manager(plane):
    return plane.api("Manager")


@pytest.fixture
def member(plane):
    return plane.api("Member")


@pytest.fixture
def nobody(plane):
    return plane.api(None)


@pytest.fixture
def fresh():
    """Return a function that returns a name that no other test of the process uses, and no other name begins with."""
    return lambda: f"name-{next(_numbers):05}"


@pytest.fixture
def made(admin, fresh):
    """Return a function that stores a connection and returns its document."""

    def call(**fields):
        given = {"type": "postgresql", "name": fresh(), "host": "127.0.0.1", "port": 1, "username": "app"}
        answer = admin("POST", "/connections", given | fields)
        assert answer.status == 200, answer.body
        return answer.json

    return call


@pytest.fixture
def person(plane, admin, fresh):
    """Return a function that makes a user of a role and returns the document, a caller of theirs and the token.

    Whoever looks for a refusal in the audit log needs one: of the users that all tests share, refusals beyond a hundred
    are only counted in entries that are there.
    """

    def call(role="Member", **fields):
        user = admin("POST", "/users", {"name": fresh(), "role": role, **fields})
        assert user.status == 200, user.body
        token = admin("POST", "/user-tokens", {"name": "t", "user": user.json["id"]})
        return user.json, plane.api(token.json["bearer_token"]), token.json

    return call


@pytest.fixture(scope="module")  # while one is open no other test of its thread may run an event loop
def chromium():
    """Return a browser, one for the tests of a module."""
    with browser.chromium() as found:
        yield found


@pytest.fixture
def visit(chromium):
    """Return a function that opens an empty page in a browser of its own, as somebody has set theirs up."""
    contexts = []

    def call(*, width=1440, dark=False, javascript=True, **more):
        contexts.append(
            chromium.new_context(
                viewport={"width": width, "height": 900},
                color_scheme="dark" if dark else "light",
                java_script_enabled=javascript,
                **more,
            )
        )
        return contexts[-1].new_page()

    yield call
    for context in contexts:
        context.close()
