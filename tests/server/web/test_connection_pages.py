"""The list of connections and the page of one: what fails stands first, and says since when and why."""

import pytest

from tests.support.axe import barriers

MARKUP = "<script>document.title = 'mine'</script>"


@pytest.fixture
def failing(made, admin, fresh):
    """Return a connection that has failed twice, with markup wherever a user may write."""
    tag = fresh()
    found = made(name=f"{MARKUP} {tag}", tags=[tag, "<b>bold</b>"], owner="<i>me</i>", password="canary-0481")
    for _ in range(2):
        assert admin("POST", f"/connections/{found['id']}/test", {}).json["class"] == "refused"
    return found | {"tag": tag}


def rows(page):
    return [row.inner_text() for row in page.locator("tbody tr").all()]


@pytest.mark.parametrize("seen", [{"width": 360, "dark": True}, {"width": 1440, "javascript": False}], ids=str)
def test_the_list_shows_the_worst_first_with_its_class_and_stage(signed_in, made, failing, seen, record_property):
    made(tags=[failing["tag"]])
    page = signed_in(f"/connections?tag={failing['tag']}", "Member", **seen)
    worst, other = rows(page)
    assert "fails · refused at tcp · since just now" in worst
    assert MARKUP in worst
    assert "never tested" in other
    if seen.get("javascript", True):
        assert barriers(page, f"filtered list of connections, {seen}", record_property) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= seen["width"]


def test_a_list_is_filtered_by_type_owner_state_and_search(signed_in, made, failing):
    tag = failing["tag"]
    made(tags=[tag], type="mysql", owner="ada", name=f"other-{tag}")
    page = signed_in(f"/connections?tag={tag}&type=mysql", javascript=False)
    assert len(rows(page)) == 1
    for query in ("owner=ada", "state=never", f"search=other-{tag}", "sort=-id&state=never"):
        page.goto(page.url.split("?")[0] + f"?tag={tag}&{query}")
        assert [f"other-{tag}" in row for row in rows(page)] == [True], query
    page.get_by_label("State").select_option("fails")
    page.get_by_label("Search").fill("")
    page.get_by_role("button", name="Show").click()
    assert [MARKUP in row for row in rows(page)] == [True]
    page.get_by_role("link", name="Show all").click()
    assert page.url.endswith("/connections")


def test_pages_of_a_list_keep_what_was_asked_for(signed_in, made, fresh):
    tag = fresh()
    for _ in range(51):
        made(tags=[tag])
    page = signed_in(f"/connections?tag={tag}&sort=name", javascript=False)
    assert len(rows(page)) == 50
    page.get_by_role("link", name="Next").click()
    assert len(rows(page)) == 1
    assert f"tag={tag}&sort=name&page=2" in page.url
    page.get_by_role("link", name="Previous").click()
    assert len(rows(page)) == 50
    page.goto(f"{page.url.rpartition('page=')[0]}page=7")
    assert "The list has no page 7." in page.locator("main").inner_text()
    page.get_by_role("link", name="The last is 2").click()
    assert len(rows(page)) == 1


@pytest.mark.parametrize("query", ["state=ill", "sort=secret", "page=0", "type=no-such-type", f"tag={'x' * 300}"])
def test_a_list_refuses_what_it_does_not_know(signed_in, plane, query):
    page = signed_in("/explain", javascript=False)
    answer = page.goto(f"{plane.url}/connections?{query}")
    assert (answer.status, page.get_by_role("alert").count()) == (422, 1)


@pytest.mark.parametrize(("role", "width"), [("Member", 360), ("Manager", 1440)])
def test_one_connection_says_why_it_fails_and_what_to_do(signed_in, admin, failing, role, width, record_property):
    admin(
        "POST", "/datastores", {"name": failing["tag"], "connection_id": failing["id"], "database": "d", "schema": "s"}
    )
    page = signed_in(f"/connections/{failing['id']}", role, width=width, dark=role == "Member")
    assert page.get_by_role("heading", level=1).inner_text() == failing["name"]
    assert "nothing listens on" in page.locator(".notice").inner_text().lower()
    assert page.locator("svg.plot path.fails").count() == 2
    assert page.get_by_role("img", name="The last 2 tests, the newest at the right: 2 failed").count() == 1
    fields = page.locator("dl.fields").inner_text()
    assert "password\nset" in fields.replace("\n\n", "\n")
    assert page.get_by_role("link", name=failing["tag"]).count() == 1
    assert "admin, create" in page.content()
    assert page.get_by_role("link", name="Delete").count() == (role != "Member")
    assert "canary-0481" not in page.content()
    assert page.title() != "mine"
    assert barriers(page, f"one connection, {role}, {width} px", record_property) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("javascript", [True, False])
