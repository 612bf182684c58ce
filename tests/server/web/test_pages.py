"""The first pages: who may see them, and that each is one."""

import http.client
import json

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


LARGE = b"message=" + b"x" * 3_000


def answered(plane, method, path, body=None, **headers):
    asking = http.client.HTTPConnection("127.0.0.1", plane.port, timeout=60)
    asking.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    reply = asking.getresponse()
    text = reply.read().decode()
    asking.close()
    return reply.status, reply.getheader("content-type"), text


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "words"),
    [
        ("POST", "/explain", {"body": LARGE}, 413, "The body is larger than 2,000 bytes"),
        ("POST", "/explain", {"body": [LARGE]}, 413, "The body is larger than 2,000 bytes"),
        ("POST", "/explain", {"body": b"a", "Content_Encoding": "gzip"}, 415, "compressed body"),
        ("POST", "/explain", {"body": b"a", "Content_Length": "9"}, 408, "The request took too long"),
        ("GET", "/explain", {"Cookie": "a=" + "x" * 17_000}, 431, "delete the cookies"),
        ("GET", f"/connections?search={'x' * 4_100}", {}, 414, "The address is too long"),
        ("GET", "/%63onnections", {"Accept": "text/html"}, 404, "There is no such page"),
        ("DELETE", "/explain", {"Accept": "text/html"}, 405, "Method Not Allowed"),
    ],
)
def test_what_is_refused_before_a_route_is_said_as_a_page(strict, method, path, sent, status, words):
    found = answered(strict, method, path, **sent)
    assert found[:2] == (status, "text/html; charset=utf-8"), found
    assert words in found[2]
    assert "<h1>" in found[2]


def test_whoever_reads_lines_gets_no_page(strict):
    found = answered(strict, "POST", "/connections/test", LARGE, Accept="application/jsonl")
    assert (found[0], json.loads(found[2])["code"]) == (413, "too-large")


def test_what_was_typed_is_kept_where_too_much_was_asked_for(strict):
    admin = strict.api("Admin")
    user = admin("POST", "/users", {"name": "hasty", "role": "Manager"}).json["id"]
    token = admin("POST", "/user-tokens", {"name": "t", "user": user}).json["bearer_token"]
    browser = Browser(cookies={f"127.0.0.1:{strict.port}": {"qualytics": token}})
    address = "/connections/new?type=postgresql"
    csrf = browser.open(f"{strict.url}{address}").form[1]["_csrf"]
    typed = {"_csrf": csrf, "_form": address, "name": "a <b>", "password": "canary-3341", "_do": "show"}
    while (page := browser.open(f"{strict.url}{address}", typed, Origin=strict.url)).status == 200:
        pass
    assert page.status == 429
    assert int(page.header("retry-after")) >= 1
    assert ">\na &lt;b&gt;</textarea>" in page.text
    assert "but for password" in page.text
    assert "requests" in page.text
    assert "canary-3341" not in page.text
    action, fields = page.form
    assert (action, fields["_csrf"]) == (f"{strict.url}{address}", csrf)


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
