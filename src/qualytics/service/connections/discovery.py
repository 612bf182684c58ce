"""Discovery: the catalogs, schemas and tables that a connection can see, and which of them are datastores already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from qualytics import connectors
from qualytics.errors import Conflict, InvalidInput, Problem, TestFailed
from qualytics.model import EVERYWHERE, MAX_LISTING_SIZE, Listing, Scope
from qualytics.service import policy, validate
from qualytics.service.connections import tests
from qualytics.service.connections.drafts import draft, merge, stored_with_secrets, with_secrets
from qualytics.service.rights import TEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from qualytics import types
    from qualytics.connectors.contract import Connector
    from qualytics.model import Datastore, Item, TestReport
    from qualytics.service.context import Context
    from qualytics.service.draft import Draft

# What a level of names is called by the commands, and by datastores.
_OPTIONS = {"database": "catalog", "schema": "schema"}
# What a database file has, whether a datastore says so or not.
_MAIN = "main"
# In place of a name: the datastore holds everything in the listing.
_HERE = ""


class Discovery:
    """What a stored connection can see; one page at a time, as `{items, next}`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def catalogs(self, record: int | str, *, timeout_s: float | None = None) -> types.Names:
        """Return the catalogs (databases) of a server as `{name, is_system, existing_datastores}`.

        Raises:
            NotFound: there is no such connection.
            Conflict: its type has no catalogs.
            TestFailed: the server could not be asked.

        """
        listing = Listing("catalogs", limit=MAX_LISTING_SIZE)
        return cast("types.Names", self._listed(record, listing, EVERYWHERE, timeout_s))

    def schemas(self, record: int | str, *, catalog: str | None = None, timeout_s: float | None = None) -> types.Names:
        """Return the schemas of a catalog as `{name, is_system, existing_datastores}`.

        Raises:
            InvalidInput: the catalog is missing, or the type has none.
            NotFound, Conflict, TestFailed: as in `catalogs`.

        """
        listing = Listing("schemas", limit=MAX_LISTING_SIZE)
        return cast("types.Names", self._listed(record, listing, Scope(catalog), timeout_s))

    def tables(
        self,
        record: int | str,
        listing: Listing | None = None,
        *,
        catalog: str | None = None,
        schema: str | None = None,
        timeout_s: float | None = None,
    ) -> types.Tables:
        """Return the tables and views of a schema as `{name, kind, is_system, existing_datastores}`.

        Of an object store: the prefixes and objects under the path of the connection.

        Raises:
            InvalidInput: a level above is missing or unknown to the type, or the limit is out of range.
            NotFound, Conflict, TestFailed: as in `catalogs`.

        """
        listing = listing or Listing("tables")
        check_limit(listing.limit)
        return self._listed(record, listing, Scope(catalog, schema), timeout_s)

    def _listed(self, record: int | str, listing: Listing, scope: Scope, timeout_s: float | None) -> types.Tables:
        limit_s = tests.checked_timeout(timeout_s)
        with self._context.audited(TEST, "connection.discover", record) as action:
            connection, stored = stored_with_secrets(self._context.store, record)
            action.found(connection.id, connection.name)
            asked = merge(connection, _overrides(connectors.get(connection.type), scope), self._context.settings.policy)
            policy.require_same_target(self._context, connection, asked)
            asked = with_secrets(asked, stored)
            datastores = list(self._context.store.datastores.of_connection(connection.id))
            within = tests.with_databases(scope, (one.database for one in datastores))
            report = self._asked(asked, listing, within, limit_s, connection.id)
            action.record_alone("done", what=listing.what)
        items = _documents(asked.connector, listing.what, scope, report.items, datastores)
        after = listing.skip + len(report.items)
        return {"items": cast("list[types.Table]", items), "next": str(after) if report.more else None}

    def unsaved(
        self, fields: Mapping[str, Any], what: str, *, catalog: str | None = None, timeout_s: float | None = None
    ) -> list[str]:
        """Return the names of the catalogs or schemas that settings which are not stored can see.

        Raises:
            InvalidInput: the type is unknown or a value breaks a rule.
            Conflict, TestFailed: as in `catalogs`.

        """
        limit_s = tests.checked_timeout(timeout_s)
        with self._context.audited(TEST, "connection.discover") as action:
            listing, scope = Listing(what, limit=MAX_LISTING_SIZE), Scope(catalog)
            asked = draft(fields, self._context.settings.policy)
            if more := _overrides(asked.connector, scope):
                asked = draft({**fields, **more}, self._context.settings.policy)
            report = self._asked(asked, listing, scope, limit_s)
            action.record_alone("done", what=what)
        return [item.name for item in report.items]

    def _asked(
        self, asked: Draft, listing: Listing, scope: Scope, limit_s: float, connection_id: int | None = None
    ) -> TestReport:
        subject = "these settings" if connection_id is None else f"connection {connection_id}"
        connector = asked.connector
        policy.require_allowed(self._context.settings, connector, asked.values)
        _require(connector, listing.what, connection_id)
        _check_scope(connector, listing.what, scope, connection_id)
        document, report = tests.discover(self._context, asked, limit_s, scope, listing)
        if not document["connected"]:
            raise _failed(f"listing the {listing.what} of {subject}", document)
        return report