def test_a_connection_is_tested_as_it_is_stored_from_its_page(signed_in, made, admin, javascript):
    found = made(password="canary-0481")
    page = signed_in(f"/connections/{found['id']}", javascript=javascript)
    assert page.locator("[data-live-test]").is_hidden()
    page.get_by_role("button", name="Test now").click()
    page.locator("[data-stage=tcp][data-state=failed]").wait_for()
    page.get_by_text("fails · refused at tcp · since just now").wait_for()
    assert page.locator("[data-slot=state]").inner_text() == "Failed at tcp (refused)"
    assert page.locator("[data-slot=message]").inner_text()
    assert page.locator("svg.plot path.fails").count() == 1
    page.get_by_role("heading", name="What to do now").wait_for()
    (test,) = admin("GET", f"/connections/{found['id']}/tests").json["items"]
    assert (test["user"]["name"], test["class"]) == ("manager", "refused")
    page.goto(page.url)  # what a form was sent to leads to the page
    assert page.get_by_role("heading", level=1).inner_text() == found["name"]


def test_a_test_after_the_session_has_ended_says_so(signed_in, made):
    page = signed_in(f"/connections/{made()['id']}")
    page.context.clear_cookies()
    page.get_by_role("button", name="Test now").click()
    page.get_by_text("the session has ended").wait_for()
    assert "sign in in another tab" in page.locator("[data-slot=hint]").inner_text()


def test_whoever_uses_a_connection_is_told_on_its_page_and_before_it_is_deleted(signed_in, plane, admin, made, person):
    (user, api, _), found = person(), made()
    assert admin("POST", "/grants", {"user": user["id"], "connection": found["id"]}).status == 200
    assert api("POST", f"/connections/{found['id']}/use", {"purpose": "the nightly <load>"}).status == 200
    page = signed_in(f"/connections/{found['id']}", "Admin", javascript=False)
    told = f"{user['name']}, just now: the nightly <load>"
    assert told in page.locator("section[aria-labelledby=uses]").inner_text()
    page.get_by_role("link", name="Delete").click()
    assert told in page.locator("main").inner_text()
    assert "and the grant to use it" in page.locator("main").inner_text()


def test_a_connection_that_was_changed_since_its_test_is_unknown(signed_in, admin, failing):
    assert admin("PATCH", f"/connections/{failing['id']}", {"port": 2}).status == 200
    page = signed_in(f"/connections/{failing['id']}", javascript=False)
    assert "unknown · changed since its test" in page.content()
    assert "changed since its last test" in page.locator(".notice").inner_text()


def test_a_connection_that_is_gone_is_not_found(signed_in, plane):
    page = signed_in("/connections", javascript=False)
    assert page.goto(f"{plane.url}/connections/999999999").status == 404
    assert "there is no connection" in page.get_by_role("alert").inner_text().lower()


@pytest.mark.servers
def test_a_connection_that_works_shows_its_server_and_no_test_among_its_changes(
    signed_in, made, admin, postgres_server, root_file
):
    server, trust = postgres_server, {"ssl_root_cert": root_file.read_text()}
    reached = {"port": server.port, "username": server.user, "password": server.password, "parameters": trust}
    found = made(**reached)
    assert admin("POST", f"/connections/{found['id']}/test", {}).json["connected"]
    page = signed_in(f"/connections/{found['id']}", javascript=False)
    assert page.locator(".state").inner_text() == "works · since just now"
    assert "PostgreSQL" in page.locator("dl.fields").inner_text()
    assert page.locator("svg.plot circle.works").count() == 1
    assert page.locator("section[aria-labelledby=changes] li").count() == 1
