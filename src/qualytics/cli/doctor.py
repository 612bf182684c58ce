"""`qualytics doctor`: what of this machine the program needs, and which drivers are installed."""

from __future__ import annotations

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._group import Command
from qualytics.client import examine


@click.command(cls=Command)
@options.examples(
    "doctor",
    "doctor --format json",
)
@options.option("--import", "do_import", is_flag=True, help="Import each installed driver, to see whether it loads.")
@options.common_options()
@click.pass_context
def command(ctx: click.Context, /, *, do_import: bool, form: output.Format) -> None:
    """Check this machine: Python, SQLite, root certificates, its name, the store and its key, and each type's driver.

    Exit 1 when a check fails; a driver that is not installed is no failure.
    """
    report = examine(do_import=do_import)
    output.write_document(report, form)
    output.flush()  # on a terminal the document comes first
    for check in report["checks"]:
        if not check["ok"] or check["hint"]:
            word = "warning" if check["ok"] else "error"
            output.say(f"{word}: {check['name']}: {output.escape(check['found'])}")
            if check["hint"]:
                output.say(f"hint: {output.escape(check['hint'])}")
    ctx.exit(0 if all(check["ok"] for check in report["checks"]) else 1)
