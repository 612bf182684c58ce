"""Forms of connections in a browser: created, changed, tested while one looks, and deleted."""

import re
import threading

import pytest
from playwright.sync_api import expect

from qualytics import connectors
from testbed import browser
from testbed.control_plane import PASSWORD
from tests.support import faults
from tests.support.axe import barriers
from tests.support.browser import Browser
from tests.support.forms import example_of, typed

pytestmark = pytest.mark.servers
expect.set_options(timeout=20_000)
CANARY = "canary-Pa55 wörd$%"
MARKUP = "<img src=x onerror=alert(1)>\"'&"


@pytest.fixture
def made(manager, fresh):
    """Return a function that stores a connection and returns its document."""

    def call(**fields):
        given = {
            "type": "postgresql",
            "host": "127.0.0.1",
            "name": f"form-{fresh()}",
            "username": "reader",
            "password": CANARY,
        } | fields
        answer = manager("POST", "/connections", given)
        assert answer.status == 200, answer.json
        return answer.json

    return call


def fill(page, values):
    """Type values into the form of a page, by the names of its controls."""
    for name, value in values.items():
        control = page.locator(f'[name="{name}"]')
        if control.evaluate("(found) => found.tagName") == "SELECT":
            control.select_option(value)
        else:
            control.fill(value)


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def state_of(page, stage):
    return page.locator(f"[data-stage={stage}]")


def _is_let_in(connector):
    return connector.kind != "embedded" and connector.pinned is not None and connector.type != "jdbc"


# Scripts touch the ways of logging in and secrets alone: one type of each kind shows what they do.
_WITH_SCRIPTS = {"s3", "snowflake", "bigquery", "databricks_native"}


@pytest.mark.parametrize("javascript", [True, False])
def test_the_form_of_every_type_takes_its_own_example(signed_in, manager, fresh, javascript):
    page = signed_in("/connections/new", javascript=javascript)
    for connector in connectors.all_connectors():
        if javascript and connector.type not in _WITH_SCRIPTS:
            continue
        name = f"example-{fresh()}"
        page.get_by_role("link", name=connector.title, exact=True).click()
        page.wait_for_url(f"**/connections/new?type={connector.type}")
        fill(page, typed(connector, example_of(connector) | {"name": name}))
        press(page, "Save")
        page.wait_for_load_state()
        if _is_let_in(connector):
            expect(page.get_by_role("heading", level=1)).to_have_text(name)
            stored = manager("GET", f"/connections?name_exact={name}").json["items"][0]
            wanted = example_of(connector)
            secrets = {"password", "secret_key", "access_key"} & wanted.keys()
            assert {key: stored[key] for key in wanted.keys() - secrets - {"parameters"}} == {
                key: wanted[key] for key in wanted.keys() - secrets - {"parameters"}
            }
            assert (stored["parameters"] or {}) == wanted["parameters"]
            assert {stored[key] for key in secrets} <= {"********"}
        else:
            expect(page.get_by_role("alert").first).to_contain_text(
                re.compile("control plane does not allow|is off here")
            )
        page.goto(re.sub(r"(//[^/]*)/.*", r"\1/connections/new", page.url))


