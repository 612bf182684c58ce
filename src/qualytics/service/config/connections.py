"""Connections of a configuration: which record each is, what differs, and the writing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.fields import READ_ONLY
from qualytics.service.config.changes import (
    CHANGED,
    CONNECTION,
    CREATE,
    DELETE,
    GIVEN,
    UNCHANGED,
    UPDATE,
    Change,
    differing,
    secrets,
)
from qualytics.service.connections import in_use, names, rows
from qualytics.service.connections.drafts import allowed_draft, as_replacement, with_secrets
from qualytics.service.connections.paths import require_files
from qualytics.service.context import Action
from qualytics.service.validate import folded_key
from qualytics.structs import Struct, replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qualytics.model import Connection
    from qualytics.service.connections.verbs import Connections
    from qualytics.service.context import Context
    from qualytics.service.draft import Draft
    from qualytics.store.base import Store


class Planned(Struct):
    """A connection as a plan would store it: the change, the draft with all its secrets, and its id in the plan."""

    change: Change
    draft: Draft
    record: int


# What says which record is meant, and is no field of it.
IDENTITY = ("id", "previous_name")


class ConnectionChanges:
    """Makes and writes the changes of connections, inside a transaction that a plan rolls back."""

    resource = CONNECTION

    def __init__(self, context: Context, store: Store, service: Connections) -> None:
        self._context = context
        self._store = store
        self._service = service
        self.table = store.connections
        self.may_compare = not context.is_shared or context.actor.is_admin
        self.compared = 0
        self.planned: list[Planned] | None = None  # a list keeps what is made, to be tested

    def make(self, fields: Mapping[str, Any], before: Connection | None) -> tuple[Change, int]:
        """Store what a resource says of a connection, and return what changed, and its id in the transaction.

        Raises:
            InvalidInput, NameTaken, SecretNeeded: as `Connections.create` and `update` do.

        """
        given = {name: value for name, value in fields.items() if name not in {*READ_ONLY, *IDENTITY}}
        if before is None:
            return self._create(given)
        return self._update(before, given), before.id

    def remove(self, found: Connection) -> Change:
        """Delete a connection that nothing uses.

        Raises:
            ConnectionInUse: datastores use it.

        """
        in_use.remove(self._store, found, Action(self._context, "connection.delete"))
        return Change(DELETE, CONNECTION, found.id, found.name, found.type, found.version)

    def _create(self, given: Mapping[str, Any]) -> tuple[Change, int]:
        new = allowed_draft(as_replacement(given), self._context.settings)
        require_files(new.connector, given)
        name = names.name_for(self._store, new.connector, new.values)
        made = rows.insert_named(self._store, name, new, Action(self._context, "connection.create"))
        fields = [*differing({}, new.values), *secrets([*new.secrets], GIVEN)]
        change = Change(CREATE, CONNECTION, None, name, new.connector.type, None, fields)
        if self.planned is not None:
            self.planned.append(Planned(change, new, made))
        return change, made

    def _update(self, before: Connection, given: dict[str, Any]) -> Change:
        changed = self._service.changed(self._store, before, as_replacement(_whole(before, given)))
        changed = self._without_unchanged(before, changed)
        old = {"name": before.name} | before.values
        fields = list(differing(old, changed.values))
        fields += secrets([*changed.secrets], CHANGED if self.may_compare else GIVEN)
        name, action = str(changed.values["name"]), UPDATE if fields else UNCHANGED
        change = Change(action, CONNECTION, before.id, name, before.type, before.version, fields)
        if fields and self.planned is not None:
            whole = with_secrets(changed, self._store.connections.secrets(before.id))
            self.planned.append(Planned(change, whole, before.id))
        if fields:
            self._service.write(self._store, before, changed, Action(self._context, "connection.update"))
        return change

    def _without_unchanged(self, before: Connection, changed: Draft) -> Draft:
        # Whoever may read neither a secret nor whether it is another one has it written again.
        if not self.may_compare or not changed.secrets.keys() & before.secrets_set:
            return changed
        stored = self._store.connections.secrets(before.id)
        self.compared += len(changed.secrets.keys() & stored.keys())
        same = {name for name, secret in changed.secrets.items() if stored.get(name) == secret}
        left = {name: secret for name, secret in changed.secrets.items() if name not in same}
        return replace(changed, secrets=left, kept=changed.kept | same)


def _whole(before: Connection, given: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with what the stored parameters have beyond those given as null: a file holds them all."""
    parameters = given.get("parameters", before.values.get("parameters"))
    if parameters is not None and not isinstance(parameters, dict):
        return given  # which is refused
    kept = {folded_key(str(key)) for key in parameters or {}}
    dropped = {key: None for key in before.values.get("parameters") or {} if key not in kept}
    return given | {"parameters": {**(parameters or {}), **dropped}}
