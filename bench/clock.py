"""Runs commands by turns and tells medians: what disturbs the machine disturbs all of them alike."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

PYTHON = sys.executable
PROGRAM = str(Path(PYTHON).parent / "qualytics")

# An interpreter of its own, smaller than anything it measures: on Linux a process inherits the
# peak of the one that started it (setmax_mm_hiwater_rss in fs/exec.c).
_WATCHER = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1_024


@dataclass(frozen=True)
class Command:
    """One command: its words, what it adds to the environment, and the exit code that means it did its work."""

    words: tuple[str, ...]
    extra: dict[str, str] = field(default_factory=dict)
    code: int = 0

    def run(self, *before: str, stdin: bytes = b"") -> bytes:
        """Run it once and return its output; `before` are words to put in front."""
        done = subprocess.run(
            [*before, *self.words], input=stdin, capture_output=True, env=environment() | self.extra, check=False
        )
        if done.returncode != self.code:
            raise RuntimeError(f"{' '.join(self.words)} ended with {done.returncode}:\n{done.stderr.decode()}")
        return done.stdout


def environment() -> dict[str, str]:
    """Return the environment without what changes how Python or the product starts."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("QUALYTICS_", "PYTHON"))}


def qualytics(home: Path, *words: str, code: int = 0) -> Command:
    """Return a command of the product on the store in `home`."""
    return Command((PROGRAM, *words), {"QUALYTICS_CONFIG_HOME": str(home)}, code)


def python(text: str, extra: dict[str, str] | None = None) -> Command:
    """Return a command that runs a line of Python in the interpreter that the product runs in."""
    return Command((PYTHON, "-c", text), extra or {})


def medians_ms(commands: dict[str, Command], rounds: int) -> dict[str, float]:
    """Run all commands by turns and return the median of each in milliseconds; the first round does not count."""
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds + 1):
        for name, command in commands.items():
            began = time.perf_counter()
            command.run()
            taken[name].append((time.perf_counter() - began) * 1_000)
    return {name: statistics.median(times[1:]) for name, times in taken.items()}


def seconds(command: Command, stdin: bytes = b"") -> float:
    """Run a command once and return how long it took."""
    began = time.perf_counter()
    command.run(stdin=stdin)
    return time.perf_counter() - began


def processor_seconds(command: Command) -> float:
    """Run a command once and return the processor time that it took: what others do meanwhile hardly counts."""
    before = os.times()
    command.run()
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def peak_mib(command: Command) -> float:
    """Return the highest memory that one process of a command had, in MiB."""
    said = command.run(PYTHON, "-I", "-S", "-c", _WATCHER)
    return int(said) * _MAXRSS_UNIT / (1 << 20)