@pytest.mark.parametrize(
    ("path", "how"),
    [
        ("/connections/new", {"width": 360}),
        ("/connections/new?type=postgresql", {"width": 360, "dark": True}),
        ("/connections/new?type=s3", {}),
        ("/connections/{}/edit", {"width": 360, "dark": True}),
        ("/connections/{}", {"width": 360}),
        ("/connections/{}/delete", {"dark": True}),
        ("/explain", {"width": 360, "dark": True}),
        ("/datastores", {"width": 360}),
        ("/datastores/new?connection_id={}", {"dark": True}),
        ("/connections/{}/browse", {"width": 360, "dark": True}),
    ],
)
def test_no_page_has_barriers_or_is_wider_than_the_window(signed_in, made, path, how, record_property):
    page = signed_in(path.format(made()["id"]), **how)
    assert barriers(page, f"{path}, {how}", record_property) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_all_errors_are_told_at_once_each_at_its_field(signed_in):
    page = signed_in("/connections/new?type=postgresql", javascript=False)
    fill(page, {"host": "db example", "port": "54x2", "parameters.application_name": "a" * 300, "password": CANARY})
    press(page, "Save")
    at = {
        control: page.locator(f'[data-field="{control}"] .problem').inner_text()
        for control in ("host", "port", "parameters.application_name", "password")
        if page.locator(f'[data-field="{control}"] .problem').count()
    }
    assert at.keys() == {"host", "port", "parameters.application_name"}
    assert at["port"].startswith("port must be a whole number.")
    assert page.locator('[name="port"]').input_value() == "54x2"
    assert page.locator('[name="password"]').input_value() == ""
    assert "no page holds a secret: type it again" in page.locator('[data-field="password"]').inner_text()
    assert CANARY not in page.content()


def test_a_name_that_was_emptied_is_told_with_what_else_is_wrong(signed_in, made):
    page = signed_in(f"/connections/{made()['id']}/edit", javascript=False)
    fill(page, {"name": "", "port": "70000"})
    press(page, "Save")
    assert page.locator(".field .problem").evaluate_all(
        "all => all.map(one => one.closest('.field').dataset.field)"
    ) == [
        "name",
        "port",
    ]


def test_the_way_of_logging_in_shows_what_it_takes(signed_in):
    for javascript in (True, False):
        page = signed_in("/connections/new?type=s3", javascript=javascript)
        role = page.locator('[name="parameters.role_arn"]')
        expect(role).to_be_hidden()
        page.locator('[name="parameters.authentication_type"]').select_option("IAM_ROLE")
        if not javascript:
            press(page, "Show what the chosen way of logging in takes")
        expect(role).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_live_server_is_tested_stage_by_stage_with_the_stored_secret(
    signed_in, made, postgres_server, root_file, javascript
):
    server = postgres_server
    record = made(
        port=server.port,
        username=server.user,
        password=server.password,
        parameters={"ssl_mode": "verify", "ssl_root_cert": root_file.read_text()},
    )
    page = signed_in(f"/connections/{record['id']}/edit", javascript=javascript)
    press(page, "Test")
    expect(page.locator("[data-slot=state]")).to_have_text("Connected")
    for stage in ("resolve", "tcp", "tls", "login", "query"):
        expect(state_of(page, stage)).to_have_attribute("data-state", "ok")
    assert server.password not in page.content()


def test_a_wrong_password_is_told_at_the_password_and_what_was_typed_stays(signed_in, postgres_server, root_file):
    page = signed_in("/connections/new?type=postgresql")
    fill(
        page,
        {
            "host": "127.0.0.1",
            "port": str(postgres_server.port),
            "username": postgres_server.user,
            "password": CANARY,
            "parameters.ssl_root_cert": root_file.read_text(),
        },
    )
    press(page, "Test")
    expect(page.locator("[data-slot=state]")).to_have_text("Failed at login (auth)")
    expect(state_of(page, "tls")).to_have_attribute("data-state", "ok")
    expect(state_of(page, "login")).to_have_attribute("data-state", "failed")
    expect(page.locator('[data-field="password"] .problem')).to_contain_text("test failed here")
    assert page.locator('[name="password"]').input_value() == CANARY
    assert page.locator('[name="port"]').input_value() == str(postgres_server.port)


