"""What keeps a connection from being deleted: the datastores that use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qualytics.errors import ConnectionInUse
from qualytics.service import documents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qualytics import types
    from qualytics.model import Connection
    from qualytics.service.context import Action
    from qualytics.store.base import Store

# A refusal names so many datastores; more would hide its hint.
_MAX_NAMED = 20


def require_unused(name: str, users: Sequence[types.DatastoreStub]) -> None:
    """Raise ConnectionInUse when datastores, as `{id, name, store_type, type}`, use the connection of a name."""
    if not users:
        return
    listed = ", ".join(f"{user['name']!r} (id {user['id']})" for user in users[:_MAX_NAMED])
    more = f", and {len(users) - _MAX_NAMED:,} more" if len(users) > _MAX_NAMED else ""
    count, verb = (f"{len(users):,} datastores", "reference") if len(users) != 1 else ("1 datastore", "references")
    raise ConnectionInUse(
        f"409: connection {name!r} is used by {count} that still {verb} it: {listed}{more}",
        f"remove or reassign {'those datastores' if len(users) != 1 else 'that datastore'} first: "
        f"qualytics datastores delete --id {users[0]['id']}, or "
        f"qualytics datastores update --id {users[0]['id']} --connection-id OTHER",
        users,
    )


def remove(store: Store, found: Connection, action: Action) -> None:
    """Delete a connection that nothing uses, inside a transaction.

    Raises:
        ConnectionInUse: datastores use it.

    """
    require_unused(found.name, documents.stubs(found, store.datastores.names_of_connection(found.id)))
    store.connections.delete(found.id)
    action.record(found.id, found.name)
