"""`qualytics datastores`: create, update, get, list, delete, verify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from qualytics import client
from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._group import SuggestingGroup
from qualytics.cli.connections import show_report
from qualytics.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from qualytics.client.local import LocalClient

_FIELDS = ("database", "schema", "root_path", "description", "tags")


@click.group(cls=SuggestingGroup)
def group() -> None:
    """Manage the datastores that use connections."""


def _place_options(command: Callable[..., Any]) -> Callable[..., Any]:
    helps = {
        "--description": "Description.",
        "--tags": "Comma-separated tags.",
        "--root-path": "Folder, for object stores.",
        "--schema": "Schema.",
        "--database": "Database.",
        "--connection-name": "Name of the connection it uses.",
    }
    for name, text in helps.items():
        command = click.option(name, type=options.Text(), help=text)(command)
    return click.option("--connection-id", type=options.Whole(1), help="ID of the connection it uses.")(command)


@group.command()
@click.option("--name", "-n", required=True, type=options.Text(), help="Datastore name.")
@_place_options
@options.common_options()
def create(*, form: str, **given: Any) -> None:
    """Create a datastore."""
    with client.connect() as door:
        output.write_document(door.datastores.create(_collect(door, given)), form)


@group.command()
@options.id_option("Datastore", required=True)
@click.option("--name", "-n", type=options.Text(), help="New datastore name.")
@_place_options
@options.common_options()
def update(*, record_id: int, form: str, **given: Any) -> None:
    """Change the given fields of a datastore, or reassign it to another connection of the same type."""
    with client.connect() as door:
        output.write_document(door.datastores.update(record_id, _collect(door, given)), form)


@group.command()
@options.id_option("Datastore")
@click.option("--name", type=options.Text(), help="Datastore name.")
@options.common_options()
def get(*, record_id: int | None, name: str | None, form: str) -> None:
    """Show a datastore by id or name."""
    with client.connect() as door:
        output.write_document(door.datastores.get(options.choose(record_id, name, door.datastores.find)), form)


@group.command("list")
@click.option("--name", type=options.Text(), help="Filter by a part of the name.")
@click.option("--connection-id", type=options.Whole(1), help="Only those of this connection.")
@options.common_options()
def list_(*, name: str | None, connection_id: int | None, form: str) -> None:
    """List datastores."""
    with client.connect() as door:
        output.write_list(door.datastores.list(name, connection_id), form)


@group.command()
@options.id_option("Datastore")
@click.option("--name", type=options.Text(), help="Datastore name.")
@options.common_options()
def delete(*, record_id: int | None, name: str | None, form: str) -> None:
    """Delete a datastore; its connection stays."""
    with client.connect() as door:
        output.write_document(door.datastores.delete(options.choose(record_id, name, door.datastores.find)), form)


@group.command()
@options.id_option("Datastore")
@click.option("--name", type=options.Text(), help="Datastore name.")
@options.timeout_option()
@options.common_options()
@click.pass_context
def verify(ctx: click.Context, *, record_id: int | None, name: str | None, timeout_s: float | None, form: str) -> None:
    """Test the connection of a datastore with its database and schema."""
    with client.connect() as door:
        found = options.choose(record_id, name, door.datastores.find)
        report = door.datastores.verify(found, timeout_s=timeout_s)
    show_report(ctx, f"the verification of datastore {found}", report, form)


def _collect(door: LocalClient, given: dict[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in given.items() if value is not None}
    connection_name = fields.pop("connection_name", None)
    if connection_name is not None:
        if "connection_id" in fields:
            raise UsageError("give either --connection-id or --connection-name")
        fields["connection_id"] = door.connections.find(connection_name)
    if "tags" in fields:
        fields["tags"] = [tag.strip() for tag in fields["tags"].split(",") if tag.strip()]
    return fields
