"""Past tests: which tests are kept, whoever runs them and wherever, and the state that they leave."""

import contextlib
import sqlite3

import pytest

from qualytics import errors
from qualytics.client.local import LocalClient
from qualytics.model import Scope
from qualytics.service.connections import past_tests
from qualytics.service.connections.verbs import Connections
from qualytics.service.context import Context
from qualytics.settings import Settings

pytestmark = pytest.mark.slow  # each test starts processes

REFUSED = {"type": "postgresql", "host": "127.0.0.1", "port": 1, "username": "canary-user", "password": "canary-pass"}


@pytest.fixture
def client(home):
    with LocalClient(Settings(home=home)) as found:
        yield found


@pytest.fixture
def files(tmp_path):
    """Return the fields of a connection that works."""
    path = tmp_path / "sales.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("create table orders (id integer)")
    return {"type": "sqlite", "name": "files", "uri": str(path)}


def state(home, number=1):
    with Context(Settings(home=home)) as context:
        return past_tests.states(context, [number])[number]


def test_a_test_is_kept_with_the_times_of_its_stages_and_without_its_words(client, home, files):
    client.connections.create(files)
    assert client.connections.tests("files") == []
    report = client.connections.test("files")
    (kept,) = client.connections.tests("FILES")
    assert kept == {
        "at": kept["at"],
        "user": {"id": None, "name": "owner"},
        "connected": True,
        **dict.fromkeys(("stage", "class", "code")),
        "duration_ms": report["duration_ms"],
        "ms": {stage["name"]: stage["ms"] for stage in report["stages"]},
        "product_version": report["product_version"],
        "driver_version": report["driver_version"],
    }
    assert list(kept["ms"]) == ["open", "query"]
    assert client.connections.get("files")["product_version"] == report["product_version"]


def test_a_failure_is_kept_with_stage_and_class_and_nothing_that_leads_to_the_server(client, home):
    client.connections.create({**REFUSED, "name": "prod"})
    client.connections.test("prod")
    (kept,) = client.connections.tests(1)
    assert (kept["connected"], kept["stage"], kept["class"], list(kept["ms"])) == (
        False,
        "tcp",
        "refused",
        ["resolve", "tcp"],
    )
    with contextlib.closing(sqlite3.connect(home / "store.db")) as database:
        (row,) = database.execute("SELECT * FROM past_tests")
    assert not [value for value in row if "canary" in str(value) or "127.0.0.1" in str(value)]


def test_tests_of_other_values_and_of_a_place_that_is_not_there_are_not_kept(client, files):
    client.connections.create(files)
    assert client.connections.test("files", {"uri": files["uri"] + ".none"})["connected"] is False
    assert client.connections.test("files", {"uri": files["uri"]})["connected"] is True
    client.connections.test_unsaved(files)
    assert client.connections.tests("files") == []
    assert client.connections.test("files", scope=Scope(schema="main"))["connected"] is True
    assert len(client.connections.tests("files")) == 1  # who gets to a place gets in


def test_a_create_and_an_update_that_are_tested_first_keep_that_test(client, home, files):
    client.connections.create(files, test=True)
    assert state(home)["state"] == "works"
    with pytest.raises(errors.TestFailed):
        client.connections.update("files", {"uri": files["uri"] + ".none"}, test=True)
    assert (len(client.connections.tests("files")), state(home)["state"]) == (1, "works")
    client.connections.update("files", {"parameters": {}, "uri": files["uri"]}, test=True)
    assert (len(client.connections.tests("files")), state(home)["state"]) == (2, "works")


def test_a_limit_gives_the_newest_and_an_unknown_connection_is_told(client, files):
    client.connections.create(files, test=True)
    client.connections.test("files")
    every = client.connections.tests("files")
    assert [client.connections.tests("files", limit) for limit in (1, 2, 9)] == [every[:1], every, every]
    with pytest.raises(errors.NotFound):
        client.connections.tests("nobody")


def test_a_state_is_unknown_once_a_value_was_changed_that_a_test_depends_on(client, home, files):
    client.connections.create(files)
    assert state(home) == dict.fromkeys(("since", "at", "age_s", "stage", "class", "code")) | {"state": "never"}
    client.connections.test("files")
    works = state(home)
    assert (works["state"], works["since"]) == ("works", works["at"])
    assert works["age_s"] >= 0
    client.connections.update("files", {"name": "other", "tags": ["a"], "owner": "me"})
    assert state(home)["state"] == "works"
    client.connections.update("other", {"uri": files["uri"] + ".none"})
    assert (state(home)["state"], state(home)["since"], state(home)["at"]) == ("unknown", None, works["at"])
    client.connections.test("other")
    assert (state(home)["state"], state(home)["stage"], state(home)["class"]) == ("fails", "open", "unknown_db")


def test_a_run_keeps_each_of_its_tests_once(client, files):
    client.connections.create(files)
    for number in range(5):
        client.connections.create({**REFUSED, "name": f"c{number}"})
    with client.runs.start() as run:
        assert len(list(run)) == 6
    assert run.warnings == ()
    assert [len(client.connections.tests(number)) for number in range(1, 7)] == [1] * 6
    assert client.connections.get("files")["product_name"] == "SQLite"


def test_a_run_that_is_left_early_keeps_what_it_has_tested(client):
    for number in range(3):
        client.connections.create({**REFUSED, "name": f"c{number}"})
    with client.runs.start(parallel=1) as run:
        first = next(iter(run))
    assert len(client.connections.tests(first["id"])) == 1


def test_a_control_plane_keeps_who_tested(anywhere, files):
    user = anywhere.make("Ada", "Manager")
    with anywhere.context() as context:
        number = Connections(context).create({**REFUSED, "name": "prod"})["id"]
    with anywhere.as_user(user) as context:
        Connections(context).test(number)  # refused by the policy: it is a test all the same
        page = past_tests.page(context, "prod", 1, 10)
    assert (page["total"], page["pages"], page["items"][0]["class"]) == (1, 1, "blocked")
    assert page["items"][0]["user"] == {"id": user["id"], "name": "Ada"}
    with anywhere.as_user(anywhere.make("Eve", "Member")) as context:  # who may not test
        assert past_tests.page(context, "prod", 1, 10) == page
        assert past_tests.page(context, "prod", 2, 10)["items"] == []


def test_a_store_that_cannot_be_written_is_a_warning_and_the_verdict_stays(home, files):
    with LocalClient(Settings(home=home, busy_s=0.2)) as client:
        client.connections.create(files)
        with contextlib.closing(sqlite3.connect(home / "store.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert client.connections.test("files")["connected"] is True
            (warning,) = client.connections.warnings
            with client.runs.start() as run:
                assert [one["connected"] for one in run] == [True]
        assert warning == "the result of the test is not stored: the store is busy: other programs held it for 0.2 s"
        assert run.warnings == (warning,)
        assert client.connections.tests("files") == []