def test_what_was_tested_without_scripts_is_saved_once_the_secret_is_typed_again(
    signed_in, postgres_server, root_file, manager, fresh
):
    name, page = f"plain-{fresh()}", signed_in("/connections/new?type=postgresql", javascript=False, width=360)
    login = {"name": name, "host": "127.0.0.1", "username": postgres_server.user, "password": "wrong-9917"}
    fill(page, login | {"port": str(postgres_server.port), "parameters.ssl_root_cert": root_file.read_text()})
    press(page, "Test")
    expect(page.locator('[data-field="password"] .problem')).to_contain_text("refused user")
    expect(page.locator('[name="password"]')).to_be_focused()
    fill(page, {"password": postgres_server.password})
    press(page, "Test")
    expect(page.locator("[data-slot=state]")).to_have_text("Connected")
    expect(page.locator('[data-field="password"] .note')).to_contain_text("type it again")
    fill(page, {"password": "wrong-9917"})
    press(page, "Save")
    expect(page.get_by_text("Changed since the test: password")).to_be_visible()
    assert not any(secret in page.content() for secret in ("wrong-9917", postgres_server.password))
    fill(page, {"password": postgres_server.password})
    press(page, "Save")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    (stored,) = manager("GET", f"/connections?name={name}").json["items"]
    assert manager("POST", f"/connections/{stored['id']}/test", {}).json["connected"]


def test_a_double_click_saves_once_and_the_way_back_shows_what_is_stored(signed_in, manager, fresh):
    name, page = f"twice-{fresh()}", signed_in("/connections/new?type=postgresql")
    fill(page, {"name": name, "host": "127.0.0.1", "username": "reader"})
    page.get_by_role("button", name="Save", exact=True).dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    page.get_by_role("link", name="Edit").click()
    for before, owner in (("", "ann"), ("ann", "bob")):
        expect(page.locator('[name="owner"]')).to_have_value(before)
        fill(page, {"owner": owner})
        press(page, "Save")
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        page.go_back()
    (stored,) = manager("GET", f"/connections?name={name}").json["items"]
    assert (stored["owner"], page.locator('[name="owner"]').input_value()) == ("bob", "bob")


def test_a_port_where_nothing_listens_is_told_at_the_port(signed_in, made):
    with faults.closed() as port:
        page = signed_in(f"/connections/{made(port=port)['id']}/edit")
        press(page, "Test")
        expect(page.locator("[data-slot=state]")).to_have_text("Failed at tcp (refused)")
    expect(page.locator('[data-field="port"] .problem')).to_contain_text("nothing listens on 127.0.0.1")
    page.get_by_text("The driver's own words").click()


def test_a_test_of_a_silent_server_can_be_cancelled_and_its_child_is_gone(signed_in, made):
    gone = threading.Event()

    def never_answer(peer, _over):
        while peer.recv(4_096):
            pass
        gone.set()

    with faults.serving(never_answer) as port:
        page = signed_in(f"/connections/{made(port=port)['id']}/edit")
        press(page, "Test")
        expect(state_of(page, "tcp")).to_have_attribute("data-state", "ok")
        expect(state_of(page, "tls")).to_have_attribute("data-state", "running")
        assert not gone.is_set()
        press(page, "Cancel the test")
        expect(page.locator("[data-slot=state]")).to_have_text("Cancelled")
        expect(page.get_by_role("button", name="Test", exact=True)).to_be_focused()
        assert gone.wait(20)


def test_a_test_and_a_save_go_on_after_a_sign_in_in_another_tab(signed_in, made, manager, plane):
    with faults.closed() as port:
        record = made(port=port)
        page = signed_in(f"/connections/{record['id']}/edit")
        fill(page, {"owner": "typed before"})
        page.context.clear_cookies()
        press(page, "Test")
        expect(page.locator("[data-slot=message]")).to_have_text("the session has ended")
        browser.sign_in(page.context.new_page(), plane.url, "manager", PASSWORD)
        press(page, "Test")
        expect(page.locator("[data-slot=state]")).to_have_text("Failed at tcp (refused)")
    press(page, "Save")
    page.wait_for_url(f"**/connections/{record['id']}")
    assert manager("GET", f"/connections/{record['id']}").json["owner"] == "typed before"


