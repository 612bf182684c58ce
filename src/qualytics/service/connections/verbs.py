"""Connections: unique names, merging on update, deletion only when unused, tests before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.errors import TestFailed
from qualytics.fields import SECRETS
from qualytics.model import EVERYWHERE, ListQuery, Scope
from qualytics.service import documents, lookup, policy, validate
from qualytics.service.connections import names, past_tests, paths, tagging, tests
from qualytics.service.connections.drafts import (
    allowed_draft,
    as_overrides,
    as_patch,
    as_replacement,
    merge,
    new_draft,
    require_some,
    stored_with_secrets,
    with_secrets,
)
from qualytics.service.connections.in_use import remove
from qualytics.service.connections.rows import insert_named
from qualytics.service.context import changed_names
from qualytics.service.rights import READ, TEST, WRITE
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from qualytics import types
    from qualytics.model import Connection, OnStage
    from qualytics.service.context import Action, Context
    from qualytics.service.draft import Draft
    from qualytics.store.base import Store


class Connections:
    """The verbs on connections; documents go in and out. A `record` is an id, or a name as a text.

    `warnings` are those of the last create, update or test: of the test that it asked for, whose `report` is kept too,
    of a name that looks like another's, and of what could not be stored of a test.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self.warnings: tuple[str, ...] = ()
        self.report: types.TestReport | None = None

    def create(
        self,
        fields: Mapping[str, Any],
        *,
        test: bool = False,
        timeout_s: float | None = None,
        scope: Scope = EVERYWHERE,
        on_stage: OnStage | None = None,
    ) -> types.Connection:
        """Store a new connection and return its document; with `test`, only if a test of it passes.

        `scope` is what the test looks at; it is not stored. `on_stage` is as in `test`.

        Raises:
            InvalidInput: the type is unknown or a value breaks a rule.
            NameTaken: the name is another's.
            TestFailed: `test` was asked for and failed; nothing is stored.

        """
        self.warnings = ()
        with self._context.audited(WRITE, "connection.create") as action:
            new = new_draft(fields, self._context.settings)
            if test:
                names.require_free(self._context.store, new.values.get("name"))
                passed = self._passed(new, timeout_s, scope, on_stage)
            with self._context.writing() as store:
                found = self.insert(store, new, action)
                if test:
                    past_tests.write(store, [past_tests.ended(self._context.actor, found, 1, *passed)])
                return self._document(store, lookup.connection(store, found))

    def copy(
        self, record: int | str, name: str, changes: Mapping[str, Any] | None = None, *, dry_run: bool = False
    ) -> types.Connection:
        """Store a copy of a connection under another name, with `changes` as of an update; return its document.

        The copy has the secrets, sealed anew for it, and no datastores; nothing was detected of it yet. A dry run
        shows an id that the next connection may get.

        Raises:
            NotFound: there is no such connection.
            InvalidInput, NameTaken: as in `create`.
            SecretNeeded: the secrets would go elsewhere than those of the copied connection, and are not given again.

        """
        self.warnings = ()
        with (
            self._context.audited(WRITE, "connection.copy", record) as action,
            self._context.writing(dry_run=dry_run) as store,
        ):
            before = self._at_version(store, record, None, action)
            new = self.changed(store, before, {**(changes or {}), "name": name})
            new = with_secrets(new, store.connections.secrets(before.id))
            copied = self.insert(store, new, action, source=before.id)
            document = self._document(store, lookup.connection(store, copied))
            return documents.at_version(document, None) if dry_run else document

    def insert(self, store: Store, new: Draft, action: Action, **detail: Any) -> int:
        """Store a draft and return its id, inside a transaction that may do more; `detail` is for the audit log.

        Raises:
            NameTaken: the name is another's.

        """
        name = names.name_for(store, new.connector, new.values)
        found = insert_named(store, name, new, action, **detail)
        self.warnings += names.warnings(store, name, found) + paths.warnings(new.connector, new.values)
        return found

    def update(  # noqa: PLR0913 - the change, and how it is made
        self,
        record: int | str,
        changes: Mapping[str, Any],
        *,
        dry_run: bool = False,
        test: bool = False,
        timeout_s: float | None = None,
        scope: Scope = EVERYWHERE,
        version: int | None = None,
        on_stage: OnStage | None = None,
    ) -> types.Connection:
        """Change what is given, keep the rest, and return the document; None unsets a field, a secret too.

        `scope` is what a test looks at; it is not stored. A dry run tests nothing. `on_stage` is as in `test`.

        Raises:
            NotFound: there is no such connection.
            UsageError: nothing is given.
            InvalidInput, NameTaken, TestFailed: as in `create`.
            VersionChanged: the record is no longer at `version`, or changed while it was tested.

        """
        require_some(changes)
        self.warnings = ()
        with self._context.audited(WRITE, "connection.update", record) as action:
            with self._context.writing(dry_run=dry_run) as store:
                before = self._at_version(store, record, version, action)
                changed = self.changed(store, before, changes)
                if dry_run or not test:
                    document = self.write(store, before, changed, action)
                    return documents.at_version(document, before.version) if dry_run else document
                stored = store.connections.secrets(before.id)
                scope = tests.with_login_databases(scope, store, before.id)
            passed = self._passed(with_secrets(changed, stored), timeout_s, scope, on_stage)
            with self._context.writing() as store:
                before = self._at_version(store, before.id, before.version, action)
                changed = self.changed(store, before, changes)  # of the role and the names of now
                self.write(store, before, changed, action)
                version = before.version + 1
                past_tests.write(store, [past_tests.ended(self._context.actor, before.id, version, *passed)])
                return self._document(store, lookup.connection(store, before.id))

    def replace(self, record: int | str, document: Mapping[str, Any], **how: Any) -> types.Connection:
        """Change a connection by a document of it, which a client may have read before: null keeps a secret.

        `how` is as in `update`.

        Raises:
            InvalidInput: name or type is missing; or as in `update`.
            NotFound, UsageError, NameTaken, TestFailed, VersionChanged: as in `update`.

        """
        return self.update(record, as_replacement(document), **how)

    def changed(self, store: Store, before: Connection, changes: Mapping[str, Any]) -> Draft:
        """Return the changed form of a connection, inside a transaction, when whoever asks may store it.

        Raises:
            InvalidInput, NameTaken, SecretNeeded: as in `update`.

        """
        changed = merge(before, as_patch(changes), self._context.settings.policy)
        policy.require_allowed(self._context.settings, changed.connector, changed.values)
        paths.require_files(changed.connector, changes)
        policy.require_same_target(self._context, before, changed)
        if changed.values["name"] != before.name:
            names.require_free(store, changed.values["name"], besides=before.id)
        self.warnings += tagging.warnings(before, changes)
        return changed

    def get(self, record: int | str) -> types.Connection:
        """Return the document of a connection, with the datastores that use it.

        Raises:
            NotFound: there is no such connection.

        """
        self._context.require(READ)
        store = self._context.store
        return self._document(store, lookup.connection(store, record))

    def find(self, name: str) -> int:
        """Return the id of the connection of that name; case and outer spaces do not count.

        Raises:
            NotFound: there is none; the nearest name is in the hint.

        """
        self._context.require(READ)
        return lookup.connection(self._context.store, name).id

    def list(  # noqa: PLR0913 - a filter each
        self,
        name: str | None = None,
        types: Sequence[str] = (),
        sort: str = "id",
        limit: int | None = None,
        *,
        tags: Sequence[str] = (),
        owner: str | None = None,
        search: str | None = None,
        states: Sequence[str] = (),
    ) -> Iterator[types.Connection]:
        """Yield the documents of connections that have a part of the name, one of the types, all tags and the owner.

        An empty owner stands for none. `search` is a part of the name, a tag, the owner, the host, the uri, or the
        name of a datastore; upper and lower case are alike. `states` are of `model.STATES`, of which they are in one.

        Raises:
            InvalidInput: no connection can have such a tag, or be in such a state.

        """
        self._context.require(READ)
        chosen: dict[str, Any] = {"types": tuple(types), "tags": tuple(tags), "states": tuple(states)}
        wanted = ListQuery(name, owner=owner, sort=sort, limit=limit, search=search, **chosen)
        for connection in self._context.store.connections.select(tagging.folded(wanted)):
            yield documents.connection_document(connection)

    def page(self, wanted: ListQuery, number: int, size: int) -> types.Page[types.Connection]:
        """Return one page of a list as `{items, total, page, size, pages}`; names in `wanted` are as given."""
        self._context.require(READ)
        store = self._context.store
        wanted = tagging.folded(wanted)
        window = replace(wanted, skip=(number - 1) * size, limit=size)
        items = [documents.connection_document(found) for found in store.connections.select(window)]
        is_whole = number == 1 and len(items) < size
        total = len(items) if is_whole else store.connections.count(wanted)
        return documents.page(items, total, number, size)

    def history(self, record: int | str) -> types.History:
        """Return who changed a connection and when, the newest first: `{id, created, versions}`.

        Raises:
            NotFound: there is no such connection.

        """
        from qualytics.service import audit

        self._context.require(READ)
        found = lookup.connection(self._context.store, record)
        versions = audit.versions(self._context, "connection", found.id)
        return {"id": found.id, "created": found.created, "versions": versions}

    def tests(self, record: int | str, limit: int | None = None) -> Sequence[types.PastTest]:
        """Return the last tests of a connection, the newest first; a hundred are kept.

        Kept are tests of stored values: none with `overrides`, and none that failed in a place which `scope` named.

        Raises:
            NotFound: there is no such connection.

        """
        return past_tests.latest(self._context, record, limit)

    def usages(self, record: int | str) -> Sequence[types.Datastore]:
        """Return the documents of the datastores that use a connection.

        Raises:
            NotFound: there is no such connection.

        """
        self._context.require(READ)
        store = self._context.store
        found = lookup.connection(store, record)
        return [documents.datastore_document(datastore) for datastore in store.datastores.of_connection(found.id)]

    def delete(self, record: int | str, *, dry_run: bool = False, version: int | None = None) -> types.Deleted:
        """Delete a connection that nothing uses; return `{id, name, deleted}`, the last false after a dry run.

        Raises:
            NotFound: there is no such connection.
            ConnectionInUse: datastores use it; the error lists them.

        """
        with (
            self._context.audited(WRITE, "connection.delete", record) as action,
            self._context.writing(dry_run=dry_run) as store,
        ):
            found = self._at_version(store, record, version, action)
            remove(store, found, action)
        return {"id": found.id, "name": found.name, "deleted": not dry_run}

    def test(
        self,
        record: int | str,
        overrides: Mapping[str, Any] | None = None,
        *,
        timeout_s: float | None = None,
        scope: Scope = EVERYWHERE,
        on_stage: OnStage | None = None,
    ) -> types.TestReport:
        """Test a stored connection, with `overrides` in place of stored values; return the report.

        `scope` is what the test looks at beside the login; without a database the datastores' are ways in. A passed
        test without overrides leaves the versions it saw in the record; of what is kept of it see `tests`. `on_stage`
        is called as each stage begins and ends; what it raises ends the test.

        Raises:
            NotFound: there is no such connection.
            InvalidInput: an override breaks a rule.

        """
        with self._context.audited(TEST, "connection.test", record) as action:
            before, stored = stored_with_secrets(self._context.store, record)
            action.found(before.id, before.name)
            overrides = as_overrides(before.type, overrides or {})
            tested = merge(before, overrides, self._context.settings.policy)
            policy.require_allowed(self._context.settings, tested.connector, tested.values)
            policy.require_same_target(self._context, before, tested)
            names_place = scope.names_place
            scope = tests.with_login_databases(scope, self._context.store, before.id)
            report, detected = self._run(with_secrets(tested, stored), timeout_s, scope, on_stage)
            ended = past_tests.ended(self._context.actor, before.id, before.version, report, detected)
            is_of_values = not overrides and (report["connected"] or not names_place)
            self.warnings = past_tests.keep(self._context, action, ended if is_of_values else None, report, overrides)
        return report

    def test_unsaved(
        self,
        fields: Mapping[str, Any],
        *,
        timeout_s: float | None = None,
        scope: Scope = EVERYWHERE,
        on_stage: OnStage | None = None,
    ) -> types.TestReport:
        """Test settings that are not stored; needs no store.

        Raises:
            InvalidInput: the type is unknown or a value breaks a rule.

        """
        with self._context.audited(TEST, "connection.test") as action:
            tested = allowed_draft(fields, self._context.settings)
            report = self._run(tested, timeout_s, scope, on_stage)[0]
            outcome, detail = past_tests.audited(report, fields)
            action.record_alone(outcome, **detail)
        return report

    def _passed(
        self, tested: Draft, timeout_s: float | None, scope: Scope, on_stage: OnStage | None
    ) -> tuple[types.TestReport, dict[str, str | None]]:
        report, detected = self._run(tested, timeout_s, scope, on_stage)
        if not report["connected"]:
            message = f"not stored: the test failed at {report['stage']} ({report['class']}): {report['message']}"
            raise TestFailed(message, report["hint"], report)
        self.warnings, self.report = tuple(report["warnings"]), report
        return report, detected

    def _run(
        self, tested: Draft, timeout_s: float | None, scope: Scope, on_stage: OnStage | None = None
    ) -> tuple[types.TestReport, dict[str, str | None]]:
        tests.check_place(tested.connector, scope)
        return tests.run(self._context, tested, tests.checked_timeout(timeout_s), scope, on_stage)

    def write(self, store: Store, before: Connection, changed: Draft, action: Action) -> types.Connection:
        """Store the changed form of a connection and return its document, inside a transaction."""
        row = {name: changed.values.get(name) for name in validate.accepted(changed.connector) if name not in SECRETS}
        row |= {"name_key": validate.fold(str(row["name"])), "owner_key": tagging.owner_key(row)}
        dropped = before.secrets_set - changed.kept - changed.secrets.keys()
        values = {"name": before.name} | before.values
        differing = changed_names(values, changed.values, [*changed.secrets, *dropped])
        if not past_tests.is_still_of(differing):
            row["values_version"] = before.version + 1
        store.connections.update(before.id, row, changed.secrets, dropped)
        if row["tags"] != values.get("tags"):
            store.connections.set_tags(before.id, tagging.keys(row["tags"]))
        if row["name"] != before.name:
            self.warnings += names.warnings(store, str(row["name"]), before.id)
        self.warnings += paths.warnings(changed.connector, changed.values, values)
        action.record(before.id, str(row["name"]), version=before.version + 1, changed=differing)
        return self._document(store, lookup.connection(store, before.id))

    def _document(self, store: Store, connection: Connection) -> types.Connection:
        return documents.connection_document(connection, store.datastores.names_of_connection(connection.id))

    def _at_version(self, store: Store, record: int | str, version: int | None, action: Action) -> Connection:
        found = lookup.connection(store, record)
        action.found(found.id, found.name)
        validate.require_version("connection", found, version)
        return found
