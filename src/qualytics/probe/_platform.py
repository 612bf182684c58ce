"""What differs between Linux and other systems when a process must be shut in; every call is guarded here."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import threading

# <linux/prctl.h>
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4

_MEMORY_BYTES = 8 << 30  # address space; some drivers (DuckDB, Go) reserve gigabytes that they never touch
_FILE_BYTES = 64 << 20
_OPEN_FILES = 256


def confine(cpu_s: int) -> None:
    """Limit this process: no core dump, bounded memory, CPU, files; on Linux it also dies with its parent."""
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_FSIZE: _FILE_BYTES,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_AS: _MEMORY_BYTES,
    }
    for which, limit in limits.items():
        _, hard = resource.getrlimit(which)
        bounded = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(which, (bounded, bounded))
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def die_with(lifeline: int) -> None:
    """End this process once the other side of `lifeline`, a pipe that nobody writes to, is gone.

    Works everywhere; on Linux the kernel's signal is the faster of the two.
    """

    def wait() -> None:
        os.read(lifeline, 1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()
