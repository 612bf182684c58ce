"""The life of a connection in a browser, on a control plane whose store is PostgreSQL."""

import os
from contextlib import closing

import pytest
from playwright.sync_api import expect

from testbed import servers
from testbed.control_plane import MANY, PASSWORD, serving

pytestmark = pytest.mark.servers


@pytest.fixture
def plane(postgres_server, tmp_path):
    """Return a control plane with a store in a schema of its own."""
    schema = f"pages_{os.getpid()}"
    with closing(servers.postgres_admin(postgres_server)) as admin:
        admin.execute(f"CREATE SCHEMA {schema}")
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    url = f"postgresql://{postgres_server.user}@127.0.0.1:{postgres_server.port}/postgres"
    environ = {
        "QUALYTICS_STORE": f"{url}?options=-csearch_path%3D{schema}",
        "QUALYTICS_STORE_PASSWORD": postgres_server.password,
        "QUALYTICS_KEY_FILE": str(home / "key"),
    }
    with serving(home, *MANY, environ=environ, password=PASSWORD) as found:
        yield found


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def test_a_connection_is_made_changed_by_two_and_deleted(visit, plane):
    page = visit(width=360, dark=True)
    page.goto(f"{plane.url}/connections/new?type=postgresql")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Sign in")
    page.get_by_label("Connection name").fill("orders")
    page.get_by_label("Host (needed)").fill("db.example.com")
    page.locator('[name="password"]').fill("canary-on-postgres")
    press(page, "Save")
    page.wait_for_url("**/connections/1")
    other = page.context.new_page()
    for one in (page, other):
        one.goto(f"{plane.url}/connections/1/edit")
    other.locator('[name="owner"]').fill("theirs")
    press(other, "Save")
    other.wait_for_url("**/connections/1")
    page.locator('[name="owner"]').fill("mine")
    press(page, "Save")
    expect(page.get_by_role("alert").first).to_contain_text("Somebody else has changed this connection")
    press(page, "Save")
    page.wait_for_url("**/connections/1")
    stored = plane.api()("GET", "/connections/1").json
    assert (stored["owner"], stored["host"], stored["password"]) == ("mine", "db.example.com", "********")
    page.goto(f"{plane.url}/connections/1/delete")
    page.get_by_label("Type the name of the connection").fill("orders")
    press(page, "Delete")
    page.wait_for_url("**/connections")
    assert plane.api()("GET", "/connections/1").status == 404
