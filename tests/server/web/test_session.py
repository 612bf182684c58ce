"""Sessions: cookies, forms from elsewhere, links that are good once, and plain http from another machine."""

import re
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from qualytics.digests import link_key_of
from qualytics.server.web import session
from testbed.control_plane import PASSWORD, serving
from tests.support.browser import Browser

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


@pytest.fixture
def browser():
    return Browser()


def sign_in(browser, plane, name="manager", **headers):
    form = {"name": name, "password": PASSWORD}
    return browser.open(f"{plane.url}/sign-in", form, **({"Origin": plane.url} | headers))


def cookies_of(page):
    return [value for name, value in page.headers if name.lower() == "set-cookie"]


def test_a_session_is_a_cookie_that_no_script_and_no_other_site_gets(browser, plane):
    (cookie,) = cookies_of(sign_in(browser, plane))
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/", "max-age=86400"} <= parts
    assert not {part for part in parts if part.startswith(("domain", "secure"))}  # plain http of this machine


def test_behind_tls_the_cookie_is_of_this_host_alone(browser, tmp_path):
    environ = {"QUALYTICS_PUBLIC_URL": "https://connections.example.com"}
    with serving(tmp_path / "home", environ=environ, password=PASSWORD) as plane:
        assert sign_in(browser, plane).status == 403  # from the address that users do not come by
        (cookie,) = cookies_of(sign_in(browser, plane, Origin="https://connections.example.com"))
    assert cookie.startswith("__Host-qualytics=")
    assert {"secure", "path=/"} <= {part.strip().lower() for part in cookie.split(";")}


def test_a_page_is_kept_by_no_browser_and_framed_by_none_and_its_files_are_kept_for_ever(browser, plane):
    sign_in(browser, plane)
    page = browser.open(f"{plane.url}/connections")
    assert (page.header("content-security-policy"), page.header("cache-control")) == (POLICY, "no-store")
    assert (page.header("x-frame-options"), page.header("referrer-policy")) == ("DENY", "same-origin")
    assert page.parsed.in_the_page == []
    (address,) = {known["href"] for tag, known in page.parsed.tags if tag == "link" and known["rel"] == "stylesheet"}
    style = browser.open(f"{plane.url}{address}")
    assert (style.status, style.header("cache-control")) == (200, "public, max-age=31536000, immutable")
    assert browser.open(f"{plane.url}/static/{'0' * 16}/app.css").status == 404


def test_a_sign_in_gets_a_token_that_nobody_knew_before(browser, plane):
    browser.cookies[urlsplit(plane.url).netloc] = {"qualytics": "chosen-by-another"}
    tokens = [cookies_of(sign_in(browser, plane))[0].split(";")[0] for _ in range(2)]
    assert len({"qualytics=chosen-by-another", *tokens}) == 3


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://localhost"])
@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/link", "/sign-out", "/account", "/users"])
def test_a_form_of_another_site_does_nothing(browser, plane, path, origin):
    sign_in(browser, plane, "admin")
    form = browser.open(f"{plane.url}/account").parsed.forms[0][1] | {"name": "x", "password": PASSWORD}
    assert browser.open(f"{plane.url}{path}", form, Origin=origin).status == 403
    assert browser.open(f"{plane.url}/account").status == 200


@pytest.mark.parametrize("path", ["/sign-out", "/account", "/users", "/users/1"])
@pytest.mark.parametrize("token", ["", "0" * 64])
def test_a_form_without_the_token_of_its_session_does_nothing(browser, plane, path, token):
    sign_in(browser, plane, "admin")
    form = {"_csrf": token, "_do": "all", "name": "x"}
    assert browser.open(f"{plane.url}{path}", form, Origin=plane.url).status == 403
    assert browser.open(f"{plane.url}/account").status == 200


def test_over_plain_http_nobody_signs_in_from_another_machine(browser, plane):
    other = "http://connections.example.com"
    page = sign_in(browser, plane, Host="connections.example.com", Origin=other)
    assert (page.status, cookies_of(page)) == (403, [])
    assert "over plain http from another machine" in page.text


def test_a_new_password_ends_the_sessions_of_its_user(browser, plane, admin, fresh):
    name = fresh()
    made = admin("POST", "/users", {"name": name, "role": "Member", "password": PASSWORD}).json
    sign_in(browser, plane, name)
    assert browser.open(f"{plane.url}/account").status == 200
    assert admin("PATCH", f"/users/{made['id']}", {"password": PASSWORD + " anew"}).status == 200
    assert browser.open(f"{plane.url}/account").status == 303


def test_the_first_admin_signs_in_with_a_link_that_is_good_once(tmp_path, browser):
    home = tmp_path / "home"
    command = [sys.executable, "-m", "qualytics", "users", "create", "--name", "ada", "--role", "admin"]
    environ = {"QUALYTICS_CONFIG_HOME": str(home), "QUALYTICS_PUBLIC_URL": "", "PATH": ""}
    said = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=60)
    (link,) = re.findall(r"http://127\.0\.0\.1:8000(/sign-in/link\?key=[0-9a-f]{64})", said.stderr)
    with serving(home, tokens={}) as plane:
        for _ in range(2):  # to look at it uses nothing up
            page = browser.open(f"{plane.url}{link}")
            action, form = page.form
            assert cookies_of(page) == []
        assert browser.open(action, form, Origin=plane.url).header("location") == "/account"
        assert "ada" in browser.open(f"{plane.url}/account").text
        again = Browser().open(action, form, Origin=plane.url)
        assert (again.status, cookies_of(again)) == (401, [])
        assert "this link was used" in again.text.lower()
        assert not [line for line in plane.log if form["key"] in line]


@pytest.mark.parametrize(
    ("address", "is_ours"),
    [
        *(("/", True), ("/connections/7/edit", True), ("/connections?search=a*b~(c)&page=2", True)),
        *(("/%2fevil.example", False), ("/..//evil.example", False), ("/users//1", False), ("/connections\n", False)),
        *(("", False), ("users", False), ("/connections?a=\\b", False), ("/connections#a", False), (None, False)),
    ],
)
def test_a_sign_in_leads_to_addresses_that_everybody_reads_alike(address, is_ours):
    assert session.own_address(address) == (address if is_ours else "/connections")


def test_the_key_of_a_link_is_no_part_of_its_token():
    assert link_key_of("token") != link_key_of("other")
    assert re.fullmatch("[0-9a-f]{64}", link_key_of("token"))


def test_without_pages_only_the_api_is_served(tmp_path, browser):
    with serving(tmp_path / "home", "--no-web") as plane:
        for path in ("/", "/connections", "/sign-in"):
            assert browser.open(f"{plane.url}{path}").status == 404
        assert plane.api("Member")("GET", "/connections").status == 200
