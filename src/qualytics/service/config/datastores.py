"""Datastores of a configuration: they name their connection, and where enrichment is written, in place of ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.errors import InvalidInput, NotFound, Problem
from qualytics.fields import DATASTORE_KEYS
from qualytics.service import lookup
from qualytics.service.config.changes import (
    CREATE,
    DATASTORE,
    DELETE,
    UNCHANGED,
    UPDATE,
    Change,
    differing,
)
from qualytics.service.config.renames import wrong
from qualytics.service.context import Action
from qualytics.service.datastores import fields as rules
from qualytics.service.datastores import verbs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qualytics.model import Datastore
    from qualytics.service.context import Context
    from qualytics.service.datastores.verbs import Datastores
    from qualytics.store.base import Store

# What other programs export beside the fields, which says nothing of a datastore here.
_IGNORED = {*DATASTORE_KEYS, "previous_name", "global_tags", "enrich_datastore"} - {
    *("name", "database", "schema", "root_path", "description", "tags", "teams", "enrichment_only")
}
CONNECTION, ENRICHMENT = "connection_name", "enrich_datastore_name"
# A record of another store may have the id of any record here, so it is the name that counts.
_NAMES_OF = {"connection_id": CONNECTION, "enrichment_datastore_id": ENRICHMENT}


class DatastoreChanges:
    """Makes and writes the changes of datastores, inside a transaction that a plan rolls back."""

    resource = DATASTORE

    def __init__(self, context: Context, store: Store, service: Datastores) -> None:
        self._context = context
        self._store = store
        self._service = service
        self.table = store.datastores

    def make(self, fields: Mapping[str, Any], before: Datastore | None) -> tuple[Change, int]:
        """Store what a resource says of a datastore; return what changed and its id. `link` does the rest.

        Raises:
            InvalidInput, NotFound, NameTaken: as `Datastores.create` and `update` do.

        """
        row = self._row(fields)
        old = {} if before is None else _shown(self._store, before)
        wanted = old | _flat(row, fields)
        changes = [one for one in differing(old, wanted) if not (before is None and one["after"] in (None, [], False))]
        if before is None:
            row = {name: value for name, value in row.items() if value is not None}
            made = self._service.insert(self._store, row, Action(self._context, "datastore.create"))
            return Change(CREATE, DATASTORE, None, made.name, made.type, None, changes), made.id
        if changes:
            self._service.require_fit(self._store, before, row)
            self._service.write(self._store, before, row)
            action = Action(self._context, "datastore.update")
            action.record(
                before.id, row["name"], version=before.version + 1, changed=[change["name"] for change in changes]
            )
        action_name = UPDATE if changes else UNCHANGED
        return Change(action_name, DATASTORE, before.id, row["name"], before.type, before.version, changes), before.id

    def link(self, fields: Mapping[str, Any]) -> None:
        """Store which datastore enrichment is written to, once all are there.

        Raises:
            NotFound: there is none of that name.

        """
        if ENRICHMENT not in fields:
            return
        found = lookup.datastore(self._store, fields["name"])
        wanted = None if fields[ENRICHMENT] is None else self._id_of(fields, ENRICHMENT, lookup.datastore)
        if found.settings.get("enrichment_datastore_id") != wanted:
            settings = found.settings | {"enrichment_datastore_id": wanted}
            self._store.datastores.update(found.id, {"settings": settings}, bump=False)

    def remove(self, found: Datastore) -> Change:
        """Delete a datastore."""
        verbs.remove(self._store, found, Action(self._context, "datastore.delete"))
        return Change(DELETE, DATASTORE, found.id, found.name, found.type, found.version)

    def _row(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        left_out = {*_IGNORED, *_NAMES_OF, ENRICHMENT}
        given = {name: value for name, value in fields.items() if name not in left_out}
        row, problems = dict[str, Any](), list[Problem]()
        steps = ((self._connection, fields), (_checked, given))
        for check, values in steps:
            try:
                row |= check(values)
            except (InvalidInput, NotFound) as exc:
                problems += exc.problems
        if problems:
            raise InvalidInput(problems)
        return row

    def _connection(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        for number, name in _NAMES_OF.items():
            if fields.get(number) is not None and name not in fields:
                hint = f"write {name} in its place: the name is the same wherever it is stored"
                raise wrong(number, f"{number} may be that of another record in this store", hint)
        if fields.get(CONNECTION) is None:
            raise wrong(CONNECTION, f"{CONNECTION} is missing", "name the connection that it reads", "missing-value")
        return {"connection_id": self._id_of(fields, CONNECTION, lookup.connection)}

    def _id_of(self, fields: Mapping[str, Any], name: str, find: Callable[[Store, str], Any]) -> int:
        """Return the id of the record that a field names."""
        if not isinstance(fields[name], str):
            raise wrong(name, f"{name} must be a text")
        try:
            return int(find(self._store, fields[name]).id)
        except NotFound as exc:
            exc.problems = (Problem(name, exc.message, exc.hint, exc.code),)
            raise


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    return rules.checked(given, needed=("name",))


def _shown(store: Store, datastore: Datastore) -> dict[str, Any]:
    settings = dict(datastore.settings)
    target = settings.pop("enrichment_datastore_id", None)
    found = store.datastores.get(target) if target is not None else None
    own = {name: getattr(datastore, name) for name in DATASTORE_KEYS if name not in _IGNORED}
    connection = {CONNECTION: datastore.connection_name}
    return own | connection | settings | {ENRICHMENT: found.name if found is not None else None}


def _flat(row: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in row.items() if name not in {"settings", "connection_id"}}
    if "enrichment_only" in shown:
        shown["enrichment_only"] = bool(shown["enrichment_only"])
    named = {name: fields[name] for name in (CONNECTION, ENRICHMENT) if name in fields}
    settings: dict[str, Any] = row.get("settings", {})
    return shown | settings | named
