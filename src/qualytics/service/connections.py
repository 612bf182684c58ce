"""Connections: unique names, merging on update, deletion only when unused, tests before and after."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qualytics import connectors
from qualytics.errors import (
    ConnectionInUse,
    InvalidInput,
    NameTaken,
    NotFound,
    Problem,
    TestFailed,
    UsageError,
    VersionChanged,
)
from qualytics.fields import BY_NAME, MAX_NAME, SECRETS
from qualytics.secret import Secret
from qualytics.service import validate, views
from qualytics.settings import TEST_TIMEOUT_MAX_S, TEST_TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from qualytics.connectors import Connector
    from qualytics.model import Connection, Datastore
    from qualytics.service import Context
    from qualytics.store.records import Records

SORTS = ("id", "name", "type")


@dataclass(frozen=True, slots=True)
class Draft:
    """A checked connection that is not stored yet, or the changed form of one that is.

    `secrets` are those given now; `kept` names stored ones that stay.
    """

    connector: Connector
    values: dict[str, Any]
    secrets: dict[str, Secret]
    kept: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Scope:
    """What of a connection a test looks at, beside the login."""

    database: str | None = None
    schema: str | None = None
    root_path: str | None = None


class Connections:
    """The verbs on connections; documents go in and out."""

    def __init__(self, context: Context) -> None:
        """Take what the service shares."""
        self._context = context

    def create(self, given: Mapping[str, Any], *, test: bool = False, timeout_s: float | None = None) -> dict[str, Any]:
        """Store a new connection and return its document; with `test`, only if a test of it passes.

        Raises:
            InvalidInput: the type is unknown or a value breaks a rule.
            NameTaken: the name is another's.
            TestFailed: `test` was asked for and failed; nothing is stored.

        """
        new = draft(given)
        if test:
            self._require_free(self._context.store.records, new.values.get("name"))
            seen = self._passed(new, timeout_s)
        with self._context.store.writing() as records:
            name = self._name_for(records, new)
            values = {key: value for key, value in new.values.items() if key != "name"}
            created = now()
            found = records.insert_connection(
                name, validate.fold(name), new.connector.type, values, new.secrets, created
            )
            if test:
                records.see_connection(found, seen)
            return self._document(records, _required(records.connection(found), found))

    def update(
        self,
        connection_id: int,
        given: Mapping[str, Any],
        *,
        dry_run: bool = False,
        test: bool = False,
        timeout_s: float | None = None,
        version: int | None = None,
    ) -> dict[str, Any]:
        """Change what is given, keep the rest, and return the document; None unsets a field.

        Raises:
            NotFound: there is no such connection.
            UsageError: nothing is given.
            InvalidInput, NameTaken, TestFailed: as in `create`.
            VersionChanged: the record is no longer at `version`, or changed while it was tested.

        """
        if not given:
            raise UsageError("nothing to update", "give at least one field, as in --host db.example.com")
        with self._context.store.writing() as records:
            before = self._at_version(records, connection_id, version)
            changed = merge(before, given)
            self._require_free(records, changed.values.get("name"), besides=connection_id)
            if dry_run:
                return self._document(records, _preview(before, changed))
            if not test:
                return self._store(records, before, changed)
            stored = records.secrets(connection_id)
        seen = self._passed(_with_secrets(changed, stored), timeout_s)
        with self._context.store.writing() as records:
            before = self._at_version(records, connection_id, before.version)
            self._require_free(records, changed.values.get("name"), besides=connection_id)
            self._store(records, before, changed)
            records.see_connection(connection_id, seen)
            return self._document(records, _required(records.connection(connection_id), connection_id))

    def get(self, connection_id: int) -> dict[str, Any]:
        """Return the document of a connection, with the datastores that use it.

        Raises:
            NotFound: there is none of that id.

        """
        records = self._context.store.records
        return self._document(records, _required(records.connection(connection_id), connection_id))

    def find(self, name: str) -> int:
        """Return the id of the connection of that name; case and outer spaces do not count.

        Raises:
            NotFound: there is none; the nearest name is in the hint.

        """
        records = self._context.store.records
        found = records.connection_named(validate.fold(name))
        if found is None:
            guess = self._similar(records, name)
            hint = f"did you mean {guess!r}?" if guess else "qualytics connections list shows all"
            raise NotFound(f"there is no connection {name!r}", hint)
        return found.id

    def list(
        self, name: str | None = None, types: Sequence[str] = (), sort: str = "id", limit: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the documents of connections, filtered by a part of the name and by types."""
        contains = validate.fold(name) if name else None
        for connection in self._context.store.records.connections(contains, types, sort, limit):
            yield views.connection_document(connection)

    def usages(self, connection_id: int) -> Sequence[dict[str, Any]]:
        """Return the documents of the datastores that use a connection.

        Raises:
            NotFound: there is none of that id.

        """
        records = self._context.store.records
        _required(records.connection(connection_id), connection_id)
        return [views.datastore_document(datastore) for datastore in records.datastores(connection_id)]

    def delete(self, connection_id: int, *, dry_run: bool = False) -> dict[str, Any]:
        """Delete a connection that nothing uses; return `{id, name, deleted}`.

        Raises:
            NotFound: there is none of that id.
            ConnectionInUse: datastores use it; the error lists them.

        """
        with self._context.store.writing() as records:
            found = _required(records.connection(connection_id), connection_id)
            if users := list(records.datastores(connection_id)):
                raise _in_use(found, users)
            if not dry_run:
                records.delete_connection(connection_id)
        return {"id": found.id, "name": found.name, "deleted": not dry_run}

    def test(
        self,
        connection_id: int,
        overrides: Mapping[str, Any] | None = None,
        *,
        timeout_s: float | None = None,
        scope: Scope | None = None,
    ) -> dict[str, Any]:
        """Test a stored connection, with `overrides` in place of stored values; return the report.

        A passed test without overrides leaves the versions it saw in the record.

        Raises:
            NotFound: there is none of that id.
            InvalidInput: an override breaks a rule.

        """
        records = self._context.store.records
        before = _required(records.connection(connection_id), connection_id)
        tested = merge(before, overrides or {})
        report, seen = self._run(_with_secrets(tested, records.secrets(connection_id)), timeout_s, scope)
        if report["connected"] and not overrides:
            with self._context.store.writing() as records:
                records.see_connection(connection_id, seen)
        return report

    def test_unsaved(self, given: Mapping[str, Any], *, timeout_s: float | None = None) -> dict[str, Any]:
        """Test settings that are not stored; needs no store.

        Raises:
            InvalidInput: the type is unknown or a value breaks a rule.

        """
        return self._run(draft(given), timeout_s)[0]

    def _passed(self, tested: Draft, timeout_s: float | None) -> dict[str, str | None]:
        report, seen = self._run(tested, timeout_s)
        if not report["connected"]:
            message = f"not stored: the test failed at {report['stage']} ({report['class']}): {report['message']}"
            raise TestFailed(message, report["hint"], report)
        return seen

    def _run(
        self, tested: Draft, timeout_s: float | None, scope: Scope | None = None
    ) -> tuple[dict[str, Any], dict[str, str | None]]:
        from qualytics import probe

        self._context.release()  # a test may take long; nobody waits for the store meanwhile
        look = scope or Scope()
        plan = probe.Plan(
            type=tested.connector.type,
            values=tested.values,
            secrets=tested.secrets,
            timeout_s=_checked_timeout(timeout_s),
            database=look.database,
            schema=look.schema,
            root_path=look.root_path,
        )
        report = probe.run(plan)
        return views.report_document(report, tested.secrets.values()), report.seen

    def _store(self, records: Records, before: Connection, changed: Draft) -> dict[str, Any]:
        row = {name: changed.values.get(name) for name in validate.accepted(changed.connector) if name not in SECRETS}
        row |= {"name_key": validate.fold(str(row["name"]))}
        dropped = before.secrets_set - changed.kept - changed.secrets.keys()
        records.update_connection(before.id, row, changed.secrets, dropped)
        return self._document(records, _required(records.connection(before.id), before.id))

    def _document(self, records: Records, connection: Connection) -> dict[str, Any]:
        return views.connection_document(connection, records.datastores(connection.id))

    def _at_version(self, records: Records, connection_id: int, version: int | None) -> Connection:
        found = _required(records.connection(connection_id), connection_id)
        if version is not None and version != found.version:
            raise VersionChanged(
                f"connection {found.name!r} was changed by somebody else meanwhile",
                f"qualytics connections get --id {connection_id} shows it as it is now",
            )
        return found

    def _require_free(self, records: Records, name: str | None, besides: int | None = None) -> None:
        taken = records.connection_named(validate.fold(name)) if name else None
        if taken is not None and taken.id != besides:
            raise NameTaken(
                f"the name {taken.name!r} is taken by connection {taken.id}",
                f"choose another name, or change that one: qualytics connections update --id {taken.id}",
            )

    def _name_for(self, records: Records, new: Draft) -> str:
        name: str | None = new.values.get("name")
        if name is not None:
            self._require_free(records, name)
            return name
        base = derived_name(new.connector, new.values)
        key = validate.fold(base)
        # "." follows "-" in ASCII: the range holds exactly the names that begin with key and a hyphen.
        taken = records.names_from(f"{key}-", f"{key}.") | records.names_from(key, f"{key}\0")
        suffixes = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
        return next(base + suffix for suffix in suffixes if key + suffix not in taken)

    def _similar(self, records: Records, name: str) -> str | None:
        names = tuple(found.name for found in records.connections(None, (), "id", 1_000))
        return connectors.nearest(name, names)


