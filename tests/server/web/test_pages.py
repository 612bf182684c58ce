"""The first pages: who may see them, and that each is one."""

import pytest

from qualytics.service.rights import ROLES
from tests.support.axe import barriers


@pytest.mark.parametrize(
    ("role", "width", "dark"), [(ROLES[0], 360, True), (ROLES[1], 1440, False), (ROLES[2], 360, False)]
)
def test_the_list_is_for_every_role_and_has_no_barriers(signed_in, role, width, dark, record_property):
    page = signed_in("/connections", role, width=width, dark=dark)
    assert page.get_by_role("heading", level=1).inner_text() == "Connections"
    assert page.get_by_role("link", name="New connection").count() == (role != "Member")
    assert barriers(page, f"list of connections, {role}, {width} px", record_property) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_who_is_not_signed_in_comes_back_to_the_page_after_it(visit, plane):
    page = visit(javascript=False)
    page.goto(f"{plane.url}/connections/new?type=s3")
    page.get_by_label("User name").fill("manager")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    page.get_by_text("The name or the password is wrong.").wait_for()
    assert page.get_by_label("User name").input_value() == "manager"
    page.get_by_label("Password").fill("correct horse battery")
    page.keyboard.press("Enter")
    page.wait_for_url("**/connections/new?type=s3")


@pytest.mark.parametrize("address", ["//evil.example", "https://evil.example/", "/\\evil.example", "/%0d%0aX: y", ""])
def test_a_sign_in_leads_nowhere_else(visit, plane, address):
    page = visit(javascript=False)
    page.goto(f"{plane.url}/sign-in")
    page.goto(f"{plane.url}/sign-in?next={address}")
    assert page.locator("input[name=next]").input_value() == "/connections"


def test_a_signed_out_session_is_good_for_nothing(visit, plane):
    page = visit()
    page.goto(f"{plane.url}/sign-in")
    page.get_by_label("User name").fill("member")
    page.get_by_label("Password").fill("correct horse battery")
    page.keyboard.press("Enter")
    page.wait_for_url("**/connections")
    cookies = page.context.cookies()
    assert plane.api(cookies[0]["value"])("GET", "/connections").status == 200
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    assert page.context.cookies() == []
    page.context.add_cookies(cookies)
    page.goto(f"{plane.url}/connections")
    assert "/sign-in" in page.url
    assert plane.api(cookies[0]["value"])("GET", "/connections").status == 401


def test_the_api_takes_no_cookie(signed_in, plane):
    page = signed_in("/connections", "Admin")
    assert page.request.get(f"{plane.url}/api/connections").status == 401
