"""Datastores, as far as connections need them: one database, schema or folder read over a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics import connectors
from qualytics.errors import NameTaken, UsageError
from qualytics.fields import SCOPES
from qualytics.model import ListQuery, Scope
from qualytics.service import documents, lookup, similar_names, validate
from qualytics.service.clock import now
from qualytics.service.connections import past_tests
from qualytics.service.connections.drafts import new_draft
from qualytics.service.context import Action
from qualytics.service.datastores import fields as rules
from qualytics.service.rights import READ, TEST, WRITE
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from qualytics import types
    from qualytics.model import Datastore, OnStage
    from qualytics.service.connections.verbs import Connections
    from qualytics.service.context import Context
    from qualytics.service.draft import Draft
    from qualytics.store.base import Store


# What of a datastore decides whether it can be read.
_PLACE = (*SCOPES, "connection_id")


class Datastores:
    """The verbs on datastores; documents go in and out. A `record` is an id, or a name as a text.

    `warnings` are those of the last create, update or verify: of a name that looks like another's, or of what could
    not be stored of a test.
    """

    def __init__(self, context: Context, connections: Connections) -> None:
        self._context = context
        self._connections = connections
        self.warnings: tuple[str, ...] = ()

    def create(self, fields: Mapping[str, Any]) -> types.Datastore:
        """Store a new datastore and return its document; null stands for none.

        With the fields of a new `connection` in place of a `connection_id` both are stored, or neither.

        Raises:
            InvalidInput: a value breaks a rule, or one that the connection's type needs is missing.
            NotFound: there is no such connection.
            NameTaken: the name is another datastore's, or another connection's.

        """
        self.warnings = ()
        with self._context.audited(WRITE, "datastore.create") as action:
            row, connection = rules.as_new(fields)
            inline = None if connection is None else new_draft(connection, self._context.settings)
            row = rules.checked(row, needed=("name", "connection_id") if inline is None else ("name",))
            with self._context.writing() as store:
                if inline is not None:
                    row["connection_id"] = self.insert_connection(store, inline)
                datastore = self.insert(store, row, action)
                self.warnings += self._warnings(store, datastore)
                return documents.datastore_document(datastore)

    def insert_connection(self, store: Store, draft: Draft) -> int:
        """Store the connection of a new datastore and return its id, inside the transaction that stores both."""
        self._connections.warnings = ()
        connection_id = self._connections.insert(store, draft, Action(self._context, "connection.create"))
        self.warnings = self._connections.warnings
        return connection_id

    def insert(self, store: Store, row: dict[str, Any], action: Action) -> Datastore:
        """Store checked fields and return the datastore, inside a transaction that may do more.

        Raises:
            InvalidInput, NotFound, NameTaken: as in `create`.

        """
        self._check_place(store, row)
        self._require_free(store, row["name"])
        usual = {"tags": [], "teams": [], "enrichment_only": 0, "connected": None, "settings": {}}
        keys = {"name_key": validate.fold(row["name"]), "created": now()}
        datastore_id = store.datastores.insert(usual | row | keys)
        action.record(datastore_id, row["name"], version=1, changed=sorted(row))
        return lookup.datastore(store, datastore_id)

    def update(
        self, record: int | str, changes: Mapping[str, Any], *, version: int | None = None, dry_run: bool = False
    ) -> types.Datastore:
        """Change what is given, keep the rest, and return the document; None unsets a text, a list or a setting.

        Raises:
            NotFound: there is no such datastore or connection.
            InvalidInput: a value breaks a rule, or the new connection is of another type.
            NameTaken: the name is another datastore's.
            VersionChanged: the record is no longer at `version`.
            UsageError: nothing is given.

        """
        changes = rules.as_patch(changes)
        if not changes:
            raise UsageError("nothing to update", "give at least one field, as in --schema public")
        self.warnings = ()
        with (
            self._context.audited(WRITE, "datastore.update", record) as action,
            self._context.writing(dry_run=dry_run) as store,
        ):
            before = _at_version(store, record, version, action)
            row = rules.checked(changes)
            self.require_fit(store, before, row)
            self.write(store, before, row)
            after = lookup.datastore(store, before.id)
            changed = sorted(name for name in row if row[name] != getattr(before, name))
            action.record(before.id, after.name, version=after.version, changed=changed)
            if after.name != before.name:
                self.warnings = self._warnings(store, after)
            document = documents.datastore_document(after)
            return documents.at_version(document, before.version) if dry_run else document

    def replace(self, record: int | str, document: Mapping[str, Any], **how: Any) -> types.Datastore:
        """Change a datastore by a document of it; what a datastore does not have is ignored; `how` is as in `update`.

        Raises:
            NotFound, InvalidInput, NameTaken, VersionChanged, UsageError: as in `update`.

        """
        return self.update(record, rules.as_replacement(document), **how)

    def require_fit(self, store: Store, before: Datastore, row: dict[str, Any]) -> None:
        """Refuse changes that a datastore cannot have, and complete the settings among them.

        Raises:
            NotFound, InvalidInput, NameTaken: as in `update`.

        """
        place = {name: getattr(before, name) for name in _PLACE}
        self._check_place(store, place | row, type_before=before.type)
        if "name" in row:
            self._require_free(store, row["name"], besides=before.id)
        if "settings" in row:
            row["settings"] = before.settings | row["settings"]

    def write(self, store: Store, before: Datastore, row: Mapping[str, Any]) -> None:
        """Store changes that `require_fit` has let pass, inside a transaction."""
        is_elsewhere = any(row[name] != getattr(before, name) for name in _PLACE if name in row)
        more: dict[str, Any] = {"connected": None} if is_elsewhere else {}
        if "name" in row:
            more["name_key"] = validate.fold(row["name"])
        store.datastores.update(before.id, {**row, **more})

    def get(self, record: int | str) -> types.Datastore:
        """Return the document of a datastore.

        Raises:
            NotFound: there is no such datastore.

        """
        self._context.require(READ)
        return documents.datastore_document(lookup.datastore(self._context.store, record))

    def find(self, name: str) -> int:
        """Return the id of the datastore of that name; case and outer spaces do not count.

        Raises:
            NotFound: there is none.

        """
        self._context.require(READ)
        return lookup.datastore(self._context.store, name).id

    def list(self, name: str | None = None, connection_id: int | None = None) -> Iterator[types.Datastore]:
        """Yield the documents of datastores, filtered by a part of the name and by connection."""
        self._context.require(READ)
        contains = validate.fold_part(name) if name else None
        wanted = ListQuery(connection_id=connection_id, contains=contains)
        for datastore in self._context.store.datastores.select(wanted):
            yield documents.datastore_document(datastore)

    def page(self, wanted: ListQuery, number: int, size: int) -> types.Page[types.Datastore]:
        """Return one page of a list as `{items, total, page, size, pages}`; names in `wanted` are as given."""
        self._context.require(READ)
        store = self._context.store
        wanted = validate.folded(wanted)
        window = replace(wanted, skip=(number - 1) * size, limit=size)
        items = [documents.datastore_document(found) for found in store.datastores.select(window)]
        return documents.page(items, store.datastores.count(wanted), number, size)

    def settings(self, datastore_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Return what is kept for others of some datastores, by id."""
        return {found.id: found.settings for found in self._some(datastore_ids)}

    def names(self, datastore_ids: Sequence[int]) -> dict[int, str]:
        """Return the names of those datastores that are there, by id."""
        return {found.id: found.name for found in self._some(datastore_ids)}

    def _some(self, datastore_ids: Sequence[int]) -> Iterator[Datastore]:
        self._context.require(READ)
        wanted = ListQuery(ids=tuple(datastore_ids))
        return self._context.store.datastores.select(wanted) if wanted.ids else iter(())

    def delete(self, record: int | str, *, version: int | None = None, dry_run: bool = False) -> types.Deleted:
        """Delete a datastore; return `{id, name, deleted}`, the last false after a dry run.

        Raises:
            NotFound: there is no such datastore.

        """
        with (
            self._context.audited(WRITE, "datastore.delete", record) as action,
            self._context.writing(dry_run=dry_run) as store,
        ):
            datastore = _at_version(store, record, version, action)
            remove(store, datastore, action)
        return {"id": datastore.id, "name": datastore.name, "deleted": not dry_run}

    def verify(
        self, record: int | str, *, timeout_s: float | None = None, on_stage: OnStage | None = None
    ) -> types.TestReport:
        """Run the staged test of the connection with this datastore's place; return the report.

        The result stays in the record as `connected`.

        Raises:
            NotFound: there is no such datastore.

        """
        self._context.require(TEST)
        found = lookup.datastore(self._context.store, record)
        scope = Scope(found.database, found.schema, found.root_path)
        report = self._connections.test(found.connection_id, timeout_s=timeout_s, scope=scope, on_stage=on_stage)

        def work(store: Store) -> None:
            now_there = store.datastores.get(found.id)
            if now_there is not None and now_there.version == found.version:  # else another place was verified
                store.datastores.update(found.id, {"connected": int(report["connected"])}, bump=False)

        self.warnings = past_tests.kept(self._context, work) or self._connections.warnings
        return report

    def verify_unsaved(self, fields: Mapping[str, Any], *, timeout_s: float | None = None) -> types.TestReport:
        """Test the place that a new datastore would have, on a connection that is there or not; return the report.

        Raises:
            InvalidInput: a value breaks a rule, or one that the connection's type needs is missing.
            NotFound: there is no such connection.

        """
        self._context.require(TEST)
        place = {name: fields[name] for name in _PLACE if fields.get(name) is not None}
        row = rules.checked(place, needed=("connection_id",) if fields.get("connection") is None else ())
        scope = Scope(row.get("database"), row.get("schema"), row.get("root_path"))
        if "connection_id" in row:
            self._check_place(self._context.store, row)
            return self._connections.test(row["connection_id"], timeout_s=timeout_s, scope=scope)
        return self._connections.test_unsaved(rules.given_connection(fields), timeout_s=timeout_s, scope=scope)

    def _check_place(self, store: Store, row: Mapping[str, Any], type_before: str | None = None) -> None:
        connection = lookup.connection(store, row["connection_id"])
        problems = validate.Problems()
        if type_before is not None and connection.type != type_before:
            message = f"is of type {connection.type}; a datastore of type {type_before} stays with that type"
            problems.add("connection_id", message, f"qualytics connections list --type {type_before}")
        else:
            rules.check_scope(connectors.get(connection.type), connection.name, row, problems)
        problems.finish()

    def _warnings(self, store: Store, datastore: Datastore) -> tuple[str, ...]:
        others = store.datastores.names(similar_names.MAX_COMPARED)
        return similar_names.warnings("datastore", datastore.name, others, datastore.id)

    def _require_free(self, store: Store, name: str, besides: int | None = None) -> None:
        taken = store.datastores.named(validate.fold(name))
        if taken is not None and taken.id != besides:
            raise NameTaken(f"the name {taken.name!r} is taken by datastore {taken.id}", "choose another name")


def remove(store: Store, datastore: Datastore, action: Action) -> None:
    """Delete a datastore, inside a transaction."""
    store.datastores.delete(datastore.id)
    action.record(datastore.id, datastore.name)


def _at_version(store: Store, record: int | str, version: int | None, action: Action) -> Datastore:
    found = lookup.datastore(store, record)
    action.found(found.id, found.name)
    validate.require_version("datastore", found, version)
    return found
