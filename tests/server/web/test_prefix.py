"""Pages under a path of their own, behind a proxy that takes it away and behind one that keeps it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from testbed.control_plane import PASSWORD, serving
from tests.support.browser import Browser
from tests.support.prefixed import stripping

pytestmark = [pytest.mark.servers, pytest.mark.slow]
ROOT = "/tools/data"


@pytest.fixture(scope="module", params=["taken away", "kept"])
def place(request, tmp_path_factory):
    """Return a control plane, and the address that browsers reach its pages at."""
    home = tmp_path_factory.mktemp("prefix") / "home"
    if request.param == "kept":
        with serving(home, password=PASSWORD, path=f"{ROOT}/api") as plane:
            yield plane, plane.url + ROOT
        return
    with stripping(ROOT) as proxy:
        url = f"http://127.0.0.1:{proxy.server_port}{ROOT}"
        with serving(home, password=PASSWORD, environ={"QUALYTICS_PUBLIC_URL": url}) as plane:
            proxy.target = plane.port
            yield plane, url


def test_all_of_the_pages_is_under_the_path(visit, place):
    plane, url = place
    page, asked = visit(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{url}/connections/new?type=postgresql")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{url}/connections/new?type=postgresql")
    (cookie,) = page.context.cookies()
    assert (cookie["path"], cookie["httpOnly"]) == (ROOT, True)
    page.get_by_label("Connection name").fill("under a path")
    page.locator("[name=host]").fill("127.0.0.1")
    page.locator("[name=port]").fill("1")
    page.locator("[name=username]").fill("u")
    page.get_by_role("button", name="Test", exact=True).click()
    expect(page.locator("[data-stage=tcp]")).to_have_attribute("data-state", "failed")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(f"{url}/connections/1")
    assert plane.api()("GET", "/connections/1").json["name"] == "under a path"
    page.get_by_role("button", name="Test now").click()
    expect(page.locator("#state")).to_contain_text("fails · refused at tcp · since just now")
    for address in ("/connections", "/datastores", "/health", "/explain", "/users", "/users/1", "/grants", "/audit"):
        page.goto(f"{url}{address}")
        expect(page.get_by_role("link", name="qualytics", exact=True)).to_be_visible()
        links = page.evaluate(
            "[...document.querySelectorAll('[href^=\"/\"], [action], [src]')]"
            ".map((one) => one.getAttribute('href') ?? one.getAttribute('action') ?? one.getAttribute('src'))"
        )
        assert [link for link in links if not link.startswith(f"{ROOT}/")] == [], address
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{url}/sign-in")
    assert page.context.cookies() == []
    assert [one for one in asked if not one.startswith((f"{url}/", "data:"))] == []


def test_the_command_line_signs_in_under_the_path(place):
    plane, url = place
    browser = Browser()
    page = browser.begin(plane, url=url)
    done = browser.sign_in(page, "admin", PASSWORD)
    assert plane.api(done.answer["token"])("GET", "/users/me").json["name"] == "admin"
    assert f"Path={ROOT}/api/cli" in page.header("set-cookie")


def test_behind_tls_the_cookie_is_not_for_other_programs_of_the_host(tmp_path):
    url = "https://host.example.com/tools"
    with serving(tmp_path / "home", environ={"QUALYTICS_PUBLIC_URL": url}, password=PASSWORD) as plane:
        form = {"name": "admin", "password": PASSWORD}
        page = Browser().open(f"{plane.url}/sign-in", form, Origin="https://host.example.com")
        missing = Browser().open(f"{plane.url}/nowhere", Accept="text/html")
    assert page.header("location") == "/tools/connections"
    assert re.match(r"__Secure-qualytics=[^;]+;", page.header("set-cookie"))
    assert {"Secure", "HttpOnly", "Path=/tools"} <= {part.strip() for part in page.header("set-cookie").split(";")}
    assert (missing.status, 'href="/tools/connections"' in missing.text) == (404, True)
