"""Every page with every role: what it may see, no barriers, any width, light and dark, with scripts and without."""

from __future__ import annotations

import pytest

from testbed import browser
from testbed.control_plane import MANY, PASSWORD, serving
from tests.support.axe import barriers

pytestmark = [pytest.mark.servers, pytest.mark.slow]

ROLES = ("Admin", "Manager", "Member")
CHANGERS, ADMINS = ("Admin", "Manager"), ("Admin",)
PAGES = {
    "/connections": ROLES,
    "/connections?state=fails&sort=name": ROLES,
    "/connections/1": ROLES,
    "/connections/new": CHANGERS,
    "/connections/new?type=snowflake": CHANGERS,
    "/connections/1/edit": CHANGERS,
    "/connections/1/delete": CHANGERS,
    "/connections/1/browse": CHANGERS,
    "/datastores": ROLES,
    "/datastores/new?connection_id=1": CHANGERS,
    "/datastores/1": ROLES,
    "/health": ROLES,
    "/explain": ROLES,
    "/account": ROLES,
    "/users": ADMINS,
    "/users/1": ADMINS,
    "/users/4/delete": ADMINS,
    "/grants": ROLES,
    "/audit": ADMINS,
}
# Each two of the three together.
SEEN = (
    {"javascript": True, "width": 360, "dark": True},
    {"javascript": True, "width": 1440, "dark": False},
    {"javascript": False, "width": 360, "dark": False},
    {"javascript": False, "width": 1440, "dark": True},
)
CANARY = "canary-7d1f-secret"
MARKUP = "<img src=x onerror=\"document.title='mine'\">'&"


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    """Return a control plane of its own, with markup wherever a user may write, and one stored secret."""
    with serving(tmp_path_factory.mktemp("pages") / "home", *MANY, password=PASSWORD) as found:
        admin = found.api("Admin")
        given = {"type": "postgresql", "host": "127.0.0.1", "port": 1, "username": MARKUP, "password": CANARY}
        texts = {"name": f"first {MARKUP}", "owner": MARKUP, "tags": [MARKUP]}
        assert admin("POST", "/connections", given | texts).json["id"] == 1
        assert admin("POST", "/connections/1/test", {}).json["class"] == "refused"
        place = {"connection_id": 1, "database": "sales", "schema": "public"}
        stored = admin("POST", "/datastores", {"name": f"orders {MARKUP}", "description": MARKUP, **place})
        assert stored.json["id"] == 1, stored.body
        ada = admin("POST", "/users", {"name": f"ada {MARKUP}", "role": "Member"})
        assert ada.json["id"] == 4, ada.body
        assert admin("POST", "/grants", {"user": 4, "connection": 1}).status == 200
        yield found


def recorded(page):
    """Return a list that gets all that comes over the network, that the console says, and dialogs."""
    told = []
    page.on("response", lambda answer: told.append(answer.body() if answer.status != 303 else b""))
    page.on("console", lambda message: told.append(f"console: {message.type}: {message.text}".encode()))
    page.on("dialog", lambda dialog: (told.append(b"console: a dialog"), dialog.dismiss()))
    return told


@pytest.mark.parametrize("role", ROLES)
def test_each_page_shows_what_a_role_may_see_and_nothing_else(visit, sessions, plane, role, record_property):
    for number, (path, roles) in enumerate(PAGES.items()):
        seen = SEEN[(number + ROLES.index(role)) % len(SEEN)]
        page = visit(**seen)
        told = recorded(page)
        page.context.add_cookies(sessions(role))
        answer = page.goto(f"{plane.url}{path}")
        where = f"{path}, {role}, {seen}"
        assert answer.status == (200 if role in roles else 403), where
        assert page.title() != "mine", where
        assert page.locator("img[src=x]").count() == 0, where
        assert page.evaluate("document.documentElement.scrollWidth") <= seen["width"], where
        # The browser itself tells of the answer 403.
        said = [text for text in told if text.startswith(b"console: ") and b"403" not in text]
        assert said == [], where
        state = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, history.state])")
        assert state == "[{},{},null]", where
        assert not any(CANARY.encode() in text for text in [*told, page.content().encode()]), where
        if seen["javascript"]:
            assert barriers(page, where, record_property) == [], where
        page.context.close()


@pytest.mark.parametrize("path", ["/connections", "/connections/1", "/connections/new?type=s3", "/audit"])
def test_all_of_a_page_is_reached_by_keyboard_and_shows_where_one_is(signed_in, path):
    page = signed_in(path, "Admin", reduced_motion="reduce")
    wanted = page.evaluate(
        "(() => { const all = [...document.querySelectorAll('*')];"
        "return all.flatMap((one, at) => one.matches('a, button, input, select, textarea, summary')"
        "&& one.checkVisibility() && !one.disabled && one.type !== 'radio' ? [at] : []) })()"
    )
    reached = set()
    for _ in range(2 * len(wanted) + 10):
        page.keyboard.press("Tab")
        found = page.evaluate(
            "(() => { const one = document.activeElement, style = getComputedStyle(one);"
            "if (one === document.body || one.type === 'radio') return null;"
            "return [[...document.querySelectorAll('*')].indexOf(one), style.outlineStyle, style.outlineWidth] })()"
        )
        if found is None:
            continue
        if found[0] in reached:
            break
        assert found[1] != "none", page.evaluate("document.activeElement.outerHTML")
        assert found[2] != "0px"
        reached.add(found[0])
    assert set(wanted) <= reached
    assert page.evaluate("document.getAnimations().length") == 0


def test_a_browser_that_has_signed_out_shows_nothing_of_before(visit, plane):
    page = visit()
    browser.sign_in(page, plane.url, "member", PASSWORD)
    assert "first" in page.content()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in*")
    page.go_back()
    page.wait_for_url("**/sign-in*")
    assert "first" not in page.content()


def test_ten_thousand_connections_are_searched_and_turned_over(signed_in, plane):
    given = {"type": "mysql", "host": "h.example.com", "username": "u", "password": CANARY}
    for part in range(10):
        records = [given | {"name": f"many-{part}{number:03}"} for number in range(1_000)]
        assert plane.api("Admin")("POST", "/connections/import", {"connections": records}).status == 200
    page = signed_in("/connections?sort=name&type=mysql", "Member", width=360)
    assert "10,000 connections" in page.locator("main").inner_text()
    assert page.locator("tbody tr").count() == 50
    page.get_by_role("link", name="Next").click()
    page.wait_for_url("**page=2*")
    assert "many-0050" in page.locator("tbody tr").first.inner_text()
    page.get_by_label("Search").fill("many-9999")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**search=many-9999*")
    assert page.locator("tbody tr").count() == 1
    page.goto(f"{plane.url}/health")
    assert "10,000" in page.locator("main").inner_text()
