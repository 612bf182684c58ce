"""Keeping the memory and the environment of this process from other processes of its user, as far as the system can."""

import os
import sys

# Variables that hold a secret; whoever reads the environment of a process has them.
_SECRETS = frozenset(
    f"QUALYTICS_{name}"
    for name in ("KEY", "NEW_KEY", "TOKEN", "STORE", "STORE_PASSWORD", "OIDC_CLIENT_SECRET", "BASE_SECRET_KEY")
)
# Calls that neither take a secret nor open anything.
_HARMLESS = frozenset({"--help", "-h", "--version"})
_PR_SET_DUMPABLE = 4  # <linux/prctl.h>


def hide() -> None:
    """Let, on Linux, no other process but root's look into this one."""
    if sys.platform == "linux":
        # What ctypes is made of: itself it would cost each command another 4 ms.
        import _ctypes

        program = _ctypes.dlopen(None, os.RTLD_NOW)  # type: ignore[arg-type]  # as ctypes calls it, too
        prctl = _ctypes.dlsym(program, "prctl")
        _ctypes.call_function(prctl, (_PR_SET_DUMPABLE, 0, 0, 0, 0))


def hide_command() -> None:
    """Hide a command that may have a secret; one that cannot pays nothing for it."""
    if _HARMLESS.isdisjoint(sys.argv) or not _SECRETS.isdisjoint(os.environ):
        hide()
