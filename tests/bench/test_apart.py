"""A benchmark whose rows hang, fail or crash still prints the figures of the others, and leaves nothing running."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench import __main__ as main
from testbed import servers

# What the rows import takes longer than many fast tests.
pytestmark = pytest.mark.slow

# Rows as a real run has them, in a process of their own: forking is for programs with one thread.
_ROWS = """
import os, signal, subprocess, sys, time
from bench.__main__ import measure
from bench.rows import Figure

pids = open(sys.argv[1], "a")

def good(bench):
    bench.home("store").mkdir()
    yield Figure("a figure", 1.0, "ms", 2.0, "a floor", limit=3)

def hanging(bench):
    yield Figure("a figure before it hangs", 1.0, "ms")
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE, start_new_session=True) as server:
        server.stdout.readline()
        print(os.getpid(), server.pid, file=pids, flush=True)
        time.sleep(600)

def failing(bench):
    yield Figure("a figure before it fails", 1.0, "ms")
    raise RuntimeError("its server said:\\nno")

def crashing(bench):
    os.kill(os.getpid(), signal.SIGKILL)
    yield

rows = {"hanging": hanging, "failing": failing, "crashing": crashing, "good": good}
sys.exit(measure({name: rows[name] for name in sys.argv[2:]}, row_s=3))
"""


def _run(script, *words, **more):
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, words)],
        cwd=servers.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **more,
    )


def _cells(out):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in out.splitlines() if line.startswith("|")]


def test_rows_that_hang_fail_or_crash_say_so_and_the_others_go_on(tmp_path):
    done = _run(_ROWS, tmp_path / "pids", "hanging", "failing", "crashing", "good")
    assert done.returncode == 1
    assert [line[:3] for line in _cells(done.stdout)[2:]] == [
        ["a figure before it hangs", "1.0 ms", ""],
        ["hanging", "failed", "did not end within 3 s"],
        ["a figure before it fails", "1.0 ms", ""],
        ["failing", "failed", "RuntimeError: its server said: no"],
        ["crashing", "failed", "its process was killed"],
        ["a figure", "1.0 ms", "2.0 ms (a floor)"],
    ]
    assert "; missed: none\nfailed: hanging, failing, crashing\n" in done.stdout
    assert "Traceback" in done.stderr
    assert not [pid for pid in (tmp_path / "pids").read_text().split() if Path(f"/proc/{pid}").exists()]


def test_a_run_without_a_failed_row_ends_well(tmp_path):
    done = _run(_ROWS, tmp_path / "pids", "good")
    assert (done.returncode, done.stderr) == (0, "measuring: good\n")


def test_a_figure_is_printed_when_it_is_known_and_an_interrupt_leaves_nothing(tmp_path):
    os.mkfifo(tmp_path / "pids")
    words = [sys.executable, "-c", _ROWS, str(tmp_path / "pids"), "hanging"]
    with subprocess.Popen(words, cwd=servers.ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
        with (tmp_path / "pids").open() as written:
            lines = [run.stdout.readline() for _ in range(3)]
            assert lines[2].startswith("| a figure before it hangs ")
            pids = written.readline().split()  # which is written once it hangs
        run.send_signal(signal.SIGINT)
        run.stdout.read()
    assert len(pids) == 2
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_a_server_that_does_not_end_is_killed_with_its_children(tmp_path):
    deaf = "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); os.fork(); os.write(1, b'1\\n')"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{deaf}; time.sleep(600)"], stdout=subprocess.PIPE, start_new_session=True
    )
    assert [process.stdout.readline() for _ in range(2)] == [b"1\n"] * 2  # of the parent and of its child
    assert not servers.end(process, patience_s=0.2)
    # Only the end of both closes the pipe.
    assert process.stdout.read() == b""
    process.stdout.close()


def test_rows_are_named_with_blanks_or_commas():
    assert main._names("list test,help") == ["list", "test", "help"]
    with pytest.raises(Exception, match="there is no row lost"):
        main._names("list lost")
