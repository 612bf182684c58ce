"""Processes as tests look at them: who started whom, and waiting for an end without asking again and again."""

import os
import select
from contextlib import ExitStack, contextmanager
from pathlib import Path


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
        files = {os.pidfd_open(pid): pid for pid in pids}
        for file in files:
            stack.callback(os.close, file)

        def left(within_s=10):
            remaining = dict(files)
            while remaining and (ended := select.select(list(remaining), [], [], within_s)[0]):
                for file in ended:
                    del remaining[file]
            return sorted(remaining.values())

        yield left
