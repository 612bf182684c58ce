"""`qualytics datastores`: create, update, get, list, delete, verify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._group import SuggestingGroup
from qualytics.cli._kinds import Text, Whole
from qualytics.cli._values import choose, unset_fields
from qualytics.cli.connections import show_report, warn
from qualytics.client import connect
from qualytics.errors import UsageError
from qualytics.fields import SCOPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from qualytics.client import Client

_UNSETTABLE = (*SCOPES, "description")


@click.group(cls=SuggestingGroup)
def group() -> None:
    """Manage the datastores that use connections."""


def _place_options(command: Callable[..., Any]) -> Callable[..., Any]:
    helps = {
        "--description": "Description.",
        "--tags": "Comma-separated tags; they replace those there are.",
        "--root-path": "Folder, for object stores.",
        "--schema": "Schema.",
        "--database": "Database.",
        "--connection-name": "Name of the connection it uses.",
    }
    for name, text in helps.items():
        command = click.option(name, type=Text(), help=text)(command)
    return click.option("--connection-id", type=Whole(1), help="ID of the connection it uses.")(command)


@group.command()
@click.option("--name", "-n", required=True, type=Text(), help="Datastore name.")
@_place_options
@options.common_options()
def create(*, form: str, **given: Any) -> None:
    """Create a datastore on the connection that --connection-id or --connection-name names."""
    with connect() as client:
        output.write_document(client.datastores.create(_fields(client, given)), form)
        warn(client.datastores.warnings)


@group.command()
@options.id_option("Datastore ID to update.", required=True)
@click.option("--name", "-n", type=Text(), help="New datastore name.")
@_place_options
@options.unset_option(_UNSETTABLE)
@options.common_options()
def update(*, record_id: int, unset: tuple[str, ...], form: str, **given: Any) -> None:
    """Change the given fields of a datastore, or reassign it to another connection of the same type."""
    with connect() as client:
        fields = _fields(client, given)
        fields |= unset_fields(unset, fields, _UNSETTABLE)
        output.write_document(client.datastores.update(record_id, fields), form)
        warn(client.datastores.warnings)


@group.command()
@options.id_option("Datastore ID.")
@options.name_option("Datastore name.")
@options.common_options()
def get(*, record_id: int | None, name: str | None, form: str) -> None:
    """Show a datastore by ID or name."""
    with connect() as client:
        found = _chosen(client, record_id, name)
        output.write_document(client.datastores.get(found), form)


@group.command("list")
@options.name_option("Filter by name (search): a part of it, upper and lower case alike.")
@click.option("--connection-id", type=Whole(1), help="Only those of this connection.")
@options.common_options()
def list_(*, name: str | None, connection_id: int | None, form: str) -> None:
    """List datastores."""
    with connect() as client:
        output.write_list(client.datastores.list(name, connection_id), form)


@group.command()
@options.id_option("Datastore ID to delete.")
@options.name_option("Datastore name.")
@options.common_options()
def delete(*, record_id: int | None, name: str | None, form: str) -> None:
    """Delete a datastore; its connection stays."""
    with connect() as client:
        found = _chosen(client, record_id, name)
        output.write_document(client.datastores.delete(found), form)


@group.command()
@options.id_option("Datastore ID to verify.")
@options.name_option("Datastore name.")
@options.timeout_option()
@options.common_options()
@click.pass_context
def verify(ctx: click.Context, *, record_id: int | None, name: str | None, timeout_s: float | None, form: str) -> None:
    """Test the connection of a datastore with its database and schema."""
    with connect() as client:
        found = _chosen(client, record_id, name)
        report = client.datastores.verify(found, timeout_s=timeout_s)
    show_report(ctx, f"the verification of datastore {found}", report, form)


def _chosen(client: Client, record_id: int | None, name: str | None) -> int:
    return choose(record_id, name, client.datastores.find, "qualytics datastores list")


def _fields(client: Client, given: dict[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in given.items() if value is not None}
    connection_name = fields.pop("connection_name", None)
    if connection_name is not None:
        if "connection_id" in fields:
            message = "give either --connection-id or --connection-name, not both"
            raise UsageError(message, "qualytics connections list shows ids and names")
        fields["connection_id"] = client.connections.find(connection_name)
    if "tags" in fields:
        fields["tags"] = [tag.strip() for tag in fields["tags"].split(",") if tag.strip()]
    return fields
