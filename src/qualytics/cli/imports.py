"""`qualytics connections import`: connections of other tools, after a plan that says what becomes of each."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._call import current
from qualytics.cli._group import Command
from qualytics.cli._kinds import Text
from qualytics.cli._questions import can_ask, require_yes
from qualytics.client import connect
from qualytics.errors import UsageError
from qualytics.secret import References, Secret
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qualytics.exchange.imports.plan import Plan

_AUTO = "auto"
_MAX_SHOWN = 40
_SIGNS = {"create": "+", "skip": "=", "refuse": "!"}


@click.command("import", cls=Command)
@options.examples(
    "connections import --from connections.json --dry-run",
    "connections import --from '${DATABASE_URL}' --name crm --yes",
    "connections import --from auto --dry-run --format table",
)
@options.option(
    "--from",
    "source",
    type=Text(),
    required=True,
    metavar="FILE|URL|auto",
    help="A file of another tool, a connection URL or string (supports ${ENV_VAR}), or auto: all that tools keep here.",
)
@options.option(
    "--name", "-n", type=Text(), help="Only the connection of this name there; the name to give, with a URL or string."
)
@options.option("--uri", type=Text(), help="URI of connections that name no place, as AWS profiles.")
@options.option("--dry-run", is_flag=True, help="Print the plan; store nothing.")
@options.yes_option()
@options.common_options()
@click.pass_context
def import_(
    ctx: click.Context,
    /,
    *,
    source: str,
    name: str | None,
    uri: str | None,
    dry_run: bool,
    yes: bool,
    form: output.Format,
) -> None:
    """Create connections from what other tools keep: Airflow, dbt and more.

    The plan says which connections would be created, which are there already, which cannot be taken over, and what of
    each is left out. Nothing is sent to any server but the control plane, and all are created, or none.
    """
    if not (dry_run or yes or can_ask()):
        raise UsageError(
            "connections import asks before it stores anything, and there is no terminal to ask on",
            "--dry-run prints the plan, --yes creates the connections",
        )
    plan = _planned(ctx, source, name, {"uri": uri} if uri else {})
    with connect() as client:
        if dry_run or not yes:
            document = plan.document(client.imports.create(plan.items, dry_run=True))
        if not (dry_run or yes):
            _show(document)
            count = _count(document["connections"], "create")
            if count:
                require_yes(f"create {_numbered(count)}?", yes=False)
        if not dry_run:
            document = plan.document(client.imports.create(plan.items))
    output.write_document(document, form)
    output.flush()  # on a terminal the document comes first
    _warn(document)


def _planned(ctx: click.Context, source: str, name: str | None, defaults: Mapping[str, str]) -> Plan:
    from qualytics.exchange.imports import sources
    from qualytics.exchange.imports.plan import Plan

    references = References(os.environ)
    source = references.resolve("--from", source)
    references.finish()
    if (given := sources.of_text(source, name)) is not None:
        current(ctx).remember([Secret(source)])
        found = [given]
    else:
        found = sources.of_machine(os.environ) if source == _AUTO else [sources.of_file(source, os.environ)]
    for one in found:
        if one.problem is not None and source != _AUTO:
            place = "" if one.place == "--from" else f"{one.place}: "
            raise UsageError(f"--from: {place}{one.problem}", "check the file, URL or string that --from names")
    if name is not None:
        found = [replace(one, entries=[entry for entry in one.entries if entry.name == name]) for one in found]
    plan = Plan(found, defaults)
    current(ctx).remember(map(Secret, plan.secrets()))
    return plan


def _show(document: Mapping[str, Any]) -> None:
    rows = document["connections"]
    for row in rows[:_MAX_SHOWN]:
        fields = row["fields"]
        target = fields.get("host") or fields.get("uri") or ""
        words = [_SIGNS[row["action"]], row["action"], repr(row["name"] or row["original_name"] or row["place"])]
        words += [row["type"] or "", target, f"({row['reason']})" if row["reason"] else ""]
        output.say(output.escape(" ".join(filter(None, words))))
        for left in row["left_out"]:
            output.say(output.escape(f"    left out: {left}"))
    if len(rows) > _MAX_SHOWN:
        output.say(f"… and {len(rows) - _MAX_SHOWN:,} more; --dry-run prints them all")


def _warn(document: Mapping[str, Any]) -> None:
    rows: Sequence[Mapping[str, Any]] = document["connections"]
    if refused := _count(rows, "refuse"):
        output.say(f"warning: {_numbered(refused)} cannot be taken over; `reason` says why")
    if not rows:
        output.say("warning: no connection was read")


def _count(rows: Sequence[Mapping[str, Any]], action: str) -> int:
    return sum(row["action"] == action for row in rows)


def _numbered(count: int) -> str:
    return f"{count:,} connections" if count != 1 else "1 connection"
