"""Connections of a control plane: one request a verb."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.client.http import replies
from qualytics.client.http.paths import COPY, SEARCH, STATE, Query, is_too_long, path_of
from qualytics.errors import NotFound, UsageError
from qualytics.model import EVERYWHERE, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Unpack

    from qualytics import types
    from qualytics.client.contract import Reader
    from qualytics.client.http.api import Api
    from qualytics.model import OnStage, UsedConnection

_PATH = "/connections"


class HttpConnections:
    """The verbs on connections; see the service for each."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the warnings of the last create or update; see the service."""
        return self._api.warnings

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

        What `on_stage` raises ends the test, if the control plane has not stored the connection by then.
        """
        if not test:
            return replies.connection(*self._api.call("POST", _PATH, body=fields))
        query = [("test", True), *_scope(scope)]
        return replies.connection(*self._api.tested("POST", _PATH, timeout_s, query, fields, on_stage=on_stage))

    def update(  # noqa: PLR0913 - as the service's
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
        """Change what is given, keep the rest, and return the document; None unsets a field.

        `on_stage` is as in `create`.
        """
        path, query = path_of(_PATH, record), [("dry_run", dry_run or None)]
        if not test:
            return replies.connection(*self._api.call("PATCH", path, query, changes, version=version))
        query += [("test", True), *_scope(scope)]
        how: dict[str, Any] = {"version": version, "on_stage": on_stage}
        return replies.connection(*self._api.tested("PATCH", path, timeout_s, query, changes, **how))

    def copy(
        self, record: int | str, name: str, changes: Mapping[str, Any] | None = None, *, dry_run: bool = False
    ) -> types.Connection:
        """Store a copy of a connection under another name, with `changes` as of an update; return its document."""
        path, body = path_of(_PATH, record, COPY), {**(changes or {}), "name": name}
        return replies.connection(*self._api.call("POST", path, [("dry_run", dry_run or None)], body))

    def get(self, record: int | str) -> types.Connection:
        """Return the document of a connection, with the datastores that use it."""
        return replies.connection(*self._api.call("GET", path_of(_PATH, record)))

    def find(self, name: str) -> int:
        """Return the id of the connection of that name; case and outer spaces do not count."""
        return replies.id_of(self.get(name))

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
        """Yield the documents of connections, filtered as the service does."""
        if is_too_long(name) or is_too_long(owner) or is_too_long(search):
            return
        query = [
            ("name", name),
            (SEARCH, search),
            *(("type", connection_type) for connection_type in types),
            *(("tag", tag) for tag in tags),
            ("owner", owner),
            *((STATE, state) for state in states),
            (f"sort_{sort}", "asc"),
        ]
        yield from self._api.listed(_PATH, query, lambda record: replies.connection(record, in_list=True), limit)

    def history(self, record: int | str) -> types.History:
        """Return who changed a connection and when, the newest first."""
        history: types.History = self._api.call("GET", path_of(_PATH, record, "/history"))[0]
        return history

    def tests(self, record: int | str, limit: int | None = None) -> Sequence[types.PastTest]:
        """Return the last tests of a connection, the newest first."""
        try:
            return [*self._api.listed(path_of(_PATH, record, "/tests"), [], replies.past_test, limit)]
        except NotFound:
            self.get(record)  # which says whether it is the connection that is missing
            raise UsageError(
                f"{self._api.url} does not keep past tests", "bring the control plane up to date"
            ) from None

    def usages(self, record: int | str) -> Sequence[types.Datastore]:
        """Return the documents of the datastores that use a connection."""
        found = self.get(record)  # which says, too, that there is such a connection
        if not found["datastores"]:
            return []
        return [*self._api.listed("/datastores", [("connection_id", found["id"])], replies.datastore)]

    def delete(self, record: int | str, *, dry_run: bool = False, version: int | None = None) -> types.Deleted:
        """Delete a connection that nothing uses; return `{id, name, deleted}`."""
        return self._api.delete(path_of(_PATH, record), dry_run=dry_run, version=version)

    def test(
        self,
        record: int | str,
        overrides: Mapping[str, Any] | None = None,
        *,
        timeout_s: float | None = None,
        scope: Scope = EVERYWHERE,
        on_stage: OnStage | None = None,
    ) -> types.TestReport:
        """Test a stored connection, with `overrides` in place of stored values; return the report."""
        path = path_of(_PATH, record, "/test")
        return self._api.test(path, timeout_s, _scope(scope), overrides or None, on_stage)

    def test_unsaved(
        self,
        fields: Mapping[str, Any],
        *,
        timeout_s: float | None = None,
        scope: Scope = EVERYWHERE,
        on_stage: OnStage | None = None,
    ) -> types.TestReport:
        """Test settings that are not stored."""
        return self._api.test(f"{_PATH}/test", timeout_s, _scope(scope), fields, on_stage)

    def use(self, record: int | str, *, purpose: str) -> UsedConnection:
        """Return a connection with its secrets in clear; see `client.http.uses`."""
        from qualytics.client.http import uses

        return uses.use(self._api, record, purpose)

    def uses(self, record: int | str) -> Sequence[types.LastUse]:
        """Return the last use of a connection by each user, the newest first."""
        from qualytics.client.http import uses

        return uses.uses(self._api, record)

    def open(self, record: int | str, database: str | None = None) -> Any:
        """Return an open connection of the type's driver, of this process; see `client.http.uses`."""
        from qualytics.client.http import uses

        return uses.open_connection(self._api, record, database)

    def read(self, record: int | str, scope: Scope = EVERYWHERE, **options: Unpack[types.ReadOptions]) -> Reader:
        """Read a table or a query on this machine, in the database and schema of `scope`; see `client.http.uses`."""
        from qualytics.client.http import uses

        return uses.read_connection(self._api, record, scope, options)


class HttpImports:
    """The verb on a set of new connections; see the service."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def create(self, items: Sequence[Mapping[str, Any]], *, dry_run: bool = False) -> Sequence[types.Imported]:
        """Store new connections and return what became of each, in their order."""
        query = [("dry_run", dry_run or None)]
        reply = self._api.call("POST", f"{_PATH}/import", query, {"connections": items})[0]
        return replies.items({"items": reply.get("connections")})


def _scope(scope: Scope) -> Query:
    return [("database", scope.database), ("schema", scope.schema)]
