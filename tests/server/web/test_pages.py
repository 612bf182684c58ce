"""The first pages: who may see them, and that each is one."""

import http.client

import pytest

from qualytics.service.rights import ROLES
from qualytics.settings import Settings
from testbed.control_plane import PASSWORD, serving
from tests.support.axe import barriers
from tests.support.browser import Browser


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


def test_addresses_that_are_none_are_answered_as_pages_to_browsers_alone(plane):
    browser = Browser()
    for path, status in {"/nowhere": 404, "/static/x/y.css": 404, "/sign-in/finish?code=x": 401}.items():
        page = browser.open(f"{plane.url}{path}", Accept="text/html")
        assert (page.status, "<h1>" in page.text) == (status, True), path
    assert browser.open(f"{plane.url}/nowhere").header("content-type") == "application/problem+json"
    assert browser.open(f"{plane.url}/api/nowhere", Accept="text/html").header("content-type").endswith("problem+json")


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("/sign-in", {"name": "x", "password": "y", "_kept": "[" * 100_000}, 401),
        ("/sign-in", {"name": "manager", "password": PASSWORD, "_kept": '{"_form": "/users", "name": "\\ud800"}'}, 303),
        ("/account", {"_csrf": "é"}, 403),
        ("/account", {"_do": f"revoke:{'9' * 5_000}"}, 400),
        ("/datastores/new", {"connection_id": "9" * 5_000, "name": "\0"}, 422),
        ("/connections/new?type=postgresql", {"_tested": "[" * 100_000, "name": "\0"}, 422),
        ("/connections/{id}/edit", {"_base": "[" * 100_000, "_version": "0", "owner": "a"}, 412),
    ],
)
def test_what_no_page_of_ours_sends_is_no_fault(plane, sessions, made, path, form, status):
    browser = Browser(
        cookies={plane.url.partition("//")[2]: {one["name"]: one["value"] for one in sessions("Manager")}}
    )
    csrf = dict(browser.open(f"{plane.url}/account").parsed.forms[0][1])["_csrf"]
    path = path.format(id=made()["id"]) if "{" in path else path
    assert browser.open(f"{plane.url}{path}", {"_csrf": csrf} | form).status == status


def test_the_address_of_a_form_leads_to_its_page(plane):
    paths = {"/sign-out": "/", "/sign-in/provider": "/sign-in", "/connections/test": "/connections"}
    paths |= {"/connections/7/test": "/connections/7", "/datastores/7/delete": "/datastores/7"}
    assert {path: Browser().open(f"{plane.url}{path}").header("location") for path in paths} == paths


def test_the_head_of_a_page_is_that_of_the_page(plane):
    asking = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=60)
    heads = []
    for method in ("GET", "HEAD"):
        asking.request(method, "/sign-in")
        reply = asking.getresponse()
        body = reply.read()
        names = {"content-length", "content-type", "content-security-policy", "cache-control"}
        heads.append((reply.status, {name: reply.getheader(name) for name in names}))
    asking.close()
    assert (body, heads[0]) == (b"", heads[1])


PATHS = (
    *("/connections", "/connections?state=fails&type=postgresql&tag=t&owner=o&search=c&sort=name", "/connections/2"),
    *("/connections?search=%00&owner=%00", "/audit?actor=%00&action=%00", "/users?name=%00", "/datastores?search=%00"),
    *("/health", "/audit?actor=admin&outcome=done", "/users", "/users/1", "/account"),
)


@pytest.mark.servers
def test_every_page_is_shown_from_a_store_on_postgresql(home, on_postgres):
    stored = on_postgres(Settings(home=home))
    environ = {"QUALYTICS_STORE": stored.store_url.reveal(), "QUALYTICS_KEY_FILE": str(stored.key_file)}
    with serving(home, environ=environ, password=PASSWORD) as plane:
        admin, browser = plane.api(), Browser()
        for name in ("warehouse", "billing"):
            given = {"type": "postgresql", "host": "127.0.0.1", "port": 1, "username": "u", "tags": ["t"], "owner": "o"}
            assert admin("POST", "/connections", {"name": name, **given}).status == 200
        assert admin("POST", "/connections/2/test", {}).json["class"] == "refused"
        browser.open(f"{plane.url}/sign-in", {"name": "admin", "password": PASSWORD}, Origin=plane.url)
        found = {path: browser.open(f"{plane.url}{path}") for path in PATHS}
    assert {path: page.status for path, page in found.items()} == dict.fromkeys(PATHS, 200)
    text = found["/connections"].text
    assert 0 < text.index("/connections/2") < text.index('"/connections/1"')
    assert "warehouse" not in found[PATHS[1]].text
    assert "fails" in found["/health"].text
