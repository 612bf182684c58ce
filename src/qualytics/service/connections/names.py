"""Names of connections: unique without regard to case, and made where none is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.errors import NameTaken
from qualytics.service import similar_names, validate
from qualytics.service.connections.drafts import derived_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qualytics.connectors.contract import Connector
    from qualytics.store.base import Store


def require_free(store: Store, name: str | None, besides: int | None = None) -> None:
    """Raise NameTaken when a name is another connection's."""
    key = validate.fold(name) if name else None
    taken = store.connections.named(key) if key is not None and store.connections.has_name(key) else None
    if taken is not None and taken.id != besides:
        raise NameTaken(
            f"the name {taken.name!r} is taken by connection {taken.id}",
            f"choose another name, or change that one: qualytics connections update --id {taken.id}",
        )


def name_for(store: Store, connector: Connector, values: Mapping[str, Any]) -> str:
    """Return the name of a new connection: the given one, or a free one made of its type and host.

    Raises:
        NameTaken: the given one is another's.

    """
    name: str | None = values.get("name")
    if name is not None:
        require_free(store, name)
        return name
    base = derived_name(connector, values)
    key = validate.fold(base)
    if not store.connections.has_name(key):
        return base
    # Doubling, then halving: ten thousand names of one host cost a few look-ups each.
    taken, free = 1, 2
    while store.connections.has_name(f"{key}-{free}"):
        taken, free = free, 2 * free
    while free - taken > 1:
        middle = (taken + free) // 2
        taken, free = (middle, free) if store.connections.has_name(f"{key}-{middle}") else (taken, middle)
    return f"{base}-{free}"


def warnings(store: Store, name: str, connection_id: int) -> tuple[str, ...]:
    """Return the warning that a new name looks like another's, if it does."""
    others = store.connections.names(similar_names.MAX_COMPARED)
    return similar_names.warnings("connection", name, others, connection_id)
