"""`qualytics audit`: what was done on a control plane, by whom, allowed or refused."""

from __future__ import annotations

from typing import Any

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._group import SuggestingGroup
from qualytics.cli._kinds import OneOf, Text, Whole
from qualytics.cli._notes import connect_noting_store
from qualytics.model import OUTCOMES


@click.group(cls=SuggestingGroup)
@options.examples(
    "audit list --action connection.update",
    "audit prune --before 2026-01-31",
)
def group() -> None:
    """Read and prune the audit log of a control plane. Only an Admin may."""


@group.command("list")
@options.examples(
    "audit list",
    "audit list --action connection.update --limit 20",
    "audit list --actor grace --object prod --since 2026-01-31",
    "audit list --outcome refused --format table",
)
@options.option("--action", type=Text(), metavar="TEXT", help="Only entries of this action, as connection.update.")
@options.option("--actor", type=Text(), metavar="NAME", help="Only what this user or service account did.")
@options.option("--object", "object_name", type=Text(), metavar="NAME", help="Only what was done to this record.")
@options.option("--outcome", type=OneOf(OUTCOMES), metavar="WORD", help="Only what ended so: done, failed or refused.")
@options.option("--since", type=Text(), metavar="DATE", help="Only from this day in UTC, or moment, on.")
@options.option("--until", type=Text(), metavar="DATE", help="Only before this day in UTC, or moment.")
@options.option("--before", type=Whole(1), help="Only entries before this ID.")
@options.option("--limit", type=Whole(1), default=100, show_default=True, help="Show at most so many.")
@options.common_options()
def list_(*, form: output.Format, **wanted: Any) -> None:
    """List changes and tests, the newest first; values never stand in the log, only the names of what changed.

    Names of users and records are those that they had then.
    """
    with connect_noting_store() as client:
        output.write_list(client.audit.list(**wanted), form)


@group.command()
@options.examples(
    "audit prune --before 2026-01-31",
)
@options.option(
    "--before", type=Text(), required=True, metavar="DATE", help="A day in UTC, as 2026-01-31, or a moment."
)
@options.common_options()
def prune(*, before: str, form: output.Format) -> None:
    """Drop every entry from before a day, changes too, and say how many; the log keeps that and who did it."""
    with connect_noting_store() as client:
        output.write_document(client.audit.prune(before), form)
