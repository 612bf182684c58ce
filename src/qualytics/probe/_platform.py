"""What differs between Linux and other systems when a process must be shut in; every call is guarded here."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys

# <linux/prctl.h>
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36

_MEMORY_BYTES = 2 << 30
_ADDRESS_BYTES = 8 << 30  # some drivers (DuckDB, Go) reserve gigabytes that they never touch
_FILE_BYTES = 64 << 20
_OPEN_FILES = 256


def harden() -> None:
    """Let no core dump and, on Linux, no other process of this user look into this process."""
    _limit(resource.RLIMIT_CORE, 0)
    _prctl(_PR_SET_DUMPABLE, 0)


def confine(cpu_s: int) -> None:
    """Limit the memory, CPU, files and open files of this process."""
    _limit(resource.RLIMIT_CPU, cpu_s)
    _limit(resource.RLIMIT_FSIZE, _FILE_BYTES)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _limit(resource.RLIMIT_DATA, _MEMORY_BYTES)  # on Linux all private writable memory
    with contextlib.suppress(ValueError, OSError):  # macOS has the name but not the limit
        _limit(resource.RLIMIT_AS, _ADDRESS_BYTES)


def adopt_orphans() -> None:
    """Become, on Linux, the parent of every descendant whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int) -> None:
    """End this process, on Linux, as soon as its parent ends."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the call
        os._exit(1)


def children() -> list[int]:
    """Return the processes whose parent this one is; none where there is no /proc."""
    if not os.path.exists("/proc/self/stat"):
        return []
    return [int(name) for name in os.listdir("/proc") if name.isdecimal() and _parent(name) == os.getpid()]


def _parent(pid: str) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            # The command's name stands in brackets and may hold anything; state and parent follow.
            return int(stat.read().rpartition(b")")[2].split()[1])
    except OSError:  # it ended meanwhile
        return None


def _limit(which: int, limit: int) -> None:
    allowed = [limit, *(one for one in resource.getrlimit(which) if one != resource.RLIM_INFINITY)]
    resource.setrlimit(which, (min(allowed), min(allowed)))


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
