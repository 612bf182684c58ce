"""Commands whose stderr is a terminal, as a user sees them who reads a document in a pipe."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
import tempfile
from typing import Any

PROGRAM = [sys.executable, "-m", "qualytics"]


def stderr_of(*words: str, **options: Any) -> tuple[int, bytes, str]:
    """Run a command with its stderr on a terminal; return its exit code, its stdout, and what the terminal shows."""
    terminal, side = pty.openpty()
    with open(terminal, "rb", buffering=0) as shown, tempfile.TemporaryFile() as out:
        command = [*PROGRAM, *words]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=side, **options) as process:
            os.close(side)
            said = b""
            with contextlib.suppress(OSError):  # Linux says so when the last writer has gone
                while chunk := shown.read(4_096):
                    said += chunk
        out.seek(0)
        return process.returncode, out.read(), said.decode().replace("\r\n", "\n")
