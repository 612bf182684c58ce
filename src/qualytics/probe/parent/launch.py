"""Starting a child of the program itself: a fresh interpreter with a clean environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from qualytics import module_path
from qualytics.settings import TEST_CLOSE_S

# What the child needs of its surroundings: where programs and trusted roots are. Nothing else passes.
_PASSED_ON = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_BOOT = "import sys; sys.path[:] = sys.argv[1:]; from qualytics.probe.child.main import main; main()"


def command(boot: str, *arguments: str) -> list[str]:
    """Return what starts an interpreter that sees nothing of its user, and finds modules where this one does.

    `boot` finds the arguments, and behind them the places of modules, in sys.argv.
    """
    return [sys.executable, "-I", "-B", "-c", boot, *arguments, *module_path.places()]


def child_command() -> list[str]:
    """Return what starts the interpreter of one test, which reads its plan from the standard input."""
    return command(_BOOT)


def environment(directory: str) -> dict[str, str]:
    """Return the environment of a child whose home is this directory."""
    env = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return env | {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": directory, "TMPDIR": directory}


class Spawned:
    """A child that is this process's own."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("the child needs pipes")
        self.stdin, self.stdout = process.stdin.fileno(), process.stdout.fileno()
        self._process = process

    def end(self) -> None:
        """Have the child end whatever it started, and itself; kill its process group if it cannot."""
        with self._process as process:
            if process.stdin is not None:
                process.stdin.close()
            process.send_signal(signal.SIGCONT)  # who was stopped cleans up, too
            try:
                process.wait(TEST_CLOSE_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def spawn(directory: str) -> Spawned:
    """Start a child in the directory that is its to use and remove."""
    return Spawned(
        subprocess.Popen(  # noqa: S603 - our own interpreter with our own code
            child_command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=directory,
            env=environment(directory),
            start_new_session=True,
            bufsize=0,
        )
    )
