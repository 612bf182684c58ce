"""The memory that all tests of a control plane together may hold: what is too much is ended, and the others go on."""

from __future__ import annotations

import os
import threading
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


class Budget:
    """Adds up what tests say that they hold; safe for many threads."""

    def __init__(self, total_bytes: int) -> None:
        self._total_bytes = total_bytes
        self._held: dict[int, int] = {}
        self._lock = threading.Lock()

    def allows(self, test: int, held: int) -> bool:
        """Note what a test holds; say no when all hold too much together, and this one more than its share."""
        with self._lock:
            self._held[test] = held
            return sum(self._held.values()) <= self._total_bytes or held <= self._total_bytes / len(self._held)

    def forget(self, test: int) -> None:
        """Take back what a test held that has ended."""
        with self._lock:
            self._held.pop(test, None)


def machine_bytes() -> int:
    """Return how much memory this process can have: the machine's, or that of a control group it is in."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    try:
        own = Path("/proc/self/cgroup").read_text(encoding="utf-8").rpartition("0::/")[2].strip()
    except OSError:  # not Linux
        return limits[0]
    for group in (_CGROUPS / own, *(_CGROUPS / own).parents):
        try:
            limit = (group / "memory.max").read_text(encoding="utf-8").strip()
        except OSError:  # the root, or a group of an older kind
            continue
        if limit.isdecimal():
            limits.append(int(limit))
    return min(limits)
