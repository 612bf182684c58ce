"""While a test hangs: what of it can be seen, and that it ends with the program that asked for it."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys

import pytest

from tests.support import deadlines
from tests.support.processes import descendants, holds, parent, readable, watched

pytestmark = pytest.mark.slow  # each test starts processes

CANARY = "canary-5d1c7f0a99"


@pytest.fixture
def hanging(run, home, tmp_path, monkeypatch):
    """Start a test of a stored connection against a port that stays silent; yield the command and the port's peer."""
    private = tmp_path / "private"
    private.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as stack:
        created = run(
            *("connections", "create", "--type", "postgresql", "--host", "127.0.0.1", "--username", "ann"),
            *("--port", listener.getsockname()[1], "--password-stdin", "--format", "json"),
            stdin=CANARY.encode(),
        )
        assert created.code == 0, created.err
        command = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "qualytics",
                "connections",
                "test",
                "--id",
                str(created.json["id"]),
                "--timeout",
                "300",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(private)},
        )
        stack.enter_context(command)
        stack.callback(command.kill)
        listener.settimeout(60)
        peer, _ = listener.accept()
        stack.enter_context(peer)
        assert peer.recv(8)  # the child asks for TLS, and gets no answer
        yield command, private


def test_no_secret_of_a_hanging_test_is_seen_in_any_process(hanging):
    command, private = hanging
    family = descendants(command.pid)
    assert len(family) == 2
    for pid in {command.pid, *family}:
        for name in ("cmdline", "environ"):
            assert CANARY.encode() not in readable(pid, name), (pid, name)
    for path in private.rglob("*"):
        assert path.is_dir() or CANARY not in path.read_text(), path


def test_the_key_of_the_store_is_not_in_the_memory_of_a_test(hanging, home):
    command, _ = hanging
    text = (home / "key").read_text().strip()
    raw = base64.b64decode(text.translate(str.maketrans("-_", "+/")))
    assert len(raw) == 32
    family = descendants(command.pid)
    assert len(family) == 2
    for pid in family:
        if os.geteuid() != 0:
            with pytest.raises(PermissionError):
                holds(pid, raw)
        else:
            assert holds(pid, CANARY.encode())  # the search finds what is there
            assert not holds(pid, raw, raw.hex().encode(), text.encode())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_test_ends_with_the_program_that_asked_for_it(hanging, number):
    command, private = hanging
    family = [os.pidfd_open(pid) for pid in descendants(command.pid)]
    assert len(family) == 2
    command.send_signal(number)
    for one in family:
        assert select.select([one], [], [], 60)[0], "a process of the test lives on"
        os.close(one)
    command.wait(60)
    assert list(private.iterdir()) == []


def test_a_test_whose_supervisor_was_stopped_ends_with_the_program_that_asked_for_it(hanging):
    command, private = hanging
    family = descendants(command.pid)
    supervisor = next(pid for pid in family if parent(pid) == command.pid)
    with watched(family) as left:
        os.kill(supervisor, signal.SIGSTOP)
        command.kill()
        assert left() == []
    command.wait(60)
    assert list(private.iterdir()) == []


def test_an_interrupted_test_says_so_without_a_traceback(hanging):
    command, _ = hanging
    command.send_signal(signal.SIGINT)
    out, err = command.communicate(timeout=60)
    assert command.returncode == 130
    assert out == b""
    assert b"Traceback" not in err


def test_what_is_stored_can_be_changed_while_a_test_hangs(hanging, run):
    assert run("connections", "update", "--id", "1", "--name", "renamed").code == 0
    assert json.loads(run("connections", "list", "--format", "json").out)[0]["name"] == "renamed"


BREED = """
def note():
    with open(HERE + "/pids", "a") as out:
        out.write(f"{os.getpid()}\\n")

def breed(depth, leave):
    if os.fork() == 0:
        if leave:
            os.setsid()
        if depth:
            breed(depth - 1, leave)
            if leave:
                os._exit(0)
        note()
        time.sleep(600)
        os._exit(0)

for _ in range(8):
    breed(0, False)
    breed(2, False)
    breed(2, True)
subprocess.Popen(["sleep", "610"], start_new_session=True)
while len(open(HERE + "/pids").readlines() if os.path.exists(HERE + "/pids") else []) < 40:
    time.sleep(0.01)
"""


@pytest.mark.slow
@pytest.mark.parametrize("last", ["raise ValueError('bred')", "os._exit(5)", "time.sleep(600)"])
def test_nothing_that_a_driver_starts_outlives_the_test(driven, tmp_path, last):
    limit_s = deadlines.limit_after(lambda: driven(BREED + "os._exit(0)"))
    (tmp_path / "pids").unlink()
    driven(BREED + last, timeout_s=limit_s)
    pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 8 * (1 + 3 + 1)
    with watched(pids) as left:
        assert left() == []