def draft(given: Mapping[str, Any]) -> Draft:
    """Check the fields of a new connection; needs no store.

    Raises:
        InvalidInput: with every problem there is.

    """
    rest = dict(given)
    kind = rest.pop("type", None)
    if not isinstance(kind, str) or not kind:
        raise InvalidInput([Problem("type", "type is missing", "give it with --type", "missing-value")])
    connector = connectors.get(kind)
    problems = validate.Problems()
    clean = validate.check_values(connector, rest, problems, masks_keep=False)
    values = {name: value for name, value in clean.items() if value is not None}
    if "parameters" in values:
        values["parameters"] = _without_nulls(values["parameters"])
    validate.check_complete(connector, values, problems)
    problems.finish()
    return _split(connector, values)


def preview(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the masked payload that a create would send; needs no store and contacts nothing."""
    new = draft(given)
    values = {"name": derived_name(new.connector, new.values)} | new.values
    return views.payload_document(new.connector, values | dict.fromkeys(new.secrets, ""))


def merge(before: Connection, given: Mapping[str, Any]) -> Draft:
    """Check changes to a stored connection and return its changed form.

    None unsets a field; `parameters` merge by key, None removes a key; a mask keeps the secret.

    Raises:
        InvalidInput: with every problem there is.

    """
    connector = connectors.get(before.type)
    rest = dict(given)
    problems = validate.Problems()
    kind = rest.pop("type", before.type)
    if kind not in {connector.type, *connector.aliases}:
        problems.add("type", f"of a connection cannot change; this one is {before.type}", "create a new connection")
    clean = validate.check_values(connector, rest, problems, masks_keep=True)
    if "name" in clean and clean["name"] is None and not problems.found:
        problems.add("name", "cannot be unset", "give another name with --name", "missing-value")
    values = {"name": before.name} | before.values | clean
    if clean.get("parameters") is not None:
        values["parameters"] = _without_nulls({**before.values.get("parameters", {}), **clean["parameters"]}) or None
    values = {name: value for name, value in values.items() if value is not None}
    kept = frozenset(before.secrets_set - clean.keys())
    validate.check_complete(connector, values, problems, kept)
    problems.finish()
    return replace(_split(connector, values), kept=kept)


def derived_name(connector: Connector, values: Mapping[str, Any]) -> str:
    """Return the name of a connection that was given none: its type, and its host or the end of its uri."""
    place = values.get("host") or str(values.get("uri") or "").rstrip("/").rpartition("/")[2]
    return f"{connector.type}-{place}".rstrip("-")[: MAX_NAME - 10]


def now() -> str:
    """Return the time as RFC 3339 in UTC, with milliseconds."""
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def types(name: str | None = None) -> Any:
    """Return the document of one type, or a short one of every type.

    Raises:
        InvalidInput: there is no such type.

    """
    if name is not None:
        connector = connectors.get(name)
        return views.type_document(connector, validate.accepted(connector))
    keys = ("type", "title", "connection_type", "aliases", "default_port", "driver")
    documents = (views.type_document(connector, ()) for connector in connectors.all_connectors())
    return [{key: document[key] for key in keys} for document in documents]


def _split(connector: Connector, values: dict[str, Any]) -> Draft:
    plain = {name: value for name, value in values.items() if not BY_NAME[name].is_secret}
    secrets = {name: Secret(value) for name, value in values.items() if BY_NAME[name].is_secret}
    return Draft(connector, plain, secrets)


def _with_secrets(changed: Draft, stored: Mapping[str, Secret]) -> Draft:
    kept = {name: secret for name, secret in stored.items() if name in changed.kept}
    return replace(changed, secrets=kept | changed.secrets)


def _preview(before: Connection, changed: Draft) -> Connection:
    return replace(
        before,
        name=changed.values["name"],
        values={name: value for name, value in changed.values.items() if name != "name"},
        secrets_set=changed.kept | changed.secrets.keys(),
    )


def _without_nulls(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}


def _checked_timeout(timeout_s: float | None) -> float:
    if timeout_s is None:
        return TEST_TIMEOUT_S
    if not 0 < timeout_s <= TEST_TIMEOUT_MAX_S:
        message = f"timeout must be more than 0 and at most {TEST_TIMEOUT_MAX_S:g} seconds"
        raise InvalidInput([Problem("timeout", message)])
    return timeout_s


def _required(found: Connection | None, connection_id: int) -> Connection:
    if found is None:
        raise NotFound(f"there is no connection {connection_id}", "qualytics connections list shows all")
    return found


def _in_use(connection: Connection, users: Sequence[Datastore]) -> ConnectionInUse:
    names = ", ".join(f"{user.name!r} (id {user.id})" for user in users)
    count = f"{len(users)} datastore{'s' * (len(users) != 1)}"
    return ConnectionInUse(
        f"409: connection {connection.name!r} is used by {count} that still reference it: {names}",
        "remove or reassign those datastores first: "
        f"qualytics datastores delete --id {users[0].id}, or "
        f"qualytics datastores update --id {users[0].id} --connection-id OTHER",
        [views.stub(user) for user in users],
    )
