"""A test whose stages come one by one, from both stores, and from servers that send them all at once or not at all."""

import http.client
import json
from contextlib import closing

import pytest

from qualytics import errors
from qualytics.client.config import make
from qualytics.client.http.client import HttpClient
from qualytics.client.local import LocalClient
from qualytics.errors import QualyticsError, Unreachable
from qualytics.model import StageEvent, version_of
from qualytics.settings import API_LEVEL_HEADER, Settings
from tests.support import faults

TOKEN = "a-token-of-twenty-characters"
SECRET = "streng-geheim-1"
OURS = f"{API_LEVEL_HEADER}: 1\r\nConnection: close\r\n"
REPORT = b'{"connected": true, "message": "connected", "stages": [{"name": "tcp", "ok": true, "ms": 0.5}]}'


def settings(port):
    return {"type": "postgresql", "host": "127.0.0.1", "port": port, "username": "u", "password": SECRET}


def http_client(port, token=TOKEN):
    return HttpClient(make({"url": f"http://127.0.0.1:{port}", "token": token}, "the test", {}))


def answering(media_type, body, *, length=None, more=""):
    """Serve one fixed answer to every request."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {length or len(body)}\r\n{more}\r\n"

    def behave(peer, _over):
        peer.recv(65_536)
        peer.sendall(head.encode() + body)

    return faults.serving(behave)


@pytest.fixture(params=["embedded", pytest.param("control plane", marks=pytest.mark.slow)])
def client(request, tmp_path):
    """Return a client of each kind."""
    if request.param == "embedded":
        made = LocalClient(Settings(home=tmp_path / "home"))
    else:
        plane = request.getfixturevalue("fresh_plane")
        made = http_client(plane.port, plane.tokens["Admin"])
    with made:
        yield made


@pytest.mark.slow
def test_both_clients_call_with_each_stage_as_it_begins_and_ends(client):
    events = []
    with faults.closed() as port:
        number = client.connections.create(settings(port))["id"]
        for test in (
            lambda: client.connections.test(number, on_stage=events.append),
            lambda: client.connections.test_unsaved(settings(port), on_stage=events.append),
        ):
            events.clear()
            report = test()
            assert [(event.stage, event.ok) for event in events] == [
                ("resolve", None),
                ("resolve", True),
                ("tcp", None),
                ("tcp", False),
            ]
            ended = [{"name": stage, "ok": ok, "ms": ms} for stage, ok, ms in events if ok is not None]
            assert ended == report["stages"]


@pytest.mark.slow
def test_a_stage_that_the_time_limit_cuts_short_ends_as_failed(client):
    events = []
    with faults.silent() as port:
        report = client.connections.test_unsaved(settings(port), timeout_s=5, on_stage=events.append)
    assert report["class"] == "timeout"
    last = report["stages"][-1]
    assert events[-2:] == [StageEvent(last["name"]), StageEvent(last["name"], ok=False, ms=last["ms"])]


@pytest.mark.slow
def test_what_the_callable_raises_ends_the_test_and_is_raised_as_it_is(client):
    error = ValueError("enough")

    def stop(event):
        if event.stage == "tls":
            raise error

    with faults.silent() as port, pytest.raises(ValueError, match="enough") as raised:
        client.connections.test_unsaved(settings(port), timeout_s=300, on_stage=stop)
    assert raised.value is error
    assert list(client.connections.list()) == []  # the client goes on


@pytest.fixture
def files(client, allowed_files):
    """Return the fields of a connection that both clients may store and whose test passes."""
    return {"type": "sqlite", "name": "files", "uri": str(allowed_files / "sales.sqlite")}


PASSED = [("open", None), ("open", True), ("query", None), ("query", True)]


@pytest.mark.slow
def test_a_change_that_is_tested_first_tells_its_stages_and_returns_what_is_stored(client, files):
    events = []
    made = client.connections.create(files, test=True, on_stage=events.append)
    assert [(event.stage, event.ok) for event in events] == PASSED
    assert (made["name"], made["product_name"], version_of(made)) == ("files", "SQLite", 1)
    events.clear()
    changed = client.connections.update(
        "files", {"name": "FILES"}, test=True, version=version_of(made), on_stage=events.append
    )
    assert [(event.stage, event.ok) for event in events] == PASSED
    assert (changed["name"], version_of(changed)) == ("FILES", 2)
    assert client.connections.get(changed["id"]) == changed
    assert client.connections.create({**files, "name": "fil\u0435s"}, test=True, on_stage=events.append)["id"]
    assert len(client.connections.warnings) == 1


@pytest.mark.slow
def test_a_change_whose_test_fails_tells_its_stages_once_and_stores_nothing(client, files, allowed_files):
    events, damaged = [], str(allowed_files / "odd.sqlite")
    number = client.connections.create(files)["id"]
    for change in (
        lambda: client.connections.create({**files, "name": "b", "uri": damaged}, test=True, on_stage=events.append),
        lambda: client.connections.update(number, {"uri": damaged}, test=True, on_stage=events.append),
    ):
        events.clear()
        with pytest.raises(errors.TestFailed) as failed:
            change()
        ended = [{"name": stage, "ok": ok, "ms": ms} for stage, ok, ms in events if ok is not None]
        assert ended == failed.value.report["stages"]
    assert [one["uri"] for one in client.connections.list()] == [files["uri"]]


@pytest.mark.slow
def test_what_the_callable_raises_while_a_new_connection_is_tested_stores_nothing(client):
    def stop(event):
        if event.stage == "tls":
            raise LookupError("enough")

    with faults.silent() as port, pytest.raises(LookupError, match="enough"):
        client.connections.create(settings(port), test=True, timeout_s=300, on_stage=stop)
    assert list(client.connections.list()) == []


@pytest.mark.slow
def test_the_last_line_of_a_change_holds_the_connection_and_the_report_of_its_test(fresh_plane, allowed_files):
    body = json.dumps({"type": "sqlite", "name": "files", "uri": str(allowed_files / "sales.sqlite")})
    head = {"Authorization": f"Bearer {fresh_plane.tokens['Admin']}", "Content-Type": "application/json"}
    with closing(http.client.HTTPConnection("127.0.0.1", fresh_plane.port, timeout=60)) as connection:
        connection.request("POST", "/api/connections?test=true", body, {**head, "Accept": "application/jsonl"})
        *stages, last = [json.loads(line) for line in connection.getresponse()]
    assert [(line["stage"], line["ok"]) for line in stages] == PASSED
    assert {*last} == {"connection", "version", "warnings", "report"}
    assert (last["connection"]["name"], last["version"], last["warnings"]) == ("files", 1, [])
    assert (last["report"]["connected"], len(last["report"]["stages"])) == (True, 2)


def test_an_older_control_plane_answers_a_tested_change_without_stages():
    events, body = [], b'{"id": 7, "name": "a", "type": "postgresql"}'
    with answering("application/json", body, more=OURS) as port, http_client(port) as client:
        assert client.connections.create(settings(1), test=True, on_stage=events.append)["id"] == 7
    assert events == []


def test_a_change_whose_stream_is_cut_off_may_have_been_made():
    line = b'{"stage": "tcp", "ok": null, "ms": null}\n'
    with (
        answering("application/jsonl", line, more=OURS) as port,
        http_client(port) as client,
        pytest.raises(Unreachable, match="closed the connection before") as cut,
    ):
        client.connections.create(settings(1), test=True, on_stage=lambda _: None)
    assert cut.value.hint == "check what is stored before you repeat it"


def test_the_stages_of_a_server_that_answers_json_come_from_the_report():
    events = []
    with answering("application/json", REPORT) as port, http_client(port) as client:
        report = client.connections.test_unsaved(settings(1), on_stage=events.append)
    assert report["connected"] is True
    assert events == [StageEvent("tcp", ok=True, ms=0.5)]


@pytest.mark.parametrize("missing", [0, 9_000])
def test_a_stream_that_is_cut_off_is_no_report(missing):
    line = b'{"stage": "tcp", "ok": null, "ms": null}\n'
    with (
        answering("application/jsonl", line, length=len(line) + missing) as port,
        http_client(port) as client,
        pytest.raises(Unreachable, match="closed the connection before"),
    ):
        client.connections.test_unsaved(settings(1), on_stage=lambda _: None)


def test_a_problem_in_the_last_line_is_raised_and_no_stage_shows_a_secret():
    events = []
    lines = b'{"stage": "%s", "ok": true, "ms": 1}\n{"problem": {"status": 503, "message": "busy"}}\n' % SECRET.encode()
    with (
        answering("application/jsonl", lines) as port,
        http_client(port) as client,
        pytest.raises(QualyticsError, match="busy"),
    ):
        client.connections.test_unsaved(settings(1), on_stage=events.append)
    assert SECRET not in repr(events)
    assert len(events) == 1
