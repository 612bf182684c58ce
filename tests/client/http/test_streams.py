"""A test whose stages come one by one, from both stores, and from servers that send them all at once or not at all."""

import pytest

from qualytics.client.config import make
from qualytics.client.http.client import HttpClient
from qualytics.client.local import LocalClient
from qualytics.errors import QualyticsError, Unreachable
from qualytics.model import StageEvent
from qualytics.settings import Settings
from tests.support import faults

TOKEN = "a-token-of-twenty-characters"
SECRET = "streng-geheim-1"
REPORT = b'{"connected": true, "message": "connected", "stages": [{"name": "tcp", "ok": true, "ms": 0.5}]}'


def settings(port):
    return {"type": "postgresql", "host": "127.0.0.1", "port": port, "username": "u", "password": SECRET}


def http_client(port, token=TOKEN):
    return HttpClient(make({"url": f"http://127.0.0.1:{port}", "token": token}, "the test", {}))


def answering(media_type, body, *, length=None):
    """Serve one fixed answer to every request."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {length or len(body)}\r\n\r\n"

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
