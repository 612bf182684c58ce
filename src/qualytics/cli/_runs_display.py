"""What stderr shows of a run over many connections: a live table on a terminal, else a line for each failure."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Self

from qualytics.cli import _output as output
from qualytics.cli._formats import cells
from qualytics.cli._terminal import mark, shows_stages

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from qualytics.client import Run

_TICK_S = 0.1  # nothing is shown that is over sooner
_MAX_FAILURES = 50  # that are shown at the end; all of them are on stdout
_MARK = 7  # what a mark and the space behind it take at most
_MIN_RUNNING = 3  # tests that run are shown below the failures, however many those are


class Tally:
    """Counts results by their class; `fails` says which of them fail the run."""

    def __init__(self, fail_on: tuple[str, ...]) -> None:
        self._fail_on = fail_on
        self.passed, self.failed, self.excused = 0, Counter[str](), Counter[str]()

    @property
    def tested(self) -> int:
        """Return how many results there are."""
        return self.passed + self.failed.total() + self.excused.total()

    def fails(self, result: Mapping[str, Any]) -> bool:
        """Say whether a failed test fails the run."""
        return not self._fail_on or result["class"] in self._fail_on

    def add(self, result: Mapping[str, Any]) -> None:
        """Count a result."""
        if result["connected"]:
            self.passed += 1
        else:
            (self.failed if self.fails(result) else self.excused)[result["class"]] += 1

    def summary(self) -> str:
        """Return how many passed and failed, in words."""
        failures = self.failed + self.excused
        counts = [f"{self.passed:,} passed"] + [f"{failures.total():,} failed ({by_class(failures)})"] * bool(failures)
        return f"{self.tested:,} tested: {', '.join(counts)}"


def by_class(counts: Counter[str]) -> str:
    """Return counts as `200 timeout, 100 refused`, the largest first."""
    return ", ".join(
        f"{count:,} {name}" for name, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    )


def choose(run: Run, tally: Tally, *, is_github: bool) -> Display:
    """Return the display for where stderr goes."""
    if is_github:
        return Annotations(run, tally)
    if shows_stages():
        return Live(run, tally) if os.environ.get("TERM", "dumb") != "dumb" else Marks(run, tally)
    return Display(run, tally)


class Display:
    """Off a terminal: an `error:` or `warning:` line for each failure, and one for each warning of a passed test."""

    is_live = False

    def __init__(self, run: Run, tally: Tally) -> None:
        self._run, self._tally = run, tally

    def add(self, result: Mapping[str, Any]) -> None:
        """Take a result."""
        for warning in result["warnings"]:
            output.say(output.escape(f"warning: connection {result['name']!r}: {warning}"))
        if not result["connected"]:
            severity = "error" if self._tally.fails(result) else "warning"
            output.say(output.escape(f"{severity}: connection {result['name']!r} {_failure(result)}"))

    def clear(self) -> None:
        """Take away what is not to stay."""

    def close(self) -> None:
        """Take away what is not to stay, and say what is still to be said."""
        self.clear()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()


class Marks(Display):
    """On a terminal that cannot move its cursor: a line for each failure."""

    def add(self, result: Mapping[str, Any]) -> None:
        """Take a result."""
        if not result["connected"]:
            output.say(_line(result))


class Annotations(Display):
    """Workflow commands, which GitHub shows beside the run of a job; it reads them on stderr, too."""

    def add(self, result: Mapping[str, Any]) -> None:
        """Take a result."""
        if not result["connected"]:
            severity = "error" if self._tally.fails(result) else "warning"
            title = _escaped(f"connection {result['name']}", ":", ",")
            output.say(f"::{severity} title={title}::{_escaped(_failure(result))}")


def _escaped(text: str, *more: str) -> str:
    # As the runner's own toolkit does; a property ends at a comma or colon.
    shown = output.escape(text).replace("%", "%25")
    for character in more:
        shown = shown.replace(character, f"%{ord(character):02X}")
    return shown


class Live(Display):
    """A table that is drawn anew ten times a second: the failures, the last on top, and what runs for longest."""

    is_live = True

    def __init__(self, run: Run, tally: Tally) -> None:
        super().__init__(run, tally)
        self._failures: deque[Mapping[str, Any]] = deque(maxlen=_MAX_FAILURES)
        self._began, self._drawn = time.monotonic(), 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._draw_often, daemon=True)

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._thread.start()
        return self

    def add(self, result: Mapping[str, Any]) -> None:
        """Take a result."""
        if not result["connected"]:
            self._failures.appendleft(result)

    def _draw_often(self) -> None:
        while not self._over.wait(_TICK_S):
            self._draw(self._lines())

    def _lines(self) -> list[str]:
        columns, rows = os.get_terminal_size(sys.stderr.fileno())
        room = max((rows or 24) - 2, 2)
        now, running, failures = time.monotonic(), self._run.running(), list(self._failures)
        head = (
            f"{self._tally.tested:,} of {self._run.total:,} tested, {len(running)} running, {now - self._began:.0f} s"
        )
        failures = failures[: room - min(len(running), _MIN_RUNNING)]
        waits = [f"  {one.name}  {one.type}  {now - one.began:.1f} s" for one in running[: room - len(failures)]]
        wide = (columns or 80) - 1
        return [cells.cut(head, wide), *(_line(one, wide) for one in failures), *(_cut(wait, wide) for wait in waits)]

    def _draw(self, lines: list[str]) -> None:
        up = f"\x1b[{self._drawn}A\r\x1b[J" if self._drawn else ""
        hide = "\x1b[?25l" if lines else "\x1b[?25h"
        output.draw(up + hide + "".join(f"{line}\n" for line in lines))
        self._drawn = len(lines)

    def clear(self) -> None:
        """Take the table away and show the cursor."""
        self._over.set()
        self._thread.join()
        if self._drawn:
            self._draw([])

    def close(self) -> None:
        """Take the table away and leave the failures."""
        self.clear()
        while self._failures:
            output.say(_line(self._failures.popleft()))


def _line(result: Mapping[str, Any], wide: int | None = None) -> str:
    text = f"{result['name']} {_failure(result)}"
    return f"{mark(ok=False)} {output.escape(text) if wide is None else _cut(text, wide - _MARK)}"


def _cut(text: str, wide: int) -> str:
    return cells.cut(output.escape(text), wide)


def _failure(result: Mapping[str, Any]) -> str:
    return f"failed at {result['stage']} ({result['class']}): {result['message']}"
