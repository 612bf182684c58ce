"""The way in from Python: what `connect` gives, and that both clients then say the same."""

import json
import pickle
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

import qualytics
from qualytics.errors import UsageError

SQLITE = {"type": "sqlite", "name": "Files", "uri": "/data/sales.sqlite"}
URL = "https://connections.example.com"


def place_of(client):
    """Return the directory of the store that a client works on, or its control plane's URL, token and time."""
    if client.store_name is not None:
        return client.store_name.removesuffix("/store.db")
    plane = client._api.control_plane
    return plane.url, plane.token.reveal(), plane.endpoint.timeout_s


@pytest.fixture
def saved(home):
    """Write what `auth login` has left behind: two contexts, of which the first is in use."""
    entry = {"url": URL, "token": "saved", "timeout": 7}
    other = {"url": "https://other.example.com", "token": "other"}
    home.mkdir(parents=True)
    (home / "config.yaml").write_text(json.dumps({**entry, "current": "a", "contexts": {"a": entry, "b": other}}))
    return home


def test_with_nothing_given_it_is_what_the_commands_use(home, monkeypatch):
    assert place_of(qualytics.connect()) == str(home)
    monkeypatch.setenv("QUALYTICS_URL", URL)
    monkeypatch.setenv("QUALYTICS_TOKEN", "secret")
    assert place_of(qualytics.connect()) == (URL, "secret", 30)


def test_with_nothing_given_a_saved_context_counts(saved):
    assert place_of(qualytics.connect()) == (URL, "saved", 7)


def test_a_home_is_the_embedded_store_there_whatever_is_configured(saved, tmp_path, monkeypatch):
    for name, value in {"URL": URL, "TOKEN": "t", "STORE": "postgresql://nowhere.example.com/x"}.items():
        monkeypatch.setenv(f"QUALYTICS_{name}", value)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert place_of(qualytics.connect(home=saved)) == str(saved)
    assert place_of(qualytics.connect(home="~/mine")) == str(tmp_path / "mine")
    with qualytics.connect(home=tmp_path / "mine") as client:
        client.connections.create(SQLITE)
    assert (tmp_path / "mine" / "store.db").exists()


def test_a_url_and_a_token_are_that_control_plane(saved, monkeypatch):
    monkeypatch.setenv("QUALYTICS_URL", "https://elsewhere.example.com")
    monkeypatch.setenv("QUALYTICS_TOKEN", "elsewhere")
    assert place_of(qualytics.connect("new.example.com/api/", "mine")) == ("https://new.example.com", "mine", 30)


def test_a_token_is_taken_from_where_the_url_is_configured_and_goes_nowhere_else(saved, monkeypatch):
    assert place_of(qualytics.connect("https://other.example.com/")) == ("https://other.example.com", "other", 30)
    assert place_of(qualytics.connect(URL)) == (URL, "saved", 7)
    monkeypatch.setenv("QUALYTICS_URL", "https://new.example.com")
    monkeypatch.setenv("QUALYTICS_TOKEN", "new")
    assert place_of(qualytics.connect("https://new.example.com")) == ("https://new.example.com", "new", 30)
    with pytest.raises(UsageError, match=r"there is no token for https://unknown\.example\.com"):
        qualytics.connect("https://unknown.example.com")


def test_a_timeout_is_that_of_this_client_alone(home, monkeypatch):
    monkeypatch.setenv("QUALYTICS_TIMEOUT", "11")
    assert place_of(qualytics.connect(URL, "t"))[2] == 11
    assert place_of(qualytics.connect(URL, "t", timeout=0.5))[2] == 0.5
    assert qualytics.connect(timeout=0.5)._context.settings.busy_s == 0.5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"url": URL, "home": "/x"}, "url and home are both given"),
        ({"token": "t"}, "token is given, and url is not"),
        ({"url": ""}, "url is empty"),
        ({"url": URL, "token": ""}, "token is empty"),
        ({"home": ""}, "home is empty"),
        ({"url": "ftp://x"}, "url is not the URL of a control plane"),
        ({"url": "http://connections.example.com", "token": "t"}, "url is plain http to another host"),
        ({"url": URL, "token": "a b"}, "token is not a token"),
        *(({"timeout": wrong}, "timeout must be more than 0 and at most 3,600") for wrong in (0, -1, 3601)),
    ],
)
def test_a_wrong_argument_is_named(home, given, message):
    with pytest.raises(UsageError, match=re.escape(message)) as raised:
        qualytics.connect(**given)
    assert raised.value.hint


def test_a_record_is_an_id_or_a_name(client, allowed_files):
    made = client.connections.create({**SQLITE, "name": "Production DB", "uri": str(allowed_files / "sales.sqlite")})
    assert client.connections.get("production db") == client.connections.get(made["id"])
    assert client.connections.get("production db")["id"] == made["id"]
    with pytest.raises(qualytics.NotFound) as raised:
        client.connections.get("1")  # a text is a name, of digits too
    assert raised.value.code == "not-found"


def test_a_client_yields_every_connection_over_many_pages(client, allowed_files):
    for number in range(105):
        client.connections.create({"type": "postgresql", "host": "h", "password": "x", "name": f"c{number:03}"})
    assert [connection["name"] for connection in client] == [f"c{number:03}" for number in range(105)]


def test_a_reference_is_an_ordinary_text(client, monkeypatch):
    monkeypatch.setenv("DB_HOST", "db.example.com")
    made = client.connections.create({"type": "postgresql", "host": "h", "username": "${DB_HOST}", "password": "${X}"})
    assert made["username"] == "${DB_HOST}"


@pytest.mark.slow
def test_an_error_is_the_same_on_both(client, allowed_files):
    with pytest.raises(qualytics.InvalidInput) as raised:
        client.connections.create({"type": "postgresql", "host": "h", "prot": 1})
    assert [problem.code for problem in raised.value.problems] == ["unknown-field"]
    assert raised.value.hint == "did you mean port?"
    with pytest.raises(qualytics.TestFailed) as raised:
        client.connections.create({**SQLITE, "uri": str(allowed_files / "odd.sqlite")}, test=True)
    assert (raised.value.code, raised.value.problems) == ("test-failed", ())
    assert (raised.value.report["connected"], raised.value.report["hint"]) == (False, raised.value.hint)
    assert list(client) == []


def test_several_threads_get_each_its_own_answer_or_are_told(client):
    names = [f"c{number}" for number in range(20)]
    for name in names:
        client.connections.create({"type": "postgresql", "host": "h", "password": "x", "name": name})
    with ThreadPoolExecutor(4) as threads:
        if client.store_name is None:
            assert [one["name"] for one in threads.map(client.connections.get, names)] == names
        else:  # the store is open in this thread
            with pytest.raises(UsageError, match="the client is used in two threads"):
                threads.submit(client.connections.get, "c1").result()


@pytest.mark.slow
def test_a_trace_of_a_driver_goes_to_no_other_machine(client, allowed_files):
    report = client.connections.test_unsaved({**SQLITE, "uri": str(allowed_files / "odd.sqlite")})
    copied = pickle.loads(pickle.dumps(report))
    assert copied == report
    assert not hasattr(copied, "trace")
