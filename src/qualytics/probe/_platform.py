"""What differs between Linux and other systems when a process must be shut in; every call is guarded here."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import socket
import stat
import sys

from qualytics.hiding import hide

# <linux/prctl.h>
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

# <linux/tcp.h>: tcpi_bytes_received
_RECEIVED, _TCP_INFO_BYTES = 128, 136

# <malloc.h>
_M_MMAP_THRESHOLD, _LARGE_BYTES = -3, 4 << 20

_MEMORY_BYTES = 1 << 30
_ADDRESS_BYTES = 8 << 30  # some drivers (DuckDB, Go) reserve gigabytes that they never touch
_FILE_BYTES = 64 << 20
_OPEN_FILES = 256
_MANY_DESCRIPTORS = 1 << 15


def harden() -> None:
    """Let no core dump and, on Linux, no other process of this user look into this process."""
    _limit(resource.RLIMIT_CORE, 0)
    hide()


def confine(cpu_s: int | None, memory_bytes: int = 0) -> None:
    """Limit the memory, open files and, but for a read (None), CPU and size of files of this process.

    A read may take long, and engines in it write what they sort, where memory does not hold that.
    `memory_bytes` are those that it may hold by the meter, beyond which it must not get at once.
    """
    if cpu_s is not None:
        _limit(resource.RLIMIT_CPU, cpu_s)
        _limit(resource.RLIMIT_FSIZE, _FILE_BYTES)
    _limit(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _limit(resource.RLIMIT_DATA, _MEMORY_BYTES + memory_bytes)  # on Linux all private writable memory
    with contextlib.suppress(ValueError, OSError):  # macOS has the name but not the limit
        _limit(resource.RLIMIT_AS, _ADDRESS_BYTES + memory_bytes)


def raise_descriptor_limit() -> int:
    """Let this process have as many descriptors as it may, and return how many; a test holds eight or so."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most if most != resource.RLIM_INFINITY else _MANY_DESCRIPTORS


def return_large_blocks() -> None:
    """Have glibc return blocks of 4 MiB or more when they are freed, however many there were: a read frees many."""
    with contextlib.suppress(AttributeError):  # other libraries have no such option
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def prefer_oom_kill() -> None:
    """Have the system, on Linux, end this process and its children before others when memory runs out."""
    # Before `harden`, which takes the file out of reach of its own process.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
        file.write(b"1000")


def held_bytes() -> int:
    """Return how many bytes of memory this process holds; on other systems than Linux the most it ever has."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def received_bytes() -> dict[int, int]:
    """Return how many bytes each TCP socket of this process has received, by its inode; none where Linux is not."""
    received = {}
    for name in os.listdir("/proc/self/fd") if sys.platform == "linux" else ():
        # The driver, in its own threads, may close any of them at this moment.
        with contextlib.suppress(OSError):
            status = os.fstat(int(name))
            if stat.S_ISSOCK(status.st_mode):
                with socket.socket(fileno=os.dup(int(name))) as same:
                    information = same.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
                received[status.st_ino] = int.from_bytes(information[_RECEIVED:_TCP_INFO_BYTES], sys.byteorder)
    return received


def adopt_orphans() -> None:
    """Become, on Linux, the parent of every descendant whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with(parent: int) -> None:
    """End this process, on Linux, as soon as its parent ends."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the call
        os._exit(1)


def wake_when_parent_ends() -> None:
    """Have this process, on Linux, woken when its parent ends, should somebody have stopped it by then."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)


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
