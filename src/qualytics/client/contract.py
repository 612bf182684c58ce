"""What every client has, as type checkers see it: the verbs on the embedded store and on a control plane alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

from qualytics.model import EVERYWHERE, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from qualytics import types
    from qualytics.model import Listing, OnStage


class Connections(Protocol):
    """The verbs on connections; a `record` is an id, or a name as a text."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the warnings of the last create, update or test.

        They are of the test before a change, of a name that looks like another's, and of a test that is not kept.
        """

    def create(
        self,
        fields: types.ConnectionFields,
        *,
        test: bool = False,
        timeout_s: float | None = None,
        scope: Scope = EVERYWHERE,
        on_stage: OnStage | None = None,
    ) -> types.Connection:
        """Store a new connection and return it; with `test`, only if a test of it passes, of what `scope` names."""

    def update(  # noqa: PLR0913 - the change, and how it is made
        self,
        record: int | str,
        changes: types.ConnectionChanges,
        *,
        dry_run: bool = False,
        test: bool = False,
        timeout_s: float | None = None,
        scope: Scope = EVERYWHERE,
        version: int | None = None,
        on_stage: OnStage | None = None,
    ) -> types.Connection:
        """Change what is given, keep the rest, and return the connection; None unsets a field.

        `version` is the one that it must still have, `version_of` a document; a dry run stores and tests nothing.
        """

    def copy(
        self, record: int | str, name: str, changes: types.ConnectionChanges | None = None, *, dry_run: bool = False
    ) -> types.Connection:
        """Store a copy of a connection under another name, with its secrets and with `changes`, and return it."""

    def get(self, record: int | str) -> types.Connection:
        """Return a connection, with the datastores that use it."""

    def find(self, name: str) -> int:
        """Return the id of the connection of that name; case and outer spaces do not count."""

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
    ) -> Iterator[types.Connection]:
        """Yield connections that have a part of the name, one of the types, all tags and the owner, `""` for none.

        `search` is a part of the name, a tag, the owner, the host, the uri, or the name of a datastore, in any case.
        `sort` is id, name or type.
        """

    def history(self, record: int | str) -> types.History:
        """Return who changed a connection and when, the newest first."""

    def tests(self, record: int | str, limit: int | None = None) -> Sequence[types.PastTest]:
        """Return the last tests of a connection, the newest first; a hundred are kept."""

    def usages(self, record: int | str) -> Sequence[types.Datastore]:
        """Return the datastores that use a connection."""

    def delete(self, record: int | str, *, dry_run: bool = False, version: int | None = None) -> types.Deleted:
        """Delete a connection that nothing uses."""

    def test(
        self,
        record: int | str,
        overrides: types.ConnectionChanges | None = None,
        *,
        timeout_s: float | None = None,
        scope: Scope = EVERYWHERE,
        on_stage: OnStage | None = None,
    ) -> types.TestReport:
        """Test a connection, with `overrides` in place of stored values, and return the report.

        `on_stage` is called as each stage begins and ends; what it raises ends the test.
        """

    def test_unsaved(
        self,
        fields: types.ConnectionFields,
        *,
        timeout_s: float | None = None,
        scope: Scope = EVERYWHERE,
        on_stage: OnStage | None = None,
    ) -> types.TestReport:
        """Test settings that are not stored, and return the report."""


class Datastores(Protocol):
    """The verbs on datastores; a `record` is an id, or a name as a text."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the warnings of the last create, update or verify: of a name, or of a result that is not kept."""

    def create(self, fields: types.DatastoreFields) -> types.Datastore:
        """Store a new datastore, and the new `connection` that may come with it, and return it."""

    def update(
        self,
        record: int | str,
        changes: types.DatastoreChanges,
        *,
        version: int | None = None,
        dry_run: bool = False,
    ) -> types.Datastore:
        """Change what is given, keep the rest, and return the datastore; None unsets a text, a list or a setting."""

    def get(self, record: int | str) -> types.Datastore:
        """Return a datastore."""

    def find(self, name: str) -> int:
        """Return the id of the datastore of that name; case and outer spaces do not count."""

    def list(self, name: str | None = None, connection_id: int | None = None) -> Iterator[types.Datastore]:
        """Yield datastores, filtered by a part of the name and by connection."""

    def delete(self, record: int | str, *, version: int | None = None, dry_run: bool = False) -> types.Deleted:
        """Delete a datastore."""

    def verify(
        self, record: int | str, *, timeout_s: float | None = None, on_stage: OnStage | None = None
    ) -> types.TestReport:
        """Test the connection with the database and schema of a datastore, and return the report."""


class Discovery(Protocol):
    """What a connection can see."""

    def catalogs(self, record: int | str, *, timeout_s: float | None = None) -> types.Names:
        """Return the catalogs (databases) of a server."""

    def schemas(self, record: int | str, *, catalog: str | None = None, timeout_s: float | None = None) -> types.Names:
        """Return the schemas of a catalog."""

    def tables(
        self,
        record: int | str,
        listing: Listing | None = None,
        *,
        catalog: str | None = None,
        schema: str | None = None,
        timeout_s: float | None = None,
    ) -> types.Tables:
        """Return the tables and views of a schema; of an object store, prefixes and objects under its path."""


