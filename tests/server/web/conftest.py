"""Browsers in which somebody has signed in."""

import pytest

from testbed.control_plane import PASSWORD


@pytest.fixture(scope="session")
def sessions(plane, chromium):
    """Return a function that returns the cookies of a session of a role, signed in by its password once."""
    kept = {}

    def cookies(role):
        if role not in kept:
            context = chromium.new_context()
            page = context.new_page()
            page.goto(f"{plane.url}/sign-in")
            page.get_by_label("User name").fill(role.lower())
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url("**/connections")
            kept[role] = context.cookies()
            context.close()
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
