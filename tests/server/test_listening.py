"""The address of a control plane: one program's alone; and the end of everything when the main process is killed."""

import contextlib
import http.client
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from qualytics.errors import AddressTaken
from qualytics.server import listening
from testbed.control_plane import make_accounts, serving
from testbed.servers import free_port
from tests.support import faults
from tests.support.processes import UNPRIVILEGED, descendants, watched

pytestmark = [pytest.mark.servers, pytest.mark.slow]


def serve(home, listen, before=()):
    words = [*before, sys.executable, "-m", "qualytics", "serve", "--listen", listen]
    env = {**os.environ, "QUALYTICS_CONFIG_HOME": str(home)}
    return subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


@contextlib.contextmanager
def first_end(processes):
    """Give those that have ended as soon as one has."""
    files = [os.pidfd_open(process.pid) for process in processes]
    try:
        yield select.select(files, [], [], 60)[0]
    finally:
        for file in files:
            os.close(file)


def refusal(home, listen, before=()):
    """Return the exit code of a control plane that is not to start, and what it says."""
    process = serve(home, listen, before)
    try:
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, said


def test_a_second_one_on_the_same_port_ends_at_once_and_says_who_listens(tmp_path):
    with serving(tmp_path / "first", "--workers", "2") as plane:
        for host in ("127.0.0.1", "0.0.0.0", "localhost", "[::]"):
            code, said = refusal(tmp_path / "second", f"{host}:{plane.port}")
            assert code == 1
            assert said.startswith(f"error: cannot listen on {host}:{plane.port}: ")
            known = (
                f"(process {plane.process.pid}) listens" if os.geteuid() == 0 else "a qualytics control plane answers"
            )
            assert f"{known} there\nhint: choose another with --listen" in said
        assert not (tmp_path / "second").exists()
        assert plane.api()("GET", "/connections").status == 200


def test_who_cannot_see_the_process_hears_what_answers_there(tmp_path):
    with serving(tmp_path / "first") as plane:
        for host in ("127.0.0.1", "[::]"):
            code, said = refusal(tmp_path / "second", f"{host}:{plane.port}", UNPRIVILEGED)
            where = f"cannot listen on {host}:{plane.port}"
            assert (code, said.splitlines()[0]) == (1, f"error: {where}: a qualytics control plane answers there")


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        ("127.0.0.1", ("127.0.0.1", "localhost", "0.0.0.0", "[::]")),
        ("0.0.0.0", ("127.0.0.1", "localhost", "0.0.0.0", "[::]")),
        ("::1", ("[::1]", "[::]")),
        ("::", ("127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::]")),
    ],
)
def test_every_address_that_covers_or_is_covered_by_one_in_use_is_refused_at_once(held, wanted):
    family = socket.AF_INET6 if ":" in held else socket.AF_INET
    with socket.socket(family) as other:
        other.bind((held, 0))
        other.listen()
        port = other.getsockname()[1]
        for host in wanted:
            with pytest.raises(AddressTaken) as refused:
                listening.take(host.strip("[]"), port)
            name = Path("/proc/self/comm").read_text().strip()
            assert refused.value.message == (
                f"cannot listen on {host}:{port}: {name} (process {os.getpid()}) listens there"
            )


def test_it_shares_no_port_with_a_program_that_would_share(home):
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        code, said = refusal(home, f"127.0.0.1:{other.getsockname()[1]}")
    assert (code, f"(process {os.getpid()}) listens there" in said) == (1, True)


def test_of_two_that_start_at_once_one_serves(tmp_path):
    make_accounts(tmp_path / "home")
    port = free_port()
    both = [serve(tmp_path / "home", f"127.0.0.1:{port}") for _ in range(2)]
    try:
        with first_end(both) as ended:
            assert len(ended) == 1, "both serve, or none"
        loser, winner = sorted(both, key=lambda process: process.poll() is None)
        assert loser.returncode == 1
        assert "listens there" in loser.stderr.read()
        assert any("Started worker" in line for line in winner.stderr)
    finally:
        for process in both:
            process.terminate()
            process.wait(60)
            process.stderr.close()


def test_of_two_that_took_an_address_before_either_listens_one_is_refused():
    port = free_port()
    with listening.take("127.0.0.1", port) as first, listening.take("127.0.0.1", port) as second:
        listening.listen(first, 8)
        with pytest.raises(AddressTaken, match=f"cannot listen on 127.0.0.1:{port}: .* listens there"):
            listening.listen(second, 8)


def test_an_address_with_a_name_or_of_version_6_is_taken_too(tmp_path):
    for host, family, address in (
        ("localhost", socket.AF_INET, "127.0.0.1"),
        ("[::1]", socket.AF_INET6, "::1"),
        ("[::]", socket.AF_INET6, "::1"),
    ):
        port = free_port()
        process = serve(tmp_path, f"{host}:{port}")
        try:
            assert any("Started worker" in line for line in process.stderr)
            with socket.socket(family) as caller:
                caller.settimeout(60)
                caller.connect((address, port))
                caller.sendall(b"GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n")
                assert caller.recv(64).startswith(b"HTTP/1.1 204 ")
        finally:
            process.terminate()
            process.wait(60)
            process.stderr.close()


@pytest.mark.parametrize("listen", ["192.0.2.1:80", "nowhere.invalid:8000"])
def test_what_is_no_address_of_this_machine_is_a_usage_error(home, listen):
    code, said = refusal(home, listen)
    assert (code, said.startswith(f"error: cannot listen on {listen}: ")) == (2, True)


def test_when_the_main_process_is_killed_nothing_is_left_and_the_next_starts_at_once(tmp_path):
    with faults.silent() as silent, serving(tmp_path / "home", "--workers", "2") as plane:
        body = {"type": "postgresql", "host": "127.0.0.1", "port": silent, "username": "app"}
        api = plane.api()
        asking = threading.Thread(target=ends_without_an_answer, args=(api, body))
        asking.start()
        until = time.monotonic() + 60
        while len(everybody := descendants(plane.process.pid)) < 5:  # workers, template, keeper, worker of the test
            assert time.monotonic() < until
            asking.join(0.05)
        with watched(everybody) as left:
            os.kill(plane.process.pid, signal.SIGKILL)
            assert left() == []
        asking.join()
        code = plane.process.wait()
        assert code == -signal.SIGKILL
        again = serve(tmp_path / "home", f"127.0.0.1:{plane.port}")
        try:
            assert any("Started worker" in line for line in again.stderr)
        finally:
            again.terminate()
            again.wait(60)
            again.stderr.close()


def ends_without_an_answer(api, body):
    with pytest.raises((ConnectionError, http.client.HTTPException)):  # whoever answers is killed
        api("POST", "/connections/test", body)
