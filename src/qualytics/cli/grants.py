"""`qualytics grants`: who may have which connection of a control plane with its secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from qualytics.cli import _options as options
from qualytics.cli import _output as output
from qualytics.cli._group import SuggestingGroup
from qualytics.cli._kinds import Text, Whole
from qualytics.cli._notes import connect_noting_store
from qualytics.errors import NotFound, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from qualytics.client import Client

_LISTING = "qualytics grants list"


def _names(**how: Any) -> Callable[[Any], Any]:
    user, connection = "User or service account, by name.", "Connection, by name."
    return options.all_of(
        options.option("--user", type=Text(), help=user, shell_complete=options.complete_names("users"), **how),
        options.option(
            "--connection", type=Text(), help=connection, shell_complete=options.complete_names("connections"), **how
        ),
    )


@click.group(cls=SuggestingGroup)
@options.examples("grants create --user robot --connection sales --expires-in-days 30", "grants list")
def group() -> None:
    """Let users use connections outside of a control plane, with their secrets. Only an Admin may.

    No role includes it: an Admin grants it to itself, too. The control plane must be started with --allow-use.
    """


@group.command()
@options.examples(
    "grants create --user robot --connection sales --expires-in-days 30",
    "grants create --user ada --connection sales",
)
@_names(required=True)
@options.option("--expires-in-days", type=Whole(1), help="Days until it ends; by default it stays until it is deleted.")
@options.common_options()
def create(*, user: str, connection: str, expires_in_days: int | None, form: output.Format) -> None:
    """Let a user, or a service account, read, run commands and open tools through a connection."""
    with connect_noting_store() as client:
        output.write_document(client.grants.create(user, connection, expires_in_days), form)


@group.command("list")
@options.examples("grants list", "grants list --connection sales --format json")
@_names()
@options.limit_option()
@options.common_options()
def list_(*, user: str | None, connection: str | None, limit: int | None, form: output.Format) -> None:
    """List grants: an Admin all, others their own."""
    with connect_noting_store() as client:
        output.write_list(client.grants.list(user, connection, limit), form)


@group.command()
@options.examples(
    "grants delete --user robot --connection orders", "grants delete --user robot --connection orders --dry-run"
)
@options.option("--id", "grant_id", type=Whole(1), help="Grant ID.")
@_names()
@options.option("--dry-run", is_flag=True, help="Show what would be deleted; delete nothing.")
@options.common_options()
def delete(
    *, grant_id: int | None, user: str | None, connection: str | None, dry_run: bool, form: output.Format
) -> None:
    """End a grant: the next use is refused, and reads under way end within a minute.

    What was handed out before cannot be called back; a command of `qualytics run` goes on.
    """
    is_pair = user is not None and connection is not None
    if (grant_id is None) != is_pair or (grant_id is not None and (user or connection)):
        raise UsageError("give either --id, or --user and --connection", f"{_LISTING} shows all")
    with connect_noting_store() as client:
        found = grant_id if grant_id is not None else _find(client, str(user), str(connection))
        output.write_document(client.grants.delete(found, dry_run=dry_run), form)


def _find(client: Client, user: str, connection: str) -> int:
    for grant in client.grants.list(user, connection):
        return grant["id"]
    raise NotFound(f"{user!r} has no grant to use connection {connection!r}", f"{_LISTING} shows all")
