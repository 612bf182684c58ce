"""The limits of a child, and the processes that a process has."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from qualytics.probe import _platform
from tests.support.trial import outcome

pytestmark = pytest.mark.slow  # each test starts processes


def test_a_driver_that_takes_all_memory_is_stopped(driven):
    report = driven("raise ValueError(len(bytearray(3 << 30)))")
    assert outcome(report) == ("open", "config")
    assert report.failure.message == "the test ran out of memory: no test needs that much"


@pytest.mark.slow
def test_a_driver_may_reserve_much_more_memory_than_it_uses(driven):
    report = driven("import mmap\nraise ValueError(len(mmap.mmap(-1, 3 << 30, prot=mmap.PROT_READ)))")
    assert report.failure.detail == f"ValueError: {3 << 30}"


@pytest.mark.slow
def test_a_driver_that_fills_the_disk_is_stopped(driven):
    report = driven("open('big', 'wb').truncate(1 << 30)")
    assert "File too large" in report.failure.detail


DRIVER_THAT_TELLS = """
import resource

def connect(*_, **__):
    raise ValueError(resource.getrlimit(resource.RLIMIT_NOFILE))
"""


LIMITED = """
import resource, sys
sys.path.insert(0, sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
from qualytics import probe
print(probe.run(probe.Plan("duckdb", {"uri": sys.argv[1] + "/a.duckdb"}, {}, 20.0)).failure.detail)
"""


@pytest.mark.slow
def test_limits_of_the_shell_are_kept_where_they_are_lower(tmp_path):
    # In a process of its own: what runs the tests has more files open than that.
    (tmp_path / "duckdb.py").write_text(DRIVER_THAT_TELLS)
    (tmp_path / "a.duckdb").write_bytes(bytes(8) + b"DUCK" + bytes(100))
    command = [sys.executable, "-c", LIMITED, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "ValueError: (100, 100)\n"


def test_the_children_of_a_process_are_found_whatever_they_are_called():
    child = os.fork()
    if child == 0:
        with open("/proc/self/comm", "w") as name:
            name.write("a) S 1 (b")
        signal.pause()
    try:
        assert child in _platform.children()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert child not in _platform.children()
