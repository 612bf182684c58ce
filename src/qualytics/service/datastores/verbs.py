"""Datastores, as far as connections need them: one database, schema or folder read over a connection."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qualytics import connectors
from qualytics.errors import NameTaken, NotFound, UsageError
from qualytics.fields import SCOPES
from qualytics.model import Scope, Wanted
from qualytics.service import documents, similar_names, validate
from qualytics.service.clock import now
from qualytics.service.connections.drafts import allowed_draft
from qualytics.service.context import Action
from qualytics.service.datastores import fields
from qualytics.service.rights import READ, TEST, WRITE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from qualytics.connectors import Connector
    from qualytics.model import Connection, Datastore
    from qualytics.service.connections.verbs import Connections
    from qualytics.service.context import Context
    from qualytics.store.base import Store


class Datastores:
    """The verbs on datastores; documents go in and out.

    `warnings` are those of the last create or update: of a name that looks like another's.
    """

    def __init__(self, context: Context, connections: Connections) -> None:
        self._context = context
        self._connections = connections
        self.warnings: tuple[str, ...] = ()

    def create(self, given: Mapping[str, Any], connection: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Store a new datastore and return its document; `connection` is one to store with it, both or neither.

        Raises:
            InvalidInput: a value breaks a rule, or one that the connection's type needs is missing.
            NotFound: there is no such connection.
            NameTaken: the name is another datastore's, or another connection's.

        """
        self.warnings = ()
        with self._context.audited(WRITE, "datastore.create") as action:
            draft = None if connection is None else allowed_draft(connection, self._context.settings)
            problems = validate.Problems()
            clean = fields.check(given, problems)
            for name in ("name", "connection_id")[: 2 if draft is None else 1]:
                if clean.get(name) is None:
                    problems.add(name, "is missing", f"give it with --{name.replace('_', '-')}", "missing-value")
            problems.finish()
            with self._context.writing() as store:
                if draft is not None:
                    made = Action(self._context, "connection.create")
                    clean["connection_id"] = self._connections.insert(store, draft, made)
                self._check_place(store, clean)
                self._require_free(store, clean["name"])
                row = {"tags": [], "teams": [], "enrichment_only": 0, "connected": None, "settings": {}} | clean
                row |= {"name_key": validate.fold(clean["name"]), "created": now()}
                found = store.datastores.insert(row)
                self._warn_of_twins(store, clean["name"], found)
                action.record(found, clean["name"], version=1, changed=sorted(clean))
                return documents.datastore_document(_required(store.datastores.get(found), found))

    def update(self, datastore_id: int, given: Mapping[str, Any], *, version: int | None = None) -> dict[str, Any]:
        """Change what is given, keep the rest, and return the document; None unsets a text.

        Raises:
            NotFound: there is no such datastore or connection.
            InvalidInput: a value breaks a rule, or the new connection is of another type.
            NameTaken: the name is another datastore's.
            VersionChanged: the record is no longer at `version`.
            UsageError: nothing is given.

        """
        if not given:
            raise UsageError("nothing to update", "give at least one field, as in --schema public")
        self.warnings = ()
        with (
            self._context.audited(WRITE, "datastore.update", datastore_id) as action,
            self._context.writing() as store,
        ):
            before = _at_version(store, datastore_id, version)
            problems = validate.Problems()
            clean = fields.check(given, problems)
            problems.finish()
            place = {name: getattr(before, name) for name in (*SCOPES, "connection_id")}
            self._check_place(store, place | clean, type_before=before.type)
            if "name" in clean:
                self._require_free(store, clean["name"], besides=datastore_id)
                clean["name_key"] = validate.fold(clean["name"])
            moved = any(name in clean and clean[name] != value for name, value in place.items())
            clean["settings"] = before.settings | clean.get("settings", {})
            store.datastores.update(datastore_id, clean | ({"connected": None} if moved else {}))
            if clean.get("name", before.name) != before.name:
                self._warn_of_twins(store, clean["name"], datastore_id)
            changed = sorted(name for name in clean.keys() - {"name_key"} if clean[name] != getattr(before, name))
            action.record(datastore_id, clean.get("name", before.name), version=before.version + 1, changed=changed)
            return documents.datastore_document(_required(store.datastores.get(datastore_id), datastore_id))

    def get(self, datastore_id: int) -> dict[str, Any]:
        """Return the document of a datastore.

        Raises:
            NotFound: there is none of that id.

        """
        self._context.require(READ)
        return documents.datastore_document(_required(self._context.store.datastores.get(datastore_id), datastore_id))

    def find(self, name: str) -> int:
        """Return the id of the datastore of that name; case and outer spaces do not count.

        Raises:
            NotFound: there is none.

        """
        self._context.require(READ)
        found = self._context.store.datastores.named(validate.fold(name))
        if found is None:
            raise NotFound(f"there is no datastore {name!r}", "qualytics datastores list shows all")
        return found.id

    def list(self, name: str | None = None, connection_id: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield the documents of datastores, filtered by a part of the name and by connection."""
        self._context.require(READ)
        contains = validate.fold_part(name) if name else None
        wanted = Wanted(connection_id=connection_id, contains=contains)
        for datastore in self._context.store.datastores.select(wanted):
            yield documents.datastore_document(datastore)

    def page(self, wanted: Wanted, number: int, size: int) -> dict[str, Any]:
        """Return one page of a list as `{items, total, page, size, pages}`; names in `wanted` are as given."""
        self._context.require(READ)
        store = self._context.store
        wanted = validate.folded(wanted)
        window = replace(wanted, skip=(number - 1) * size, limit=size)
        items: list[dict[str, Any]] = [documents.datastore_document(found) for found in store.datastores.select(window)]
        return documents.page(items, store.datastores.count(wanted), number, size)

    def settings(self, datastore_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Return what is kept for others of some datastores, by id."""
        return {found.id: found.settings for found in self._some(datastore_ids)}

    def names(self, datastore_ids: Sequence[int]) -> dict[int, str]:
        """Return the names of those datastores that are there, by id."""
        return {found.id: found.name for found in self._some(datastore_ids)}

    def _some(self, datastore_ids: Sequence[int]) -> Iterator[Datastore]:
        self._context.require(READ)
        wanted = Wanted(ids=tuple(datastore_ids))
        return self._context.store.datastores.select(wanted) if wanted.ids else iter(())

    def delete(self, datastore_id: int, *, version: int | None = None) -> dict[str, Any]:
        """Delete a datastore; return `{id, name, deleted}`.

        Raises:
            NotFound: there is none of that id.

        """
        with (
            self._context.audited(WRITE, "datastore.delete", datastore_id) as action,
            self._context.writing() as store,
        ):
            found = _at_version(store, datastore_id, version)
            store.datastores.delete(datastore_id)
            action.record(found.id, found.name)
        return {"id": found.id, "name": found.name, "deleted": True}

    def verify(self, datastore_id: int, *, timeout_s: float | None = None) -> dict[str, Any]:
        """Run the staged test of the connection with this datastore's place; return the report.

        The result stays in the record as `connected`.

        Raises:
            NotFound: there is none of that id.

        """
        self._context.require(TEST)
        found = _required(self._context.store.datastores.get(datastore_id), datastore_id)
        scope = Scope(found.database, found.schema, found.root_path)
        report = self._connections.test(found.connection_id, timeout_s=timeout_s, scope=scope)
        with self._context.writing() as store:
            now_there = store.datastores.get(datastore_id)
            if now_there is not None and now_there.version == found.version:  # else another place was verified
                store.datastores.update(datastore_id, {"connected": int(report["connected"])}, bump=False)
        return report

    def verify_unsaved(self, given: Mapping[str, Any], *, timeout_s: float | None = None) -> dict[str, Any]:
        """Test the place that a new datastore would have, on the connection that it names; return the report.

        Raises:
            InvalidInput: a value breaks a rule, or one that the connection's type needs is missing.
            NotFound: there is no such connection.

        """
        self._context.require(TEST)
        problems = validate.Problems()
        clean = fields.check(given, problems)
        problems.finish()
        self._check_place(self._context.store, clean)
        scope = Scope(clean.get("database"), clean.get("schema"), clean.get("root_path"))
        return self._connections.test(clean["connection_id"], timeout_s=timeout_s, scope=scope)

    def _check_place(self, store: Store, row: Mapping[str, Any], type_before: str | None = None) -> None:
        connection = store.connections.get(row["connection_id"])
        if connection is None:
            message = f"there is no connection {row['connection_id']}"
            raise NotFound(message, "qualytics connections list shows all")
        problems = validate.Problems()
        if type_before is not None and connection.type != type_before:
            message = f"is of type {connection.type}; a datastore of type {type_before} stays with that type"
            problems.add("connection_id", message, f"qualytics connections list --type {type_before}")
        else:
            _check_scope(connectors.get(connection.type), connection, row, problems)
        problems.finish()

    def _warn_of_twins(self, store: Store, name: str, datastore_id: int) -> None:
        self.warnings = similar_names.warnings(
            "datastore", name, store.datastores.names(similar_names.MAX_COMPARED), datastore_id
        )

    def _require_free(self, store: Store, name: str, besides: int | None = None) -> None:
        taken = store.datastores.named(validate.fold(name))
        if taken is not None and taken.id != besides:
            raise NameTaken(f"the name {taken.name!r} is taken by datastore {taken.id}", "choose another name")


def _check_scope(
    connector: Connector, connection: Connection, row: Mapping[str, Any], problems: validate.Problems
) -> None:
    for name in SCOPES:
        option = "--" + name.replace("_", "-")
        if row.get(name) is None and name in connector.scope:
            problems.add(name, f"is needed on a {connector.type} connection", f"give it with {option}", "missing-value")
        elif row.get(name) is not None and name not in {*connector.scope, *connector.scope_optional}:
            hint = f"connection {connection.name!r} is {connector.type}; leave {option} out"
            problems.add(name, f"is not part of a {connector.type} datastore", hint, "field-not-accepted")
        else:
            validate.check_grammar(connector, name, row.get(name), problems)


def _required(found: Datastore | None, datastore_id: int) -> Datastore:
    if found is None:
        raise NotFound(f"there is no datastore {datastore_id}", "qualytics datastores list shows all")
    return found


def _at_version(store: Store, datastore_id: int, version: int | None) -> Datastore:
    found = _required(store.datastores.get(datastore_id), datastore_id)
    validate.require_version("datastore", found, version)
    return found
