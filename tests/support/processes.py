"""Processes as tests look at them: who started whom, what they hold, and waiting for an end without asking again."""

import os
import select
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

# Before a command: it may then do no more than its files' modes allow, as root, too.
UNPRIVILEGED = ("setpriv", "--bounding-set=-all") if os.geteuid() == 0 else ()


def parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])


def descendants(root):
    """Return the processes that a process has started, and those that they have."""
    parents = {}
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            parents[int(name)] = parent(name)
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            continue
    found, new = set(), {root}
    while new:
        found |= new
        new = {pid for pid, its in parents.items() if its in found} - found
    return found - {root}


@contextmanager
def watched(pids):
    """Give a function that waits until all of these processes have ended, and returns those that have not."""
    with ExitStack() as stack:
        files = {}
        for pid in pids:
            with suppress(ProcessLookupError):  # it has ended since it was listed
                files[os.pidfd_open(pid)] = pid
        for file in files:
            stack.callback(os.close, file)

        def left(within_s=60):
            remaining = dict(files)
            while remaining and (ended := select.select(list(remaining), [], [], within_s)[0]):
                for file in ended:
                    del remaining[file]
            return sorted(remaining.values())

        yield left


def readable(pid, name):
    """Return a file of /proc on a process, nothing where this user may not read it."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except PermissionError:  # as it should be, unless we are root
        assert os.geteuid() != 0
        return b""


def memory(pid):
    """Yield what can be read of the memory of a process, piece by piece."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            span, mode = line.split()[:2]
            first, last = (int(part, 16) for part in span.split("-"))
            if mode.startswith("r") and "[v" not in line:
                mem.seek(first)
                with suppress(OSError):
                    yield mem.read(last - first)


def holds(pid, *needles):
    """Say whether one of these is in the memory of a process."""
    return any(needle in piece for piece in memory(pid) for needle in needles)
