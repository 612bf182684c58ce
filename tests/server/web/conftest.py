"""Browsers in which somebody has signed in."""

import pytest

from testbed.control_plane import PASSWORD
from tests.support.browser import Browser


@pytest.fixture(scope="module")  # a module may have a control plane of its own
def sessions(plane):
    """Return a function that returns the cookies of a session of a role, which signs in by its password once."""
    kept = {}

    def cookies(role):
        if role not in kept:
            browser = Browser()
            page = browser.open(f"{plane.url}/sign-in", {"name": role.lower(), "password": PASSWORD}, Origin=plane.url)
            assert page.status == 303, page.text
            (jar,) = browser.cookies.values()
            kept[role] = [{"name": name, "value": value, "url": plane.url} for name, value in jar.items()]
        return kept[role]

    return cookies


@pytest.fixture
def signed_in(visit, sessions, plane):
    """Return a function that opens a page in a new browser in which a role has signed in."""

    def call(path, role="Manager", **more):
        page = visit(**more)
        page.context.add_cookies(sessions(role))
        page.goto(f"{plane.url}{path}")
        return page

    return call
