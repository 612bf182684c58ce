"""What one call knows of itself: its secrets, so that no message shows them, and the log of --debug."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import click

import qualytics
from qualytics.cli import _output as output
from qualytics.errors import QualyticsError
from qualytics.structs import Struct, field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from qualytics.masking import Masking
    from qualytics.secret import Secret
    from qualytics.types import TestReport

# The exit code after Ctrl-C.
INTERRUPTED = 130


class Call(Struct, frozen=False):
    """One run of the program: its secrets, what was `given` beside them; `began` is on the monotonic clock."""

    debug: bool = False
    typed: bool = False  # a secret stood on the command line, where the shell could change it
    secrets: list[Secret] = field(default_factory=list)
    given: list[Any] = field(default_factory=list)
    unread: list[Callable[[], Iterable[Secret]]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    _masking: Masking | None = None

    def remember(self, secrets: Iterable[Secret], given: Iterable[Any] = ()) -> None:
        """Keep secrets of this call for masking, and what was given with them, which needs none."""
        self.secrets.extend(secrets)
        self.given.extend(given)
        self._masking = None

    def remember_all(self, read: Callable[[], Iterable[Secret]]) -> None:
        """Keep what reads thousands of secrets, of which most calls need none to mask a message."""
        self.unread.append(read)
        self._masking = None

    def mask(self, text: str) -> str:
        """Return a text of this program without the secrets that came into it."""
        return self._masked().mask_own(text) if self.secrets or self.unread else text

    def _masked(self) -> Masking:
        if self._masking is None:
            from qualytics.masking import Masking  # what passes without an error does not need it

            secrets = [*self.secrets, *(secret for read in self.unread for secret in read())]
            self._masking = Masking(secrets, given=self.given)
        return self._masking

    def note(self, text: str, *, is_foreign: bool = False) -> None:
        """Write one line of the log, masked and escaped, with the time since the start."""
        if self.debug:
            ms = (time.monotonic() - self.began) * 1_000
            shown = self._masked().mask(text) if is_foreign else self.mask(text)
            output.say(f"debug: {ms:8.1f} ms  {output.escape(shown)}")

    def note_start(self, ctx: click.Context) -> None:
        """Say what is run, with which options (never their values), and on what."""
        if not self.debug:
            return
        from qualytics.client import backend

        version = sys.version.split()[0]
        self.note(f"qualytics {qualytics.__version__}, Python {version}, {sys.platform}, {sys.executable}")
        given = [param.opts[0] for param in ctx.command.params if _is_given(ctx, param)]
        self.note(f"run {ctx.command_path} with {' '.join(given) or 'no options'}")
        line, secrets = backend()
        self.remember(secrets)
        self.note(line)

    def note_report(self, report: TestReport) -> None:
        """Say how far a test came, stage by stage."""
        for stage in report["stages"]:
            self.note(f"stage {stage['name']}: {'passed' if stage['ok'] else 'failed'} after {stage['ms']} ms")
        trace = getattr(report, "trace", None)  # only on this machine
        for line in (trace or "").splitlines():
            self.note(f"driver: {line}")
        self.note(f"test took {report['duration_ms']} ms, address {report['address']}, tls {report['tls']}")

    def suspect_shell(self, report: TestReport) -> None:
        """Say what a shell may have done to a secret that was refused, where it saw it."""
        if report["class"] == "auth" and self.typed:
            output.say("hint: a shell changes $ and ! outside single quotes; --password-stdin takes any text as it is")

    def note_error(self, error: QualyticsError) -> None:
        """Say which kind of error this is and what it was raised from, with the places in the source."""
        if not self.debug:
            return
        self.note(f"error {error.code}, exit code {error.exit_code}")
        if report := getattr(error, "report", None):
            self.note_report(report)
        for exc in _chain(error):
            self.note(f"{type(exc).__name__}: {exc}", is_foreign=not isinstance(exc, QualyticsError))
            for place in _places(exc):
                self.note(f"  {place}")


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def _places(exc: BaseException) -> Iterator[str]:
    import traceback

    home = os.path.dirname(qualytics.__file__)
    for frame in traceback.extract_tb(exc.__traceback__):
        if frame.filename.startswith(home):
            yield f"at qualytics{frame.filename.removeprefix(home)}:{frame.lineno} in {frame.name}"


def current(ctx: click.Context) -> Call:
    """Return the call that a command runs in."""
    call = ctx.find_object(Call)
    return call if call is not None else Call()


def _is_given(ctx: click.Context, param: click.Parameter) -> bool:
    source = ctx.get_parameter_source(param.name or "")
    return source is click.core.ParameterSource.COMMANDLINE
