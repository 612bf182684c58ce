"""Names for completion: kept for a minute for their user alone, forgotten after a change, never waited for."""

from __future__ import annotations

import time

import pytest

from qualytics.client import known_names, known_type
from qualytics.client.config import make
from qualytics.client.http.client import HttpClient
from tests.support import faults
from tests.support.misbehaving_http import CONNECTION, TOKEN, reply, scripted

PAGE = reply(200, {"items": [CONNECTION], "total": 1}, {"API-Level": "2"})


@pytest.fixture
def of(monkeypatch):
    """Return a function that asks for the names on a control plane."""

    def call(url, token=TOKEN, part="connections"):
        monkeypatch.setenv("QUALYTICS_URL", url)
        monkeypatch.setenv("QUALYTICS_TOKEN", token)
        return known_names(part)

    return call


def test_names_are_asked_for_once_a_user_and_kept_in_a_file_for_the_user_alone(of, home):
    with scripted(PAGE) as server:
        assert [of(server.url), of(server.url)] == [["a"], ["a"]]
        assert len(server.asked) == 1
        of(server.url, "another-token")
        of(server.url, part="datastores")
        assert len(server.asked) == 3
    kept = home / "names.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert TOKEN not in kept.read_text()


def test_the_type_of_a_connection_is_asked_for_once_and_kept_as_names_are(of, home):
    one = reply(200, CONNECTION, {"API-Level": "2"})
    with scripted(one) as server:
        of(server.url, part="datastores")
        count = len(server.asked)
        assert [known_type(7), known_type(7), known_type("a"), known_type("a")] == ["postgresql"] * 4
        assert len(server.asked) == count + 2
    assert "postgresql" in (home / "names.json").read_text()
    with scripted(reply(404, {"code": "not-found", "message": "no", "hint": "no"}, {"API-Level": "2"})) as server:
        of(server.url, part="datastores")
        assert known_type(7) is None


def test_a_change_makes_this_machine_ask_again(of):
    with scripted(PAGE, reply(200, {"deleted": True}, {"API-Level": "2"}), PAGE) as server:
        of(server.url)
        with HttpClient(make({"url": server.url, "token": TOKEN}, "the test", {})) as client:
            client.connections.delete(7)
        of(server.url)
        assert [asked.method for asked in server.asked] == ["GET", "DELETE", "GET"]


def test_a_file_that_is_none_of_ours_is_written_anew(of, home):
    home.mkdir(0o700, parents=True)
    for content in ("", "[]", '{"x": 1}', "\x00", '{"a": {"at": "now", "names": 3}}'):
        (home / "names.json").write_text(content)
        with scripted(PAGE) as server:
            assert of(server.url) == ["a"]


@pytest.mark.slow
@pytest.mark.parametrize("server", [faults.silent, faults.closed, faults.dropping])
def test_nobody_waits_for_a_control_plane_that_is_dead_and_nothing_is_said(shell, server):
    with server() as port:
        began = time.monotonic()
        env = {"QUALYTICS_URL": f"http://127.0.0.1:{port}", "QUALYTICS_TOKEN": TOKEN}
        done = shell("connections", "get", "", env={**env, "_QUALYTICS_COMPLETE": "zsh_complete"})
        assert (done.code, done.out, done.err) == (0, "", "")
        assert time.monotonic() - began < 10  # the second for it, and the start of a process of a busy machine