def test_a_stream_that_ends_before_its_report_is_told_and_no_stage_seems_to_run(signed_in, made):
    page = signed_in(f"/connections/{made()['id']}/edit")
    began = '{"stage":"resolve","ok":null,"ms":null}\n'
    page.route("**/test", lambda route: route.fulfill(body=began, headers={"Content-Type": "application/jsonl"}))
    press(page, "Test")
    expect(page.locator("[data-slot=message]")).to_contain_text("broke off the test")
    assert page.locator("[data-stage][data-state=running]").count() == 0
    assert page.locator('[name="_tested"]').input_value() == ""


def test_a_save_that_does_not_arrive_keeps_what_was_typed(signed_in, made, manager):
    record = made()
    page = signed_in(f"/connections/{record['id']}/edit")
    fill(page, {"owner": "typed before", "password": "another"})
    page.context.set_offline(True)
    press(page, "Save")
    expect(page.get_by_role("alert")).to_contain_text("was not reached")
    assert page.locator('[name="password"]').input_value() == "another"
    page.context.set_offline(False)
    press(page, "Save")
    page.wait_for_url(f"**/connections/{record['id']}")
    assert manager("GET", f"/connections/{record['id']}").json["owner"] == "typed before"


@pytest.mark.parametrize("button", ["Save", "Test"])
def test_what_was_typed_over_a_connection_that_somebody_deleted_is_kept(signed_in, made, manager, button):
    record = made()
    page = signed_in(f"/connections/{record['id']}/edit", javascript=False)
    fill(page, {"owner": "typed meanwhile"})
    assert manager("DELETE", f"/connections/{record['id']}").status == 204
    press(page, button)
    expect(page.get_by_role("alert")).to_contain_text("somebody has deleted this connection")
    fill(page, {"password": CANARY})
    press(page, "Save")
    expect(page.get_by_role("heading", level=1)).to_contain_text(record["name"])
    (stored,) = manager("GET", f"/connections?name_exact={record['name']}").json["items"]
    assert (stored["owner"], stored["host"]) == ("typed meanwhile", "127.0.0.1")


def test_a_save_after_a_test_says_what_changed_since(signed_in, made):
    with faults.closed() as port:
        record = made(port=port)
        page = signed_in(f"/connections/{record['id']}/edit")
        press(page, "Test")
        expect(page.locator("[data-slot=state]")).to_have_text("Failed at tcp (refused)")
    fill(page, {"host": "127.0.0.2", "name": record["name"] + "x", "password": "typed since"})
    press(page, "Save")
    expect(page.get_by_text("Changed since the test: host, password")).to_be_visible()
    assert page.locator('[name="host"]').input_value() == "127.0.0.2"
    fill(page, {"password": CANARY})
    press(page, "Save without a test")
    expect(page.get_by_role("heading", level=1)).to_have_text(record["name"] + "x")


@pytest.mark.parametrize(
    ("what", "text", "is_set"), [("keep", "", True), ("replace", "other", True), ("clear", "", False)]
)
def test_a_stored_secret_is_kept_replaced_or_cleared(signed_in, made, manager, what, text, is_set):
    record = made()
    page = signed_in(f"/connections/{record['id']}/edit", "Admin", javascript=False)
    page.get_by_label(what, exact=True).check()
    fill(page, {"owner": "me", "password": text})
    press(page, "Save")
    page.wait_for_url(f"**/connections/{record['id']}")
    after = manager("GET", f"/connections/{record['id']}").json
    assert (after["owner"], after["password"]) == ("me", "********" if is_set else None)


@pytest.mark.parametrize("javascript", [True, False])
def test_another_target_wants_the_secret_again_and_says_so_at_the_secret(signed_in, made, manager, javascript):
    record = made()
    page = signed_in(f"/connections/{record['id']}/edit", "Manager", javascript=javascript)
    fill(page, {"host": "127.0.0.2"})
    for button in ("Save", "Test"):
        press(page, button)
        told = page.locator('[data-field="password"] .problem')
        expect(told).to_contain_text("host of connection")
        expect(told).to_contain_text("would change while its stored password stays")
        expect(told).to_contain_text("Hint: give the password again with this change, or ask an Admin")
        expect(page.locator('[name="host"]')).to_have_value("127.0.0.2")
    assert manager("GET", f"/connections/{record['id']}").json["host"] == "127.0.0.1"


