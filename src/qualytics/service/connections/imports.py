"""A set of new connections in one transaction; a name that is taken gets a number, what is there is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.errors import InvalidInput, NotAllowed, Problem
from qualytics.fields import MAX_NAME
from qualytics.service import validate
from qualytics.service.connections import drafts
from qualytics.service.connections.rows import insert_named
from qualytics.service.context import Action
from qualytics.service.rights import WRITE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qualytics import types
    from qualytics.service.context import Context
    from qualytics.service.draft import Draft
    from qualytics.store.base import Store

MAX_IMPORTED = 20_000
_SUFFIX = 10  # of a name, for "-2", "-3" …


def listed(given: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the connections in a body.

    Raises:
        InvalidInput: they are no list of objects.

    """
    items = given.get("connections")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        message = "connections must be a list of objects"
        raise InvalidInput([Problem("connections", message, "as in those that a create takes", "missing-value")])
    return items


class Imports:
    """The verb on a set of connections; see `create`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def create(self, items: Sequence[Mapping[str, Any]], *, dry_run: bool = False) -> list[types.Imported]:
        """Store new connections and return what became of each, in their order: `{action, id, name, reason}`.

        `action` is create, skip (the same is there, secrets not compared) or refuse (it breaks a rule); a name that is
        taken by another connection gets a number, and `reason` says so. The id is null unless it was created.

        Raises:
            InvalidInput: there are too many.

        """
        if len(items) > MAX_IMPORTED:
            message = f"connections must be a list of at most {MAX_IMPORTED:,}"
            raise InvalidInput([Problem("connections", message, "import them in parts")])
        with self._context.audited(WRITE, "connection.create"), self._context.writing(dry_run=dry_run) as store:
            outcomes = [self._create(store, item) for item in items]
        if dry_run:
            for outcome in outcomes:
                outcome["id"] = None
        return outcomes

    def _create(self, store: Store, item: Mapping[str, Any]) -> types.Imported:
        wanted = item.get("name") if isinstance(item.get("name"), str) else None
        try:
            new = drafts.new_draft(item, self._context.settings)
        except (InvalidInput, NotAllowed) as exc:
            return {"action": "refuse", "id": None, "name": wanted, "reason": exc.message}
        base = new.values.get("name") or drafts.derived_name(new.connector, new.values)
        name, is_there = self._name(store, base, new)
        if is_there:
            return {"action": "skip", "id": None, "name": name, "reason": "is there already; secrets were not compared"}
        action = Action(self._context, "connection.create")
        created = insert_named(store, name, new, action)
        reason = None if name == base else f"the name {base!r} is taken by another connection"
        return {"action": "create", "id": created, "name": name, "reason": reason}

    def _name(self, store: Store, base: str, new: Draft) -> tuple[str, bool]:
        """Return a name that is free, or that of a connection which is the same, and whether it is that."""
        same = (new.connector.type, _unlabelled(new.values), frozenset(new.secrets))
        name, number = base, 1
        while (there := store.connections.named(validate.fold(name))) is not None:
            if (there.type, _unlabelled(there.values), there.secrets_set) == same:
                return there.name, True
            number += 1
            name = f"{base[: MAX_NAME - _SUFFIX]}-{number}"
        return name, False


def _unlabelled(values: Mapping[str, Any]) -> dict[str, Any]:
    # A connection that was tagged since is the same one.
    return {name: value for name, value in values.items() if name not in {"name", "tags", "owner"}}
