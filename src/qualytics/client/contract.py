"""What every client has, as type checkers see it: the verbs on the embedded store and on a control plane alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self, Unpack

from qualytics.model import EVERYWHERE, Scope, UsedConnection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from qualytics import types
    from qualytics.client.contract_accounts import Audit, Grants, Tokens, Users
    from qualytics.client.contract_many import Config, Imports, Runs
    from qualytics.model import Listing, OnStage


class Batch(Protocol):
    """A `pyarrow.RecordBatch`, as far as type checkers know it: pyarrow has no types of its own."""

    @property
    def num_rows(self) -> int:
        """Return how many rows it has."""

    @property
    def nbytes(self) -> int:
        """Return how many bytes its values take."""

    def to_pylist(self) -> list[dict[str, Any]]:
        """Return the rows, each by the names of its columns."""

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """Return it as an Arrow C array."""


class Reader(Protocol):
    """Rows of a read under way, as Arrow record batches in the order of their arrival; use it in a `with` statement.

    pandas, polars, duckdb and pyarrow take it whole, as an Arrow C stream. It holds a few batches at any time,
    however many rows there are; whoever takes none stops the source.
    """

    @property
    def schema(self) -> pa.Schema:
        """Return the names and Arrow types of the columns."""

    @property
    def receipt(self) -> types.Receipt:
        """Return what was read, and how exactly; there is one once all batches were taken."""

    @property
    def progress(self) -> types.ReadProgress:
        """Return how far it is."""

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches, each a `pyarrow.RecordBatch`."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the batches as an Arrow C stream."""

    def close(self) -> None:
        """End the sessions that it reads in."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_exc: object) -> None: ...


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
        states: Sequence[types.StateWord] = (),
    ) -> Iterator[types.Connection]:
        """Yield connections that have a part of the name, one of the types, all tags and the owner, `""` for none.

        `search` is a part of the name, a tag, the owner, the host, the uri, or the name of a datastore, in any case.
        `states` are those that they may be in. `sort` is id, name, type or state, which begins with the worst.
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

    def use(self, record: int | str, *, purpose: str) -> UsedConnection:
        """Return a connection with its secrets in clear, to be used outside of this program.

        `purpose` is for the audit log, at most 200 characters. A control plane gives secrets to whom an Admin has
        granted the use of that connection.
        """

    def uses(self, record: int | str) -> Sequence[types.LastUse]:
        """Return the last use of a connection by each user of a control plane, the newest first."""

    def open(self, record: int | str, database: str | None = None) -> Any:
        """Return an open connection of the type's driver (PEP 249), made in this process as a test makes one."""

    def read(self, record: int | str, scope: Scope = EVERYWHERE, **options: Unpack[types.ReadOptions]) -> Reader:
        """Read a table or a query, in the database and schema of `scope`; the sessions are of this machine."""


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

    def read(self, record: int | str, **options: Unpack[types.ReadOptions]) -> Reader:
        """Read a table or a query in the place of a datastore, as `connections.read` does."""


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
    def grants(self) -> Grants:
        """Return the verbs on grants."""

    @property
    def audit(self) -> Audit:
        """Return the audit log."""

    def close(self) -> None:
        """Close it."""

    def __iter__(self) -> Iterator[types.Connection]:
        """Yield all connections, by id."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_exc: object) -> None: ...