def test_two_who_change_one_connection_lose_nothing(signed_in, made, manager):
    record = made(owner="before", port=5432)
    first, second = (signed_in(f"/connections/{record['id']}/edit", role) for role in ("Admin", "Manager"))
    fill(first, {"owner": "first", "tags": "nightly"})
    press(first, "Save")
    first.wait_for_url(f"**/connections/{record['id']}")
    fill(second, {"owner": "second", "max_parallelization": "7"})
    press(second, "Save")
    notice = second.get_by_role("alert").filter(has_text="Somebody else has changed")
    expect(notice).to_contain_text("admin changed it")
    rows = notice.locator("tbody tr").all_inner_texts()
    assert [row.split("\t") for row in rows] == [["owner", "second", "first"], ["tags", "", "nightly"]]
    assert manager("GET", f"/connections/{record['id']}").json["owner"] == "first"
    assert second.locator('[name="tags"]').input_value() == "nightly"
    press(second, "Save")
    second.wait_for_url(f"**/connections/{record['id']}")
    after = manager("GET", f"/connections/{record['id']}").json
    assert (after["owner"], after["tags"], after["max_parallelization"]) == ("second", ["nightly"], 7)


@pytest.mark.parametrize("how", ["signed out", "signed in anew"])
def test_what_was_typed_outlives_a_session_but_for_secrets(signed_in, visit, plane, manager, fresh, how):
    name = f"kept-{fresh()}"
    page = signed_in("/connections/new?type=postgresql", javascript=False)
    fill(page, {"name": name, "host": "db.example.com", "parameters.ssl_mode": "require", "password": CANARY})
    page.context.clear_cookies()
    if how == "signed in anew":
        browser.sign_in(page.context.new_page(), plane.url, "manager", PASSWORD)
    press(page, "Save")
    assert CANARY not in page.content()
    expect(page.locator("main")).to_contain_text("What was typed is kept, but for password")
    if how == "signed out":
        page.get_by_label("User name").fill("manager")
        page.get_by_label("Password").fill("wrong")
        press(page, "Sign in")
        page.get_by_label("Password").fill(PASSWORD)
        press(page, "Sign in")
    press(page, "Go on with what was typed")
    expect(page.locator('[data-field="password"]')).to_contain_text("type it again")
    assert manager("GET", f"/connections?name_exact={name}").json["items"] == []
    fill(page, {"password": CANARY})
    press(page, "Save")
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    stored = manager("GET", f"/connections?name_exact={name}").json["items"][0]
    assert (stored["host"], stored["parameters"], stored["password"]) == (
        "db.example.com",
        {"ssl_mode": "require"},
        "********",
    )


def test_a_deletion_wants_the_name_and_lists_what_would_break(signed_in, made, manager, fresh):
    record = made()
    name = f"reads-{fresh()}"
    datastore = {"name": name, "connection_id": record["id"], "database": "sales", "schema": "public"}
    there = manager("POST", "/datastores", datastore).json
    page = signed_in(f"/connections/{record['id']}/delete")
    expect(page.locator("main")).to_contain_text("1 datastore would break")
    expect(page.get_by_role("link", name=name)).to_be_visible()
    manager("DELETE", f"/datastores/{there['id']}")
    page.reload()
    page.get_by_label("Type the name of the connection").fill("another")
    press(page, "Delete")
    expect(page.get_by_role("alert")).to_contain_text("this is not the name of the connection")
    page.get_by_label("Type the name of the connection").fill(record["name"])
    press(page, "Delete")
    page.wait_for_url("**/connections")
    assert manager("GET", f"/connections/{record['id']}").status == 404


