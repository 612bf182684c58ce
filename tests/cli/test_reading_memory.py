"""The memory of a read: small and flat, however many rows there are, and when nobody takes them."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from bench.clock import peak_mib, qualytics

pytestmark = pytest.mark.slow

ROWS, MOST_MIB = 10_000_000, 200
SQL = f"select i as n from range({ROWS}) r(i)"


@pytest.fixture
def read(run, home, tmp_path):
    """Return the words of a read of ten million rows, of which nothing is kept."""
    path = tmp_path / "a.duckdb"
    duckdb.connect(str(path)).close()
    assert run("connections", "create", "--type", "duckdb", "--name", "file", "--uri", path).code == 0
    return lambda *more: ("connections", "read", "file", "--sql", SQL, "--output", "-", "--format", "arrow", *more)


@pytest.mark.parametrize("fetch_size", [1_000, 10_000])
def test_ten_million_rows_take_no_more_than_a_few_batches(read, home, tmp_path, fetch_size):
    receipt = tmp_path / "receipt.json"
    command = qualytics(home, *read("--fetch-size", str(fetch_size), "--receipt", str(receipt)))
    assert peak_mib(command) <= MOST_MIB
    assert json.loads(receipt.read_text())["rows"] == ROWS


@pytest.mark.skipif(sys.platform != "linux", reason="/proc has the figures")
def test_who_takes_no_rows_stops_the_source_and_its_memory(read):
    command = [sys.executable, "-m", "qualytics", *read("--fetch-size", "10000")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as program:
        try:
            assert program.stdout.read(1_000_000)
            processes = {program.pid, *descendants(program.pid)}
            assert len(processes) == 3  # the program, a supervisor, and the worker that it has started
            before = -1
            while (now := ticks(processes)) != before:
                before = now
                time.sleep(0.2)
            assert all(peak(pid) <= MOST_MIB for pid in processes)
        finally:
            program.kill()


def descendants(pid):
    own = set()
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError):  # a thread that has ended meanwhile
            own |= {int(child) for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split()}
    return own.union(*map(descendants, own))


def ticks(processes):
    """Return the processor time that they have taken."""
    return sum(
        sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13])) for pid in processes
    )


def peak(pid):
    """Return the most memory that a process has had, in MiB."""
    line = next(one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
