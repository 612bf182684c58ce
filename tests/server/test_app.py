"""The application: which paths and methods lead anywhere, and what a worker shows of itself."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

PROBLEM = {"type", "title", "status", "detail", "code", "message", "hint"}


@pytest.mark.parametrize(
    "path",
    [
        "/connections//1",
        "/connections/../users",
        "/connections/%2e%2e/users",
        "/../../etc/passwd",
        "/connections/1%00",
        "/connections/1;a=b",
        "/connections/-1",
        "/connections/0",
        "/connections/1e3",
        "/connections/%D9%A3",
        "/%63onnections",
        "//connections",
        "/connections/9223372036854775808",
        "/connections/" + "9" * 3000,
        "/connections/%ff",
    ],
)
def test_a_path_that_is_a_trick_leads_nowhere(plane, path):
    answer = plane.api("Member")("GET", path)
    assert answer.status == 404
    assert answer.json.keys() >= PROBLEM


def test_a_slash_at_the_end_of_a_path_does_not_count(plane):
    assert plane.api("Member")("GET", "/connections/").status == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "FOO"])
def test_a_method_that_a_path_does_not_have_is_refused(plane, method):
    answer = plane.api("Admin")(method, "/connections")
    assert answer.status == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "OPTIONS", "POST"}


@pytest.mark.skipif(sys.platform != "linux", reason="a matter of Linux")
def test_no_process_of_the_same_user_looks_into_a_worker(tmp_path):
    code = (
        "import ctypes; from qualytics.server.app import from_environment; guard = from_environment(); "
        "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"  # PR_GET_DUMPABLE
    )
    environ = {**os.environ, "QUALYTICS_CONFIG_HOME": str(tmp_path / "home")}
    ended = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "0"
    assert ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 1
