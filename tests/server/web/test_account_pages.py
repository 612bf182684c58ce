"""One's own sessions and tokens, and users, as an Admin keeps them."""

import pytest

from testbed import browser
from testbed.control_plane import PASSWORD
from tests.support.axe import barriers
from tests.support.browser import Browser


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


@pytest.mark.parametrize("button", ["Sign out everywhere", "Revoke every token"])
def test_signing_out_everywhere_ends_sign_ins_and_what_they_made_and_no_program_unless_asked(
    visit, plane, person, admin, button
):
    user, of_program, _ = person("Member", password=PASSWORD)
    page = visit(javascript=False)
    browser.sign_in(page, plane.url, user["name"], PASSWORD)
    (session,) = page.context.cookies()
    made = plane.api(session["value"])("POST", "/user-tokens", {"name": "made by the session"}).json
    line = Browser()
    signed_in = line.sign_in(line.begin(plane), user["name"], PASSWORD).answer["token"]
    page.goto(f"{plane.url}/account")
    page.get_by_role("button", name=button).click()
    page.wait_for_url("**/sign-in")
    assert page.context.cookies() == []
    for token in (session["value"], made["bearer_token"], signed_in):
        assert plane.api(token)("GET", "/connections").status == 401
    assert of_program("GET", "/connections").status == (200 if button == "Sign out everywhere" else 401)
    restored = admin("PUT", f"/user-tokens/{made['id']}", {"revoke": False})
    assert restored.status == 409, restored.body


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
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Create").click()
    assert "is not an email address" in page.locator("#email-problem").inner_text()
    assert "password" in page.locator("#password-problem").inner_text()
    assert page.get_by_label("Password").input_value() == ""
    assert page.get_by_label("Name").last.input_value() == name
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
    assert page.get_by_label("Email address").input_value() == "ada@example.com"
    assert "Stored now: Manager" in page.locator("#role-problem").inner_text()
    assert admin("GET", f"/users/{user['id']}").json["email"] is None


def test_a_name_that_is_taken_is_told_at_the_name(signed_in):
    page = signed_in("/users", "Admin", javascript=False)
    page.get_by_label("Name").last.fill("Member")
    page.get_by_role("button", name="Create").click()
    assert "another user is named" in page.locator("#name-problem").inner_text()
    assert page.get_by_role("alert").count() == 0


def test_what_was_typed_of_a_user_survives_the_end_of_a_session(visit, plane, person):
    admin_user, _, _ = person("Admin", password=PASSWORD)
    page = visit(javascript=False)
    browser.sign_in(page, plane.url, admin_user["name"], PASSWORD)
    page.goto(f"{plane.url}/users")
    page.get_by_label("Name").last.fill("not yet")
    page.get_by_label("Password").fill("canary-Pa55word")
    page.context.clear_cookies()
    page.get_by_role("button", name="Create").click()
    assert "but for password" in page.get_by_role("status").inner_text()
    page.get_by_label("User name").fill(admin_user["name"])
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Go on with what was typed").click()
    assert page.get_by_label("Name").last.input_value() == "not yet"
    assert "no page holds a secret" in page.locator("#password-problem").inner_text()
    assert "canary-Pa55word" not in page.content()


def test_a_user_is_deleted_by_the_name_once_one_has_seen_what_ends(signed_in, plane, admin, person, made):
    user, api, _ = person(name="Doomed & Söhne")
    connection = made(owner=user["name"])
    assert admin("POST", "/grants", {"user": user["id"], "connection": connection["id"]}).status == 200
    page = signed_in(f"/users/{user['id']}", "Admin", javascript=False)
    page.get_by_role("link", name="Delete").click()
    told = page.locator("main").inner_text()
    assert "1 session or token that is good now: t." in told
    assert f"1 grant, to use {connection['name']}." in told
    assert f"1 connection with this name as the owner: {connection['name']}." in told
    page.get_by_label("Type the name").fill("doomed")
    page.get_by_role("button", name="Delete").click()
    assert "this is not the name" in page.locator("#confirm-problem").inner_text()
    page.get_by_label("Type the name").fill(user["name"])
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/users")
    assert (admin("GET", f"/users/{user['id']}").status, api("GET", "/users/me").status) == (404, 401)


@pytest.mark.parametrize("role", ["Manager", "Member"])
def test_nobody_but_an_admin_deletes_a_user_or_grants(plane, sessions, person, role):
    user, _, _ = person()
    line = Browser(cookies={plane.url.partition("//")[2]: {one["name"]: one["value"] for one in sessions(role)}})
    csrf = dict(line.open(f"{plane.url}/account").parsed.forms[0][1])["_csrf"]
    for path, form in (
        (f"/users/{user['id']}/delete", {"confirm": user["name"]}),
        ("/grants", {"_do": "create", "user": role.lower(), "connection": "any"}),
        ("/grants", {"_do": "end:1"}),
    ):
        assert line.open(f"{plane.url}{path}", form | {"_csrf": csrf}).status == 403, path


def test_an_admin_grants_and_ends_the_use_of_a_connection(signed_in, plane, admin, person, made, record_property):
    (user, api, _), connection = person(), made()
    page = signed_in("/grants", "Admin", width=360, dark=True)
    page.get_by_role("button", name="Grant", exact=True).click()
    assert "is missing" in page.locator("#user-problem").inner_text()
    assert "is missing" in page.locator("#connection-problem").inner_text()
    page.get_by_label("Name of the user").fill(user["name"])
    page.get_by_label("Name of the connection").fill("no such connection")
    page.get_by_label("Days").fill("0.5")
    page.get_by_role("button", name="Grant", exact=True).click()
    assert "must be 1 to 3,650" in page.locator("#expires_in_days-problem").inner_text()
    page.get_by_label("Days").fill("7")
    page.get_by_role("button", name="Grant", exact=True).click()
    assert "There is no connection" in page.get_by_role("alert").inner_text()
    page.get_by_label("Name of the connection").fill(connection["name"])
    page.get_by_role("button", name="Grant", exact=True).click()
    page.wait_for_url("**/grants?*")
    assert api("GET", f"/connections/{connection['id']}/use").status == 200
    assert barriers(page, "grants, 360 px", record_property) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    end = page.get_by_role("button", name=f"End the grant of {user['name']}")
    end.click()
    end.wait_for(state="detached")  # others may have grants of their own
    assert api("GET", f"/connections/{connection['id']}/use").status == 403
    assert admin("GET", f"/grants?user={user['name']}").json["total"] == 0
    page.goto(f"{plane.url}/audit?action=grant.create")
    assert f"{user['name']}, {connection['name']}" in page.locator("main").inner_text()


def test_tokens_are_turned_over_the_good_ones_first(signed_in, person, admin):
    user, _, token = person()
    for number in range(51):
        ended = admin("POST", "/user-tokens", {"name": f"ended-{number:02}", "user": user["id"]}).json["id"]
        assert admin("PUT", f"/user-tokens/{ended}", {"revoke": True}).status == 200
    page = signed_in(f"/users/{user['id']}", "Admin", javascript=False)
    rows = [row.inner_text() for row in page.locator("tbody tr").all()]
    assert len(rows) == 50
    assert token["name"] in rows[0]
    assert "ended-50" in rows[1]
    page.get_by_role("link", name="Next").click()
    assert [row.inner_text().split()[0] for row in page.locator("tbody tr").all()] == ["ended-01", "ended-00"]
    page.goto(f"{page.url.partition('?')[0]}/delete")
    assert "1 session or token that is good now: t" in page.locator("main").inner_text()
