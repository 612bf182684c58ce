"""One's own sessions and tokens, and users, as an Admin keeps them."""

import pytest

from testbed.control_plane import PASSWORD
from tests.support.axe import barriers


@pytest.fixture
def as_person(visit, person, plane):
    """Return a function that makes a user, and opens a page in a browser in which that user has a session."""

    def call(path, role="Member", **more):
        user, api, token = person(role)
        page = visit(**more)
        page.context.add_cookies([{"name": "qualytics", "value": token["bearer_token"], "url": plane.url}])
        page.goto(f"{plane.url}{path}")
        return page, user, api

    return call


def test_signing_out_everywhere_ends_every_token(as_person, admin):
    page, user, api = as_person("/account", javascript=False)
    other = api("POST", "/user-tokens", {"name": "other"}).json
    page.reload()
    page.get_by_role("button", name="Sign out everywhere").click()
    page.wait_for_url("**/sign-in")
    assert page.context.cookies() == []
    assert api("GET", "/connections").status == 401
    tokens = admin("GET", f"/user-tokens?user={user['name']}").json["items"]
    assert {token["active"] for token in tokens} == {False}
    assert other["id"] in {token["id"] for token in tokens}


def test_a_token_is_shown_once_and_revoked_alone(as_person, plane, record_property):
    page, _, _ = as_person("/account", width=360)
    page.get_by_label("New token, name").fill("pipeline")
    page.get_by_role("button", name="Create").click()
    made = page.locator("code.token").inner_text()
    assert plane.api(made)("GET", "/connections").status == 200
    assert barriers(page, "account, 360 px", record_property) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.goto(f"{plane.url}/account")
    assert made not in page.content()
    page.get_by_role("button", name="Revoke pipeline").click()
    assert plane.api(made)("GET", "/connections").status == 401
    assert page.locator("tr", has_text="pipeline").inner_text().endswith("revoked")


def test_a_refused_token_says_why(as_person):
    page, _, _ = as_person("/account", javascript=False)
    page.get_by_label("New token, name").fill(" ")
    page.get_by_role("button", name="Create").click()
    assert "name" in page.get_by_role("alert").inner_text()


def test_an_admin_creates_a_user_and_changes_role_and_password(signed_in, plane, fresh, record_property):
    page, name = signed_in("/users", "Admin"), fresh()
    assert barriers(page, "users, 1440 px", record_property) == []
    page.get_by_label("Name").last.fill(name)
    page.get_by_label("Email address").fill("no address")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create").click()
    assert "is not an email address" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Password").input_value() == ""
    page.get_by_label("Email address").fill("")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create").click()
    assert page.get_by_role("heading", level=1).inner_text() == name
    page.get_by_label("New token, name").fill("t")
    page.get_by_role("button", name="Create").click()
    token = page.locator("code.token").inner_text()
    page.get_by_label("Role").select_option("Manager")
    page.get_by_role("button", name="Save").click()
    assert plane.api(token)("GET", "/users/me").json["role"] == "Manager"
    page.get_by_label("New password").fill(PASSWORD + " anew")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("revoked").wait_for()
    assert plane.api(token)("GET", "/connections").status == 401
    assert barriers(page, "one user, 1440 px", record_property) == []


def test_two_who_change_one_user_do_not_undo_each_other(signed_in, admin, person):
    user, _, _ = person()
    page = signed_in(f"/users/{user['id']}", "Admin", javascript=False)
    assert admin("PATCH", f"/users/{user['id']}", {"role": "Manager"}).status == 200
    page.get_by_label("Email address").fill("ada@example.com")
    page.get_by_role("button", name="Save").click()
    assert "changed" in page.get_by_role("alert").inner_text()
    assert admin("GET", f"/users/{user['id']}").json["email"] is None
