"""`qualytics connections`: create, update, get, list, delete, test, types, usages."""

from __future__ import annotations

from typing import Any

import click

from qualytics import client
from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._group import SuggestingGroup
from qualytics.errors import UsageError
from qualytics.fields import BY_NAME, CREATE, FIELDS, TEST, UPDATE

_TEST_FAILED = 6


@click.group(cls=SuggestingGroup)
def group() -> None:
    """Manage database connections."""


@group.command()
@options.field_options(CREATE)
@click.option("--dry-run", is_flag=True, help="Print the masked payload; store and contact nothing.")
@click.option("--test", "run_test", is_flag=True, help="Test first; store only if the test passes.")
@options.timeout_option()
@options.common_options()
@click.pass_context
def create(
    ctx: click.Context, /, *, dry_run: bool, run_test: bool, timeout_s: float | None, form: str, **given: Any
) -> None:
    """Create a connection."""
    fields = options.collect(ctx, given)
    _require_test(run_test=run_test, timeout_s=timeout_s)
    with client.connect() as door:
        if dry_run:
            output.write_document(door.connections.preview(fields), form)
            return
        output.write_document(door.connections.create(fields, test=run_test, timeout_s=timeout_s), form)


@group.command()
@options.id_option("Connection", required=True)
@options.field_options(UPDATE)
@click.option("--unset", multiple=True, type=options.Text(), metavar="FIELD", help="Unset a field; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Print the connection as it would become; store nothing.")
@click.option("--test", "run_test", is_flag=True, help="Test the changed connection first; store only if it passes.")
@options.timeout_option()
@options.common_options()
@click.pass_context
def update(
    ctx: click.Context,
    /,
    *,
    record_id: int,
    unset: tuple[str, ...],
    dry_run: bool,
    run_test: bool,
    timeout_s: float | None,
    form: str,
    **given: Any,
) -> None:
    """Change the given fields of a connection; the others stay."""
    fields = options.collect(ctx, given)
    for name in (text.removeprefix("--").replace("-", "_") for text in unset):
        if name not in BY_NAME:
            known = ", ".join(field.name for field in FIELDS if UPDATE in field.verbs)
            raise UsageError(f"--unset: there is no field {name!r}", f"the fields are {known}")
        if name in fields:
            raise UsageError(f"{name} is both given and unset", "drop one of the two")
        fields[name] = None
    _require_test(run_test=run_test, timeout_s=timeout_s)
    with client.connect() as door:
        document = door.connections.update(record_id, fields, dry_run=dry_run, test=run_test, timeout_s=timeout_s)
        output.write_document(document, form)


@group.command()
@options.id_option("Connection")
@click.option("--name", type=options.Text(), help="Connection name.")
@options.common_options()
def get(*, record_id: int | None, name: str | None, form: str) -> None:
    """Show a connection by id or name; secrets are masked."""
    with client.connect() as door:
        found = options.choose(record_id, name, door.connections.find)
        output.write_document(door.connections.get(found), form)


@group.command("list")
@click.option("--name", type=options.Text(), help="Filter by a part of the name.")
@click.option(
    "--type",
    "-t",
    "types",
    type=options.Text(),
    help="Comma-separated connection types.",
    shell_complete=lambda _ctx, _param, text: options.complete_types(text),
)
@click.option("--sort", type=click.Choice(("id", "name", "type")), default="id", show_default=True, help="Order.")
@click.option("--limit", type=options.Whole(1), help="Show at most so many; all by default.")
@options.common_options()
def list_(*, name: str | None, types: str | None, sort: str, limit: int | None, form: str) -> None:
    """List connections."""
    with client.connect() as door:
        chosen = client.parse_types(types) if types else ()
        output.write_list(door.connections.list(name, chosen, sort, limit), form)


@group.command()
@options.id_option("Connection")
@click.option("--name", type=options.Text(), help="Connection name.")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted; delete nothing.")
@options.common_options()
def delete(*, record_id: int | None, name: str | None, dry_run: bool, form: str) -> None:
    """Delete a connection that no datastore uses."""
    with client.connect() as door:
        found = options.choose(record_id, name, door.connections.find)
        output.write_document(door.connections.delete(found, dry_run=dry_run), form)


@group.command()
@options.id_option("Connection")
@click.option("--name", "record_name", type=options.Text(), help="Connection name.")
@options.field_options(TEST)
@options.timeout_option()
@options.common_options()
@click.pass_context
def test(
    ctx: click.Context,
    /,
    *,
    record_id: int | None,
    record_name: str | None,
    timeout_s: float | None,
    form: str,
    **given: Any,
) -> None:
    """Test a stored connection, with overrides that are not stored; or settings with --type alone."""
    fields = options.collect(ctx, given)
    with client.connect() as door:
        if "type" in fields:
            if record_id is not None or record_name is not None:
                raise UsageError("--type is for settings that are not stored", "leave out --type, or --id and --name")
            what, report = "the test", door.connections.test_unsaved(fields, timeout_s=timeout_s)
        else:
            found = options.choose(record_id, record_name, door.connections.find)
            what, report = f"the test of connection {found}", door.connections.test(found, fields, timeout_s=timeout_s)
    show_report(ctx, what, report, form)


@group.command()
@click.argument("name", required=False)
@options.common_options()
def types(*, name: str | None, form: str) -> None:
    """List the connection types, or show one: its fields, parameters, defaults and driver."""
    document = client.type_document(name)
    output.write_document(document, form)


@group.command()
@options.id_option("Connection")
@click.option("--name", type=options.Text(), help="Connection name.")
@options.common_options()
def usages(*, record_id: int | None, name: str | None, form: str) -> None:
    """List the datastores that use a connection."""
    with client.connect() as door:
        found = options.choose(record_id, name, door.connections.find)
        output.write_list(door.connections.usages(found), form)


def show_report(ctx: click.Context, what: str, report: dict[str, Any], form: str) -> None:
    """Write a test report to stdout; a failed one also speaks on stderr and ends with exit code 6."""
    output.write_document(report, form)
    for warning in report["warnings"]:
        output.say(f"warning: {output.escape(warning)}")
    if not report["connected"]:
        output.say_failed(what, report)
        ctx.exit(_TEST_FAILED)


def _require_test(*, run_test: bool, timeout_s: float | None) -> None:
    if timeout_s is not None and not run_test:
        raise UsageError("--timeout is for --test", "add --test, or leave out --timeout")
