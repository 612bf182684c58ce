"""The page of a sign-in as Chromium shows it."""

from urllib.parse import urlencode

import pytest

from tests.support.axe import barriers
from tests.support.browser import PKCE, REDIRECT, STATE


@pytest.fixture
def address(plane):
    query = {"redirect_uri": REDIRECT, "state": STATE, "hostname": "laptop", **PKCE}
    return f"{plane.url}/api/cli/authorize?{urlencode(query)}"


@pytest.mark.parametrize(("width", "dark"), [(360, True), (1440, False)])
def test_the_page_has_no_barriers_and_fits(visit, address, width, dark, record_property):
    page = visit(width=width, dark=dark)
    page.goto(address)
    assert barriers(page, f"sign-in of the command line, {width} px", record_property) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_style_is_let_in_by_the_policy(visit, address):
    page, said = visit(), []
    page.on("console", lambda message: said.append(message.text))
    page.goto(address)
    assert page.locator("h1").evaluate("(found) => getComputedStyle(found).fontSize") == "22.4px"
    assert said == []


def test_a_wrong_password_is_told_to_who_hears_the_page(visit, address):
    page = visit(javascript=False)
    page.goto(address)
    page.get_by_label("User name").fill("nobody-of-that-name")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    assert page.get_by_role("alert").inner_text() == "The name or the password is wrong."
