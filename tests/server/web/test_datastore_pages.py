"""Datastores in a browser: made while the catalogs of a real server are browsed, changed, and deleted."""

import pytest
from playwright.sync_api import expect

from testbed.control_plane import PASSWORD

pytestmark = pytest.mark.servers
expect.set_options(timeout=20_000)


@pytest.fixture
def record(made, postgres_server, root_file):
    """Return a connection to a real server."""
    return made(
        type="postgresql",
        host="127.0.0.1",
        port=postgres_server.port,
        username=postgres_server.user,
        password=postgres_server.password,
        parameters={"ssl_root_cert": root_file.read_text()},
    )


@pytest.mark.parametrize("javascript", [True, False])
def test_a_datastore_is_made_of_a_schema_that_was_browsed_to(signed_in, record, manager, fresh, javascript):
    name = f"browsed-{fresh()}"
    page = signed_in(f"/connections/{record['id']}/browse", javascript=javascript)
    page.get_by_role("link", name="sales", exact=True).click()
    page.get_by_role("link", name="public", exact=True).click()
    page.get_by_role("link", name="Make a datastore of this").click()
    assert page.locator('[name="database"]').input_value() == "sales"
    assert page.locator('[name="schema"]').input_value() == "public"
    page.get_by_role("button", name="Save").click()
    expect(page.locator('[data-field="name"] .problem')).to_contain_text("name is missing")
    page.get_by_label("Name (needed)").fill(name)
    page.get_by_label("Tags, with a comma between two").fill("b, a")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    (there,) = manager("GET", f"/datastores?name={name}").json["items"]
    assert (there["database"], there["schema"], there["connection_id"], there["tags"]) == (
        "sales",
        "public",
        record["id"],
        ["b", "a"],
    )
    page = signed_in(f"/connections/{record['id']}/browse?catalog=sales", javascript=javascript)
    expect(page.get_by_role("link", name=name)).to_be_visible()


@pytest.fixture
def datastore(record, manager, fresh):
    given = {"name": f"reads-{fresh()}", "connection_id": record["id"], "database": "sales", "schema": "public"}
    return manager("POST", "/datastores", given).json


def test_a_change_on_top_of_another_is_refused_and_shows_both(signed_in, datastore, manager):
    first, second = (signed_in(f"/datastores/{datastore['id']}") for _ in range(2))
    for page, text in ((first, "first"), (second, "second")):
        page.get_by_label("Description").fill(text)
        page.get_by_role("button", name="Save").click()
    expect(second.locator('[data-field="description"]')).to_contain_text("Stored now: first")
    assert second.get_by_label("Description").input_value() == "second"
    assert manager("GET", f"/datastores/{datastore['id']}").json["description"] == "first"
    second.get_by_role("button", name="Save").click()
    expect(second.get_by_role("alert")).to_have_count(0)
    assert manager("GET", f"/datastores/{datastore['id']}").json["description"] == "second"


def test_what_was_typed_outlives_a_session(signed_in, datastore, manager):
    page = signed_in(f"/datastores/{datastore['id']}", javascript=False)
    page.get_by_label("Description").fill("typed before")
    page.context.clear_cookies()
    page.get_by_role("button", name="Save").click()
    page.get_by_label("User name").fill("manager")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Go on with what was typed").click()
    assert page.get_by_label("Description").input_value() == "typed before"
    assert manager("GET", f"/datastores/{datastore['id']}").json["description"] is None
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"**/datastores/{datastore['id']}")
    assert manager("GET", f"/datastores/{datastore['id']}").json["description"] == "typed before"


def test_a_deletion_wants_the_name(signed_in, datastore, manager):
    page = signed_in(f"/datastores/{datastore['id']}")
    page.get_by_text("Delete this datastore").click()
    page.get_by_label("Type the name of the datastore").fill("another")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("This is not the name of the datastore")).to_be_visible()
    page.get_by_label("Type the name of the datastore").fill(datastore["name"])
    page.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/datastores")
    assert manager("GET", f"/datastores/{datastore['id']}").status == 404


def test_a_member_sees_a_datastore_and_changes_nothing(signed_in, datastore, plane):
    page = signed_in(f"/datastores/{datastore['id']}", "Member")
    assert page.get_by_label("Description").get_attribute("readonly") is not None
    assert page.get_by_role("button", name="Save").count() == 0
    page.goto(f"{plane.url}/connections/{datastore['connection_id']}/browse")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not allowed")


def test_a_server_that_cannot_be_asked_is_told_on_the_page(signed_in, made):
    record = made(type="postgresql", host="127.0.0.1", port=9, username="reader", password="x")
    page = signed_in(f"/connections/{record['id']}/browse")
    expect(page.get_by_role("alert")).to_contain_text("failed at tcp (refused)")


def test_a_connection_of_many_datastores_shows_some_and_leads_to_all(signed_in, made, admin, fresh):
    connection, name = made(), fresh()
    for number in range(51):
        given = {"name": f"{name}-{number:02}", "connection_id": connection["id"], "database": "d", "schema": "s"}
        assert admin("POST", "/datastores", given).status == 201
    page = signed_in(f"/connections/{connection['id']}/delete", javascript=False)
    assert "51 datastores would break" in page.locator("main").inner_text()
    assert page.locator("main li").count() == 50
    page.goto(page.url.removesuffix("/delete"))
    page.get_by_role("link", name="All 51 datastores").click()
    assert page.locator("tbody tr").count() == 50
    page.get_by_role("link", name="Next").click()
    assert page.locator("tbody tr").count() == 1
    page.get_by_label("Search").fill(f"{name}-07")
    page.get_by_role("button", name="Search").click()
    assert [row.inner_text().split()[0] for row in page.locator("tbody tr").all()] == [f"{name}-07"]
    assert f"connection_id={connection['id']}" in page.url
