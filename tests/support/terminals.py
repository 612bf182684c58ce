"""Commands on a terminal: all of one, to be typed into; or its stdout or stderr alone."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROGRAM = [sys.executable, "-m", "qualytics"]


class Terminal:
    """A program on a terminal of its own; what it shows is collected in `shown`."""

    def __init__(self, *words: str, program: Sequence[str] = PROGRAM, env: Mapping[str, str] | None = None) -> None:
        self.shown = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(program[0], [*program, *words], {**os.environ, **(env or {})})

    def read_until(self, text: bytes) -> None:
        """Wait until the program has shown a text."""
        while text not in self.shown:
            if not select.select([self.fd], [], [], 60)[0]:
                raise AssertionError(self.shown)
            self.shown += os.read(self.fd, 4096)

    def type(self, text: str) -> None:
        """Type a text."""
        os.write(self.fd, text.encode())

    def end(self) -> int:
        """Wait for the program's end and return its exit code."""
        while True:
            try:
                chunk = os.read(self.fd, 4096)
            except OSError:  # Linux says so when the other side has gone
                chunk = b""
            if not chunk:
                break
            self.shown += chunk
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def stderr_of(*words: str, **options: Any) -> tuple[int, bytes, str]:
    """Run a command with its stderr on a terminal; return its exit code, its stdout, and what the terminal shows."""
    return _on_terminal("stderr", "stdout", words, options)


def stdout_of(*words: str, columns: int = 80, **options: Any) -> tuple[int, bytes, str]:
    """Run a command with its stdout on a terminal; return its exit code, its stderr, and what the terminal shows."""
    return _on_terminal("stdout", "stderr", words, options, columns)


def _on_terminal(
    shown: str, other: str, words: tuple[str, ...], options: dict[str, Any], columns: int = 80
) -> tuple[int, bytes, str]:
    terminal, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with open(terminal, "rb", buffering=0) as screen, tempfile.TemporaryFile() as kept:
        streams = {shown: side, other: kept}
        with subprocess.Popen([*PROGRAM, *words], stdin=subprocess.DEVNULL, **streams, **options) as process:
            os.close(side)
            said = b""
            with contextlib.suppress(OSError):  # Linux says so when the last writer has gone
                while chunk := screen.read(4_096):
                    said += chunk
        kept.seek(0)
        return process.returncode, kept.read(), said.decode().replace("\r\n", "\n")
