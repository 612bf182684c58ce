"""Health of all connections, and the audit log: who may see them, and what they say."""

import re

import pytest

from tests.support.axe import barriers

MARKUP = "<script>document.title = 'mine'</script>"


@pytest.mark.parametrize(("role", "width"), [("Member", 360), ("Admin", 1440)])
def test_health_counts_by_state_class_and_type(signed_in, made, admin, role, width, record_property):
    found = made(type="mysql")
    assert admin("POST", f"/connections/{found['id']}/test", {}).json["class"] == "refused"
    page = signed_in("/health", role, width=width, dark=width == 360)
    assert page.locator("section", has_text="Why connections fail").locator("th", has_text="refused").count() >= 1
    row = page.locator("tr", has_text="MySQL")
    assert "fails" in row.inner_text()
    assert barriers(page, f"health, {role}, {width} px", record_property) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator(".sums a", has_text="fails").click()
    assert page.url.endswith("/connections?state=fails")
    page.goto(f"{page.url}&search={found['name']}")  # those of other tests may fill the first page
    assert page.get_by_text(found["name"], exact=True).count() == 1


@pytest.mark.parametrize("width", [360, 1440])
def test_the_audit_log_is_filtered_and_shows_markup_as_text(signed_in, made, plane, fresh, width, record_property):
    name = f"{MARKUP} {fresh()}"
    made(name=name)
    page = signed_in(
        "/audit?action=connection.create&actor=admin&outcome=done", "Admin", width=width, dark=width == 1440
    )
    assert name in page.locator("tbody tr").first.inner_text()
    assert page.title() != "mine"
    assert barriers(page, f"audit log, {width} px", record_property) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto(f"{plane.url}/audit?outcome=refused&actor=nobody-of-that-name")
    assert page.get_by_text("Nothing is written down of that.").count() == 1


def test_the_audit_log_goes_on_with_older_entries(signed_in, made):
    names = [made()["name"] for _ in range(51)]
    page = signed_in("/audit?action=connection.create&actor=admin", "Admin", javascript=False)
    oldest = re.compile(rf"\b{names[0]}\b")
    assert not oldest.search(page.content())
    page.get_by_role("link", name="Older").click()
    assert oldest.search(page.content())
    page.get_by_role("link", name="Newest").click()
    assert names[-1] in page.content()


def test_the_audit_log_is_filtered_by_time_and_record_in_its_address(signed_in, made, admin, plane, record_property):
    name = made()["name"]
    for _ in range(51):
        assert admin("PATCH", f"/connections/by-name?name={name}", {"port": 1, "owner": None}).status == 200
    page = signed_in("/audit", "Admin", width=360)
    page.get_by_label("On", exact=True).fill(name)
    page.get_by_label("From (UTC)").fill("2026-01-31")
    page.get_by_label("Until before (UTC)").fill("9999-12-31T23:59:59Z")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**until=9999-12-31T23*")
    kept = {field: page.locator(f"#{field}").input_value() for field in ("object_name", "since", "until")}
    assert kept == {"object_name": name, "since": "2026-01-31", "until": "9999-12-31T23:59:59Z"}
    page.get_by_role("link", name="Older").click()
    page.wait_for_url("**before=*")
    assert (page.locator("tbody tr").count(), page.locator("#since").input_value()) == (2, "2026-01-31")
    page.goto(f"{plane.url}/audit?object_name={name}&until=2026-01-31")
    assert page.get_by_text("Nothing is written down of that.").count() == 1
    assert page.goto(f"{plane.url}/audit?actor=admin&since=yesterday").status == 422
    assert page.locator("#since-problem").inner_text().startswith("since is not a date or a time. Hint")
    assert [page.locator(f"#{field}").input_value() for field in ("since", "actor")] == ["yesterday", "admin"]
    assert barriers(page, "audit log with a wrong day", record_property) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("path", ["/audit", "/users", "/users/1"])
@pytest.mark.parametrize("role", ["Member", "Manager"])
def test_what_an_admin_may_see_is_refused_to_others(signed_in, path, role):
    page = signed_in(path, role, javascript=False)
    assert page.get_by_role("heading", level=1).inner_text() == "Not allowed"
    assert "may not" in page.get_by_role("alert").inner_text()