def _overrides(connector: Connector, scope: Scope) -> dict[str, str]:
    # A type may hold a catalog of its own; the one of this call stands in its place.
    return {"catalog": scope.database} if scope.database is not None and "catalog" in connector.fields else {}


def check_limit(limit: int) -> None:
    """Raise InvalidInput when a page would hold too much, or nothing."""
    if not 0 < limit <= MAX_LISTING_SIZE:
        message = f"limit must be from 1 to {MAX_LISTING_SIZE:,}"
        raise InvalidInput([Problem("limit", message, "--after shows what is behind the limit")])


def _failed(what: str, report: types.TestReport) -> TestFailed:
    message = f"{what} failed at {report['stage']} ({report['class']}): {report['message']}"
    return TestFailed(message, report["hint"], report)


def _require(connector: Connector, what: str, connection_id: int | None) -> None:
    functions = {"catalogs": connector.catalogs, "schemas": connector.schemas, "tables": connector.tables}
    if functions[what] is None:
        other = next((name for name in ("catalogs", "schemas", "tables") if functions[name]), None)
        hint = f"qualytics connections {other} --id {connection_id or 'ID'} lists what it has" if other else None
        raise Conflict(f"{connector.type} has no {what}", hint)


def _check_scope(connector: Connector, what: str, scope: Scope, connection_id: int | None) -> None:
    problems = validate.Problems()
    known = {*connector.scope, *connector.scope_optional, *(("database",) if connector.catalogs else ())}
    needed = {"catalogs": (), "schemas": ("database",), "tables": ("database", "schema")}[what]
    for level, option in _OPTIONS.items():
        given = getattr(scope, level)
        if given is not None and level not in known:
            hint = f"leave --{option} out"
            problems.add(option, f"is not used by {connector.type}", hint, "field-not-accepted")
        elif given is None and level in needed and _lacks(connector, what, level, scope):
            listed = getattr(connector, f"{option}s") is not None
            hint = (
                f"qualytics connections {option}s --id {connection_id or 'ID'} lists them"
                if listed
                else f"as in --{option} NAME"
            )
            problems.add(option, f"is needed for {connector.type}", hint, "missing-value")
    problems.finish()


def _lacks(connector: Connector, what: str, level: str, scope: Scope) -> bool:
    # A type with one level of names may call it by either word; one that has two needs both.
    if level == "database" and "schema" not in connector.scope:
        return what == "tables" and level in connector.scope and scope.schema is None
    return level in connector.scope


def _documents(
    connector: Connector, what: str, scope: Scope, items: Sequence[Item], datastores: Iterable[Datastore]
) -> list[dict[str, Any]]:
    keys = ("name", "kind", "is_system") if what == "tables" else ("name", "is_system")
    users: dict[str, list[dict[str, Any]]] = {}
    for datastore in datastores:
        if (place := _place(connector, what, scope, datastore)) is not None:
            users.setdefault(place, []).append({"id": datastore.id, "name": datastore.name})
    here = users.pop(_HERE, [])
    # Many engines fold the names that a user types: a spelling that nothing has means the one that it folds to.
    names = {_bare(item.name) for item in items}
    folded = {place.casefold(): found for place, found in users.items() if place not in names}
    documents = []
    for item in items:
        name = _bare(item.name)
        found = here or users.get(name) or folded.get(name.casefold(), [])
        documents.append({**{key: getattr(item, key) for key in keys}, "existing_datastores": found})
    return documents


def _place(connector: Connector, what: str, scope: Scope, datastore: Datastore) -> str | None:
    """Return the name under which a datastore stands in a listing; None when it is elsewhere."""
    if connector.kind == "dfs":
        return _bare(datastore.root_path or "") or None
    if what == "catalogs":
        return datastore.database
    if scope.database is not None and datastore.database not in {None, scope.database}:
        return None
    schema = datastore.schema or (_MAIN if connector.kind == "embedded" else datastore.database)
    if what == "schemas":
        return schema
    wanted = scope.schema or (_MAIN if connector.kind == "embedded" else scope.database)
    return _HERE if schema == wanted else None


def _bare(name: str) -> str:
    return name.strip("/") or name
