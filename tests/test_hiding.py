"""A command that runs, seen by another process of its user: neither its environment nor its memory can be read."""

import base64
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="only Linux hides processes")]

# Root sees everything, and who has more rights than the reader is not seen: both are to have none.
AS_A_USER = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
READ = "import sys; open(sys.argv[1], 'rb').read(1)"


def can_read(pid, name):
    """Say whether another process of this user, without the rights of root over others, can read a file of /proc."""
    words = [sys.executable, "-I", "-c", READ, f"/proc/{pid}/{name}"]
    return subprocess.run([*AS_A_USER, *words], capture_output=True, check=False).returncode == 0


@pytest.fixture
def running(home):
    """Return a function that starts a command, and waits until it waits itself."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        started = []

        def start(*words):
            process = subprocess.Popen(
                [*AS_A_USER, sys.executable, *words],
                env={**os.environ, "QUALYTICS_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode()},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            started.append((process, listener))
            started.append((listener.accept()[0], None))
            return process.pid

        yield start, listener.getsockname()[1]
        for one, is_process in started:
            if is_process:
                one.kill()
                one.wait()
            else:
                one.close()


def test_a_command_is_hidden_and_what_is_no_command_is_not(running):
    start, port = running
    test = ("connections", "test", "--type", "postgresql", "--host", "127.0.0.1", "--port", str(port))
    command = start("-m", "qualytics", *test, "--username", "app", "--timeout", "300")
    assert not can_read(command, "environ")
    assert not can_read(command, "maps")
    text = f"import socket; peer = socket.create_connection(('127.0.0.1', {port})); peer.recv(1)"
    assert can_read(start("-c", text), "environ")  # so the reading is right


@pytest.mark.parametrize(("words", "is_hidden"), [(["--help"], False), (["connections", "list"], True)])
def test_help_without_a_secret_pays_nothing(words, is_hidden, home):
    text = f"""
import runpy, sys
sys.argv = ["qualytics", *{words!r}]
try:
    runpy.run_module("qualytics", run_name="__main__")
except SystemExit:
    sys.stderr.write(f"{{'_ctypes' in sys.modules}} {{'ctypes' in sys.modules}}")
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stderr.split()[-2:] == [str(is_hidden), "False"]


def test_nothing_of_this_is_asked_of_a_program_that_uses_the_package():
    done = subprocess.run(
        [sys.executable, "-c", "import qualytics, sys; qualytics.connect; print('_ctypes' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"
    assert Path(f"/proc/{os.getpid()}/environ").read_bytes() is not None