@pytest.mark.parametrize("javascript", [True, False])
def test_a_pasted_url_fills_in_the_form_and_shows_no_secret(signed_in, javascript):
    page = signed_in("/connections/new", javascript=javascript)
    page.locator("[name=_paste]").fill("postgresql+psycopg://reader:canary-in-url@db.example.com:5433/sales")
    press(page, "Fill in or explain")
    expect(page.get_by_role("heading", level=1)).to_contain_text("PostgreSQL")
    values = {name: page.locator(f'[name="{name}"]').input_value() for name in ("host", "port", "username", "password")}
    assert values == {"host": "db.example.com", "port": "5433", "username": "reader", "password": ""}
    expect(page.get_by_role("status").first).to_contain_text("a secret in it is not shown")
    assert "canary-in-url" not in page.content()


def test_a_pasted_message_is_explained_and_what_was_typed_stays(signed_in):
    page = signed_in("/connections/new?type=postgresql")
    fill(page, {"host": "db.example.com"})
    page.get_by_text("Paste a URL or an error message").click()
    page.locator("[name=_paste]").fill('FATAL:  password authentication failed for user "reader"')
    press(page, "Fill in or explain")
    expect(page.get_by_role("heading", name="What the message means")).to_be_visible()
    expect(page.locator("dl").first).to_contain_text("auth")
    assert page.locator('[name="host"]').input_value() == "db.example.com"


def test_a_reference_is_stored_as_it_stands_and_the_page_says_so(signed_in, manager, fresh):
    name = f"literal-{fresh()}"
    page = signed_in("/connections/new?type=postgresql")
    expect(page.get_by_text("is no reference to a variable on this page")).to_be_visible()
    fill(page, {"name": name, "host": "127.0.0.1", "username": "${HOME}"})
    press(page, "Save")
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    assert manager("GET", f"/connections?name_exact={name}").json["items"][0]["username"] == "${HOME}"


def test_a_member_is_told_who_may_and_gets_no_form(signed_in, made):
    record = made()
    for path in ("/connections/new", f"/connections/{record['id']}/edit", f"/connections/{record['id']}/delete"):
        page = signed_in(path, "Member")
        expect(page.get_by_role("heading", level=1)).to_have_text("Not allowed")
    page = signed_in(f"/connections/{record['id']}", "Member")
    assert page.get_by_role("link", name=re.compile("Edit|Delete|Browse")).count() == 0


def test_markup_in_names_and_values_is_shown_as_it_stands(signed_in, made):
    record = made(name=f"{MARKUP} {id(made)}", owner=MARKUP, tags=["<b>x</b>"], username=MARKUP, port=9)
    said = []
    for path in ("/connections", f"/connections/{record['id']}", f"/connections/{record['id']}/edit"):
        page = signed_in(path)
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("console", lambda message: said.append(message.text))
        assert page.locator("main img, main b:not(.modes b)").count() == 0
        expect(page.locator("main")).to_contain_text("<img src=x" if "edit" not in path else "")
    press(page, "Test")
    expect(page.locator("[data-slot=state]")).to_contain_text("Failed at tcp")
    assert said == []


