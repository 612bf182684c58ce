"""`connections test --all`: the results on stdout as they come, the failures and a summary on stderr, an exit code."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any

from qualytics.cli import _output as output
from qualytics.cli import _runs_display, _runs_files
from qualytics.cli._call import INTERRUPTED
from qualytics.cli._runs_display import Tally, by_class
from qualytics.cli._terminal import shows_stages
from qualytics.client import connect, parse_classes, parse_types
from qualytics.errors import TestFailed, UsageError
from qualytics.model import Word, id_of
from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    import click

    from qualytics.cli._options import RunOptions
    from qualytics.cli._runs_display import Display
    from qualytics.client import Run
    from qualytics.types import TestResult

# So many names of connections that were not tested are shown.
_MAX_NAMED = 20
_FILTERS = {"type"}


class Outcome(Struct, frozen=False):
    """How a run has ended."""

    is_interrupted: bool = False


def run_all(
    ctx: click.Context,
    record: int | str | None,
    values: dict[str, Any],
    timeout_s: float | None,
    options: RunOptions,
    form: output.Format,
) -> None:
    """Test all connections, or those that the filters leave; end with the exit code of a failed test if one fails."""
    name = _filter(record, values, timeout_s, options)
    types = parse_types(values["type"]) if values["type"] else ()
    tally = Tally(parse_classes(options.fail_on) if options.fail_on else ())
    began, outcome = time.monotonic(), Outcome()
    with connect() as client, contextlib.ExitStack() as stack:
        report = stack.enter_context(_runs_files.junit(options.junit)) if options.junit else None
        if options.resume is None:
            run: Run = client.runs.start(
                name,
                types,
                tags=options.tags,
                owner=options.owner,
                parallel=options.parallel,
                timeout_s=timeout_s,
                retry=options.retry,
            )
        else:
            run = client.runs.resume(options.resume)
        if run.operation_id is not None and shows_stages():
            output.say(f"note: this is operation {run.operation_id}; --resume {run.operation_id} goes on with it")
        display = stack.enter_context(_runs_display.choose(run, tally, is_github=options.is_github))

        def results() -> Generator[TestResult]:
            with _until_interrupted(outcome):  # the document on stdout is still finished, so that it can be read
                for result in run:
                    tally.add(result)
                    display.add(result)
                    if report is not None:
                        report.add(result, fails=tally.fails(result))
                    yield result
                    output.flush()  # who reads a line a test wants each when it ends

        with run, contextlib.closing(results()) as documents, _until_interrupted(outcome):
            _write(documents, form, display)
        if report is not None:
            report.finish(time.monotonic() - began)
        display.close()
        for warning in run.warnings:
            output.warn(output.escape(warning))
        _say_end(ctx, run, tally, outcome, time.monotonic() - began)


def _filter(
    record: int | str | None, values: dict[str, Any], timeout_s: float | None, options: RunOptions
) -> str | None:
    """Return the part of a name that the connections must have; raise UsageError for what does not go with --all."""
    for option, value in values.items():
        if value not in {None, False} and option not in _FILTERS:
            dashed = option.replace("_", "-")
            raise UsageError(f"--{dashed} is for the test of one connection", f"leave out --{dashed}, or --all")
    if id_of(record) is not None or isinstance(record, Word):
        raise UsageError("--all tests all connections, not one", "leave out --all, or the name or ID; --name filters")
    begun_with = (record, values["type"], timeout_s, options.parallel, options.retry or None, options.owner)
    if options.resume is not None and (options.tags or any(one is not None for one in begun_with)):
        raise UsageError("--resume goes on with a run as it was begun", "leave out filters, --timeout and --parallel")
    return None if record is None else str(record)


@contextlib.contextmanager
def _until_interrupted(outcome: Outcome) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        outcome.is_interrupted = True


def _write(documents: Iterator[TestResult], form: output.Format, display: Display) -> None:
    if display.is_live and sys.stdout is not None and sys.stdout.isatty():
        rows = list(documents)  # what is written in between would tear the display apart
        display.clear()  # its failures follow the document, where they are still seen
        output.write_list(sorted(rows, key=lambda row: row["id"]), form)
    else:
        output.write_list(documents, form)


def _say_end(ctx: click.Context, run: Run, tally: Tally, outcome: Outcome, took_s: float) -> None:
    with contextlib.suppress(output.OutputClosed):
        output.flush()
    if shows_stages():
        output.say(f"{tally.summary()} in {took_s:.1f} s")
    else:
        if tally.excused:
            output.say(f"warning: failed without failing the run, as --fail-on says: {by_class(tally.excused)}")
        if tally.failed:
            output.say(f"error: {tally.failed.total():,} of {tally.tested:,} tests failed: {by_class(tally.failed)}")
    if outcome.is_interrupted:
        _say_untested(run)
        ctx.exit(INTERRUPTED)
    if not tally.tested:
        output.say("warning: there was no connection to test")
    if tally.failed:
        ctx.exit(TestFailed.exit_code)


def _say_untested(run: Run) -> None:
    names = list(run.untested())
    shown = ", ".join(output.escape(repr(name)) for name in names[:_MAX_NAMED])
    more = f", and {len(names) - _MAX_NAMED:,} more" if len(names) > _MAX_NAMED else ""
    output.say(f"stopped; {len(names):,} not tested{': ' if names else ''}{shown}{more}")
