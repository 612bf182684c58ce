"""`qualytics connections history`: how the last tests of a connection ended."""

from __future__ import annotations

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._group import Command
from qualytics.cli._kinds import Whole
from qualytics.client import connect


@click.command(cls=Command)
@options.examples(
    "connections history prod",
    "connections history prod --limit 10 --format table",
    "connections history --id 1 --jq '[.[] | select(.connected | not) | .class]'",
)
@options.record_options("Connection")
@options.option("--limit", type=Whole(1), help="Show at most so many; all that are kept by default.")
@options.common_options(on_terminal="table")
def history(*, record: int | str, limit: int | None, form: output.Format) -> None:
    """Show how the last 100 tests of a connection ended, the newest first; on a terminal as a table by default.

    Tests of its stored values alone: none with other values, and none that failed in a database of --database.
    """
    with connect() as client:
        output.write_list(client.connections.tests(record, limit), form)