class Config(Protocol):
    """The verbs on a configuration: many connections and datastores as they are to be."""

    def datastores(self) -> Iterator[types.ConfigDatastore]:
        """Yield all datastores with their settings, and the datastore of their enrichment by name."""

    def plan(self, config: types.Config) -> types.Plan:
        """Return what an apply would create, update and delete, and what is wrong; nothing is stored."""

    def apply(self, config: types.Config, *, plan: str | None = None) -> types.Plan:
        """Store a configuration, all or nothing, and return the plan that it was.

        `plan` is that of a plan which was looked at: something else is not applied.
        """

    def test(
        self, config: types.Config, *, plan: str | None = None, timeout_s: float | None = None
    ) -> types.ConfigTests:
        """Test each connection that an apply would create or change, and return the reports of those that fail."""


class Run(Protocol):
    """Tests of many connections; iterate once for the results, in the order in which the tests end.

    Use it in a `with` statement, which ends the tests that still run when it is left.
    """

    @property
    def operation_id(self) -> int | None:
        """Return the id by which a control plane resumes it; None on the embedded store."""

    @property
    def total(self) -> int:
        """Return how many connections there were when it began."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what could not be kept of its tests, once it was left."""

    def untested(self) -> Iterator[str]:
        """Yield the names of connections that have no result, once it was left."""

    def __iter__(self) -> Iterator[types.TestResult]:
        """Yield the results as they come."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class Runs(Protocol):
    """The verbs that test many connections."""

    def start(  # noqa: PLR0913 - a filter each, and how it is tested
        self,
        name: str | None = None,
        types: Sequence[str] = (),
        *,
        tags: Sequence[str] = (),
        owner: str | None = None,
        parallel: int | None = None,
        timeout_s: float | None = None,
        retry: bool = False,
    ) -> Run:
        """Return a run over all connections, or those that a list with these filters has.

        `parallel` is how many tests run at once, `timeout_s` the time limit of each; with `retry` what may pass a
        moment later is tested once more.
        """

    def resume(self, operation_id: int) -> Run:
        """Follow a run of a control plane from its first result on; what was left untested is tested."""


class Imports(Protocol):
    """The verb on a set of new connections."""

    def create(self, items: Sequence[types.ConnectionFields], *, dry_run: bool = False) -> Sequence[types.Imported]:
        """Store new connections and return what became of each, in their order."""


class Users(Protocol):
    """The verbs on users and service accounts, for an Admin; a `record` is an id, or a name as a text."""

    def create(self, fields: types.UserFields) -> types.User:
        """Store a new user and return it; the first Admin comes with a token, `bearer_token`, once."""

    def list(self, kind: str | None = None, name: str | None = None, limit: int | None = None) -> Iterator[types.User]:
        """Yield users, filtered by kind and by a part of the name."""

    def get(self, record: int | str) -> types.User:
        """Return a user."""

    def find(self, name: str) -> int:
        """Return the id of the user of that name; case and outer spaces do not count."""

    def me(self) -> types.CurrentUser:
        """Return who asks."""

    def update(self, record: int | str, changes: types.UserChanges, *, version: int | None = None) -> types.User:
        """Change what is given, keep the rest, and return the user; another password ends the user's tokens."""

    def delete(self, record: int | str, *, version: int | None = None, dry_run: bool = False) -> types.Deleted:
        """Delete a user, and with them every token of theirs."""


class Tokens(Protocol):
    """The verbs on tokens: one's own, and for an Admin those of others."""

    def create(self, name: str, expires_in_days: int | None = None, user: str | int | None = None) -> types.NewToken:
        """Make a token and return it, with what is sent as `bearer_token`, once; for oneself by default."""

    def list(
        self, user: str | int | None = None, *, everybody: bool = False, limit: int | None = None
    ) -> Iterator[types.Token]:
        """Yield one's own tokens, another user's, or everybody's."""

    def get(self, record: int | str) -> types.Token:
        """Return a token, by its id, or by the name of one of one's own."""

    def revoke(self, record: int | str, *, revoke: bool = True) -> types.Token:
        """Revoke a token at once, or restore it, and return it."""

    def delete(self, record: int | str) -> types.Deleted:
        """Delete a revoked token."""


class Audit(Protocol):
    """The audit log, for an Admin."""

    def list(
        self, *, before: int | None = None, limit: int = 100, action: str | None = None
    ) -> Sequence[types.AuditEntry]:
        """Return entries, the newest first; `before` is the id of the last one that is known already."""

    def prune(self, before: str) -> types.Pruned:
        """Drop every entry from before a day or moment, changes too."""


class Client(Protocol):
    """A client of an embedded store or of a control plane; close it, or use it in a `with` statement.

    One thread at a time may use it.
    """

    @property
    def connections(self) -> Connections:
        """Return the verbs on connections."""

    @property
    def datastores(self) -> Datastores:
        """Return the verbs on datastores."""

    @property
    def discovery(self) -> Discovery:
        """Return what connections can see."""

    @property
    def config(self) -> Config:
        """Return the verbs on a configuration."""

    @property
    def runs(self) -> Runs:
        """Return the verbs that test many connections."""

    @property
    def imports(self) -> Imports:
        """Return the verb on a set of new connections."""

    @property
    def users(self) -> Users:
        """Return the verbs on users."""

    @property
    def tokens(self) -> Tokens:
        """Return the verbs on tokens."""

    @property
    def audit(self) -> Audit:
        """Return the audit log."""

    def close(self) -> None:
        """Close it."""

    def __iter__(self) -> Iterator[types.Connection]:
        """Yield all connections, by id."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_exc: object) -> None: ...
