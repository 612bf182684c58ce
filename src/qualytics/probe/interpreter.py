"""The interpreter that every child is: what starts it, and its clean environment."""

from __future__ import annotations

import os
import sys

from qualytics import module_path

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
    env |= {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": directory, "TMPDIR": directory}
    return env | {"OPENBLAS_NUM_THREADS": "1"}  # else numpy starts a thread for each core, of which none has work
