"""`qualytics datastores`: create, update, get, list, delete, verify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._group import SuggestingGroup
from qualytics.cli._kinds import Text, Whole
from qualytics.cli._notes import note_ssl_mode
from qualytics.cli._questions import confirm_delete
from qualytics.cli._records import shown
from qualytics.cli._terminal import run_test
from qualytics.cli._values import collect, unset_fields
from qualytics.cli.connections import show_report, warn
from qualytics.cli.reading import read_datastore
from qualytics.client import connect, preview_datastore
from qualytics.errors import UsageError
from qualytics.fields import INLINE, SCOPES

if TYPE_CHECKING:
    from qualytics.client import Client

_UNSETTABLE = (*SCOPES, "description")
_OWN = (*_UNSETTABLE, "name", "tags", "connection_id", "connection_name")


@click.group(cls=SuggestingGroup)
@options.examples(
    "datastores create --name marts --connection-name prod --database sales --schema public",
    "datastores verify orders",
    "datastores list",
)
def group() -> None:
    """Manage the datastores that use connections."""


_place_options = options.all_of(
    options.option("--connection-id", type=Whole(1), help="ID of the connection it uses."),
    options.option(
        "--connection-name",
        type=Text(),
        help="Name of the connection it uses, or of a new one.",
        shell_complete=options.complete_names("connections"),
    ),
    options.option("--database", type=Text(), help="Database."),
    options.option("--schema", type=Text(), help="Schema."),
    options.option("--root-path", type=Text(), help="Folder, for object stores."),
    options.option("--tags", type=Text(), help="Comma-separated tags; they replace those there are."),
    options.option("--description", type=Text(), help="Description."),
)


@group.command()
@options.examples(
    "datastores create --name marts --connection-name prod --database sales --schema public",
    "datastores create --name files --type sqlite --uri ./sales.sqlite",
    "datastores create --name files --connection-id 2 --tags finance,daily --dry-run",
)
@options.option("--name", "-n", required=True, type=Text(), help="Datastore name.")
@_place_options
@options.field_options(INLINE)
@options.option("--dry-run", is_flag=True, help="Print payload without making the API call; store and contact nothing.")
@options.common_options()
@click.pass_context
def create(ctx: click.Context, /, *, dry_run: bool, form: output.Format, **values: Any) -> None:
    """Create a datastore on the connection that --connection-id or --connection-name names.

    With --type, create the connection as well; --connection-name is then its name. Both are stored, or neither.
    """
    fields = _fields({name: values.pop(name) for name in _OWN})
    if values["type"] is not None:
        fields = _with_new_connection(fields, collect(ctx, values))
    elif surplus := [name for name, value in values.items() if value is not None and value is not False]:
        option = f"--{surplus[0].replace('_', '-')}"
        raise UsageError(f"{option} is for a new connection", f"add --type, or leave out {option}")
    if dry_run:
        output.write_document(preview_datastore(fields), form)
        return
    with connect() as client:
        output.write_document(client.datastores.create(_with_id(client, fields)), form)
        warn(client.datastores.warnings)


@group.command()
@options.examples(
    "datastores update --id 1 --name orders-2026 --description 'Orders of the shop'",
    "datastores update --id 1 --unset description --dry-run",
)
@options.record_options("Datastore", "update", part="datastores", name=None)
@options.option("--name", "-n", type=Text(), help="New datastore name.")
@_place_options
@options.unset_option(_UNSETTABLE)
@options.option("--dry-run", is_flag=True, help="Print the datastore as it would become; store nothing.")
@options.common_options()
def update(*, record: int | str, unset: tuple[str, ...], dry_run: bool, form: output.Format, **values: Any) -> None:
    """Change the given fields of a datastore, or reassign it to another connection of the same type."""
    fields = _fields(values)
    fields |= unset_fields(unset, fields, _UNSETTABLE)
    with connect() as client:
        document = client.datastores.update(record, _with_id(client, fields), dry_run=dry_run)
        output.write_document(document, form)
        warn(client.datastores.warnings)


@group.command()
@options.examples(
    "datastores get --id 1",
    "datastores get orders --format json",
)
@options.record_options("Datastore", part="datastores")
@options.common_options()
def get(*, record: int | str, form: output.Format) -> None:
    """Show a datastore by ID or name."""
    with connect() as client:
        output.write_document(client.datastores.get(record), form)


@group.command("list")
@options.examples(
    "datastores list",
    "datastores list --connection-id 2",
)
@options.name_option("Filter by name (search): a part of it, upper and lower case alike.")
@options.option("--connection-id", type=Whole(1), help="Only those of this connection.")
@options.common_options()
def list_(*, name: str | None, connection_id: int | None, form: output.Format) -> None:
    """List datastores."""
    with connect() as client:
        output.write_list(client.datastores.list(name, connection_id), form)


@group.command()
@options.examples(
    "datastores delete --id 1",
    "datastores delete orders --dry-run",
)
@options.record_options("Datastore", "delete", part="datastores")
@options.option("--dry-run", is_flag=True, help="Say what would be deleted; delete nothing.")
@options.yes_option()
@options.common_options()
def delete(*, record: int | str, yes: bool, dry_run: bool, form: output.Format) -> None:
    """Delete a datastore; its connection stays."""
    with connect() as client:
        confirm_delete("datastore", record, lambda: client.datastores.get(record), yes=yes or dry_run)
        output.write_document(client.datastores.delete(record, dry_run=dry_run), form)


@group.command()
@options.examples(
    "datastores verify orders",
    "datastores verify --id 1 --timeout 30",
)
@options.record_options("Datastore", "verify", part="datastores")
@options.timeout_option()
@options.common_options()
@click.pass_context
def verify(ctx: click.Context, *, record: int | str, timeout_s: float | None, form: output.Format) -> None:
    """Test the connection of a datastore with its database and schema."""
    with connect() as client:
        note_ssl_mode(client, lambda: client.connections.get(client.datastores.get(record)["connection_id"]))
        what = f"the verification of datastore {shown(record)}"
        report = run_test(
            what, lambda on_stage: client.datastores.verify(record, timeout_s=timeout_s, on_stage=on_stage)
        )
    show_report(ctx, what, report, form, client.datastores.warnings)


group.add_command(read_datastore)


def _fields(options: dict[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in options.items() if value is not None}
    if {"connection_id", "connection_name"} <= fields.keys():
        message = "give either --connection-id or --connection-name, not both"
        raise UsageError(message, "qualytics connections list shows ids and names")
    if "tags" in fields:
        fields["tags"] = [tag.strip() for tag in fields["tags"].split(",") if tag.strip()]
    return fields


def _with_new_connection(fields: dict[str, Any], connection: dict[str, Any]) -> dict[str, Any]:
    if "connection_id" in fields:
        message = "--connection-id is for an existing connection, --type for a new one"
        raise UsageError(message, "drop one of the two")
    if "connection_name" in fields:
        connection["name"] = fields.pop("connection_name")
    return fields | {"connection": connection}


def _with_id(client: Client, fields: dict[str, Any]) -> dict[str, Any]:
    if "connection_name" in fields:
        fields["connection_id"] = client.connections.find(fields.pop("connection_name"))
    return fields