def test_no_secret_is_in_any_page_script_or_answer(signed_in, made, postgres_server, root_file):
    record = made(port=postgres_server.port, username=postgres_server.user, password=CANARY)
    page, seen = signed_in("/connections"), []

    def note(response):
        if response.request.redirected_to is None:
            seen.append(response.text())

    page.on("requestfinished", lambda request: note(request.response()))
    for path in ("", "/edit", "/delete", "/browse"):
        page.goto(page.url.partition("/connections")[0] + f"/connections/{record['id']}{path}")
        seen.append(page.evaluate("document.documentElement.outerHTML"))
        seen.append(
            page.evaluate("JSON.stringify([...document.querySelectorAll('input, textarea')].map((one) => one.value))")
        )
        seen.append(page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"))
        if path == "/edit":
            press(page, "Test")
            expect(page.locator("[data-slot=state]")).to_contain_text("Failed at")
            fill(page, {"host": ""})
            press(page, "Save")
            press(page, "Save without a test")
            expect(page.locator('[data-field="host"] .problem')).to_be_visible()
    assert len(seen) > 16
    assert not [text for text in seen if CANARY in text or "canary-Pa55" in text]


@pytest.mark.parametrize(
    "changes",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": ""}, {"_csrf": ""}, {"_csrf": "0" * 64}],
)
@pytest.mark.parametrize("path", ["/connections/{}/edit", "/connections/{}/test", "/connections/{}/delete"])
def test_a_form_of_another_site_does_nothing(plane, sessions, made, manager, path, changes):
    record = made()
    (kept,) = sessions("Manager")
    browser = Browser({plane.url.partition("://")[2]: {kept["name"]: kept["value"]}})
    address = f"{plane.url}/connections/{record['id']}/edit"
    csrf = re.search(r'name="_csrf" value="([^"]+)', browser.open(address).text)[1]
    form = {"_csrf": csrf, "_version": "1", "owner": "evil", "confirm": record["name"]}
    sent = {"Origin": plane.url, **form, **changes}
    answer = browser.open(plane.url + path.format(record["id"]), sent, Origin=sent.pop("Origin"))
    assert answer.status == 403
    assert manager("GET", f"/connections/{record['id']}").json == record | {"datastores": []}
    assert manager("GET", f"/connections/{record['id']}/tests").json["total"] == 0


def test_no_page_can_be_framed_and_none_is_kept_by_the_browser(plane, sessions, made):
    (kept,) = sessions("Manager")
    browser = Browser({plane.url.partition("://")[2]: {kept["name"]: kept["value"]}})
    record = made()["id"]
    for path in ("/connections/new", f"/connections/{record}/edit", f"/connections/{record}/delete", "/explain"):
        page = browser.open(plane.url + path)
        assert "frame-ancestors 'none'" in page.header("content-security-policy")
        assert "unsafe" not in page.header("content-security-policy")
        assert page.header("cache-control") == "no-store"
        assert page.parsed.in_the_page == []


def test_a_test_is_begun_and_cancelled_by_keyboard_and_the_focus_is_seen(signed_in, made):
    with faults.silent() as port:
        page = signed_in(f"/connections/{made(port=port)['id']}/edit", reduced_motion="reduce")
        page.locator('[name="port"]').focus()
        names = []
        while not page.evaluate("document.activeElement.value === 'test'"):
            page.keyboard.press("Tab")
            names.append(page.evaluate("document.activeElement.name || document.activeElement.tagName"))
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        assert names[:3] == ["username", "password:what", "password"]
        page.keyboard.press("Enter")
        expect(state_of(page, "tls")).to_have_attribute("data-state", "running")
        assert state_of(page, "tls").evaluate("(found) => getComputedStyle(found).animationName") == "none"
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("[data-slot=state]")).to_have_text("Cancelled")


def test_enter_in_a_field_saves(signed_in, made, manager):
    record = made()
    page = signed_in(f"/connections/{record['id']}/edit", javascript=False)
    page.locator('[name="owner"]').fill("by keyboard")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/connections/{record['id']}")
    assert manager("GET", f"/connections/{record['id']}").json["owner"] == "by keyboard"


def test_markup_in_what_a_server_says_is_shown_as_it_stands(signed_in, made):
    said = []
    with faults.refusing(lambda _given: MARKUP) as port:
        record = made(port=port, parameters={"ssl_mode": "disable"})
        for javascript in (True, False):
            page = signed_in(f"/connections/{record['id']}/edit", javascript=javascript)
            page.on("dialog", lambda dialog: said.append(dialog.message))
            press(page, "Test")
            expect(page.locator("[data-slot=state]")).to_contain_text("Failed at login")
            page.get_by_text("The driver's own words").click()
            expect(page.locator("[data-slot=detail]")).to_contain_text("<img src=x")
            assert page.locator("main img").count() == 0
    assert said == []
