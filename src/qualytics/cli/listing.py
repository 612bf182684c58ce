"""`qualytics connections list` and `find`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._group import Command
from qualytics.cli._kinds import OneOf, Text
from qualytics.client import connect, parse_types
from qualytics.model import STATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from qualytics.client import Client


_list_options = options.all_of(
    options.types_option(),
    options.option(
        *("--sort",),
        type=OneOf(("id", "name", "type", "state")),
        default="id",
        show_default=True,
        metavar="TEXT",
        help="Order: id, name, type, or state, which begins with the worst.",
    ),
    options.tag_filters(),
    options.option(
        *("--state", "states"),
        multiple=True,
        type=OneOf(STATES),
        metavar="WORD",
        help="Only those whose last test says so: fails, unknown, never or works; may be repeated.",
    ),
    options.limit_option(),
)


@click.command("list", cls=Command, stray_hint="qualytics connections find TEXT searches names, tags, owners and hosts")
@options.examples(
    "connections list",
    "connections list --type postgresql,snowflake",
    'connections list --name "prod" --format json',
    "connections list --tag finance --tag nightly --owner data-team",
)
@options.name_option("Filter by name (search): a part of it, upper and lower case alike.")
@_list_options
@options.common_options()
def list_(*, form: output.Format, **wanted: Any) -> None:
    """List connections."""
    _list(form, wanted)


@click.command(cls=Command)
@options.examples(
    "connections find finance",
    "connections find db.example.com --type postgresql --format table",
    "connections find finance --state fails --state unknown",
)
@click.argument("search", metavar="TEXT", type=Text())
@_list_options
@options.common_options()
def find(*, form: output.Format, **wanted: Any) -> None:
    """Find connections by a part of the name, a tag, the owner, the host, the URI, or the name of a datastore.

    Upper and lower case are alike.
    """
    _list(form, wanted)


def _list(form: output.Format, wanted: dict[str, Any]) -> None:
    types = wanted.pop("types")
    with connect() as client:
        documents = client.connections.list(types=parse_types(types) if types else (), **wanted)
        output.write_list(_with_datastores(client, documents) if form.shows("datastores") else documents, form)


def _with_datastores(client: Client, documents: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the documents of a list with their datastores, which are null in lists otherwise."""
    users: dict[int, list[dict[str, Any]]] = {}
    for datastore in client.datastores.list():
        users.setdefault(datastore["connection_id"], []).append({"name": datastore["name"]})
    for document in documents:
        yield {**document, "datastores": users.get(document["id"], [])}


COMMANDS = (list_, find)
