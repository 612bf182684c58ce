"""A terminal at stderr: the stages of a test as they end, and what runs now; elsewhere nothing is shown."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Self, TypeVar

from qualytics.cli import _output as output
from qualytics.cli._style import GREEN, RED, has_color, is_quiet, painted
from qualytics.errors import TestFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from qualytics.model import OnStage, StageEvent
    from qualytics.types import TestReport

T = TypeVar("T")
_TICK_S = 0.1  # nothing is shown that is over sooner
_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_PLAIN_FRAMES = "|/-\\"


def is_terminal() -> bool:
    """Say whether stderr is a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()


def shows_stages() -> bool:
    """Say whether stages are shown: on a terminal, unless --quiet was given."""
    return is_terminal() and not is_quiet()


def _can_show(text: str) -> bool:
    try:
        text.encode(sys.stderr.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def run_test(what: str, verb: Callable[[OnStage | None], TestReport]) -> TestReport:
    """Run a test and show its stages; `verb` gets what to call with each, None off a terminal, and returns the report.

    `what` is the test in a message, as `the test of connection 'prod'`.
    """
    with _Stages(what) as stages:
        report = verb(stages.on_stage)
        stages.finish(report)
        return report


def run_change(what: str, verb: Callable[[OnStage | None], T], *, is_remote: bool) -> T:
    """Run a change that is tested first, and show the stages of that test, as `run_test` does.

    What a control plane does, which `is_remote` says, may be further than what is seen of it.
    """
    with _Stages(what, is_change=True, is_remote=is_remote) as stages:
        try:
            return verb(stages.on_stage)
        except TestFailed as exc:
            stages.finish(exc.report)
            raise


class _Stages:
    """Shows the stages of one test; used in a `with` statement, which leaves the terminal as it was.

    `on_stage` is what a client calls, None off a terminal.
    """

    def __init__(self, what: str, *, is_change: bool = False, is_remote: bool = False) -> None:
        self._what, self._is_change, self._is_remote = what, is_change, is_remote
        self.on_stage: OnStage | None = self._take if shows_stages() else None
        self._stage: str | None = None
        self._since = 0.0
        self._spinner: _Spinner | None = None

    def _take(self, event: StageEvent) -> None:
        if event.ok is None:
            self._stage, self._since = output.escape(event.stage), time.monotonic()
            if self._spinner is None and os.environ.get("TERM", "dumb") != "dumb":
                self._spinner = _Spinner(self._running)
        elif event.ok:
            self._stage = None
            self._say(f"{mark(ok=True)} {output.escape(event.stage)} {event.ms} ms")

    def _running(self) -> str | None:
        """Return what runs, once it has run for long enough to be seen."""
        seconds = time.monotonic() - self._since
        return f"{self._stage} {seconds:.1f} s" if self._stage is not None and seconds >= _TICK_S else None

    def _say(self, line: str) -> None:
        if self._spinner is None:
            output.say(line)
        else:
            self._spinner.say(line)

    def finish(self, report: Mapping[str, Any]) -> None:
        """Show the stage that failed, with the class of its failure."""
        if self.on_stage is not None and not report["connected"]:
            self._say(f"{mark(ok=False)} {output.escape(str(report['stage']))} {output.escape(str(report['class']))}")

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal clean, and say what Ctrl-C has stopped."""
        if self._spinner is not None:
            self._spinner.close()
        if isinstance(error, KeyboardInterrupt) and self.on_stage is not None:
            where = f" at {self._stage}" if self._stage is not None else ""
            # Only while a stage is seen to run here is it certain that a change has not been made yet.
            is_open = self._is_change and (self._is_remote or not where)
            then = "look at what is stored before you repeat it" if is_open else "nothing was changed"
            output.say(f"stopped {output.escape(self._what)}{where}; {then}")


@contextlib.contextmanager
def progress(running: Callable[[], str | None]) -> Iterator[Callable[[], None]]:
    """Show a line of progress on a terminal while the block runs, or until it calls what it gets; off one, nothing."""
    if not shows_stages() or os.environ.get("TERM", "dumb") == "dumb":
        yield lambda: None
        return
    spinner = _Spinner(running)
    try:
        yield spinner.close
    finally:
        spinner.close()


def mark(*, ok: bool) -> str:
    """Return the sign of what passed or failed, in colour where that is wanted."""
    sign, word, color = ("✓", "ok", GREEN) if ok else ("✗", "failed", RED)
    text = sign if _can_show(sign) else word
    return painted(text, color) if has_color(sys.stderr) else text


class _Spinner:
    """Draws one line anew ten times a second, in a thread of its own; the cursor is hidden while it is there."""

    def __init__(self, running: Callable[[], str | None]) -> None:
        import threading

        self._running = running
        self._frames = _FRAMES if _can_show(_FRAMES) else _PLAIN_FRAMES
        self._lock, self._over, self._is_drawn = threading.Lock(), threading.Event(), False
        self._thread = threading.Thread(target=self._draw, daemon=True)
        self._thread.start()

    def _draw(self) -> None:
        count = 0
        while not self._over.wait(_TICK_S):
            with self._lock:
                if (text := self._running()) is not None:
                    # What is wider than the terminal goes on in a line that is not taken away.
                    wide = (os.get_terminal_size(sys.stderr.fileno()).columns or 80) - 1
                    line = f"{self._frames[count % len(self._frames)]} {text}"
                    output.draw(f"\x1b[?25l\r\x1b[K{line[:wide]}")
                    self._is_drawn = True
                    count += 1

    def say(self, line: str) -> None:
        """Write a line in place of the one that is drawn."""
        with self._lock:
            self._clear()
            output.say(line)

    def _clear(self) -> None:
        if self._is_drawn:
            output.draw("\r\x1b[K\x1b[?25h")
            self._is_drawn = False

    def close(self) -> None:
        """Take the line away and show the cursor."""
        self._over.set()
        self._thread.join()
        self._clear()
