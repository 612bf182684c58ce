"""An open store, whichever database holds it: what engines share, and what each must do.

Rows are read and written through its tables: `connections`, `datastores`, `past_tests`, `accounts`, `grants`, `audit`,
`operations` and `own_secrets`. Their SQL is written once for all engines: `?` for an argument; RETURNING for a new id;
TRUE, LIMIT with a number and OFFSET; `instr` and `group_concat`; numbers for yes and no; every text compares by code
points. Changes belong into `with store.writing():`, one writer at a time, so what a change has read stays true until it
is written.
"""

from __future__ import annotations

import abc
import contextlib
import functools
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias

from qualytics.errors import KeyMismatch
from qualytics.store.sealing.cipher import Identity, Key
from qualytics.store.sealing.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qualytics.settings import Settings
    from qualytics.store.tables.accounts import Accounts
    from qualytics.store.tables.audit import AuditTable
    from qualytics.store.tables.connections import ConnectionTable
    from qualytics.store.tables.datastores import DatastoreTable
    from qualytics.store.tables.grants import GrantTable
    from qualytics.store.tables.operations import OperationTable
    from qualytics.store.tables.own_secrets import OwnSecretTable
    from qualytics.store.tables.past_tests import PastTestTable


# The statement whose rows make an `Identity`.
META = "SELECT name, value FROM meta"
# The store's identity and, once it was needed, its key.
Known: TypeAlias = tuple[Identity, Key | None]


class Rows(Protocol):
    """What a statement gives; a row is read by number and by name."""

    def __iter__(self) -> Iterator[Any]:
        """Yield the rows, read while they are asked for."""

    def all(self) -> list[Any]:
        """Return every row."""


class StorePool(Protocol):
    """Leases of a store."""

    def lease(self) -> contextlib.AbstractContextManager[Store]:
        """Give an open store for as long as the context lasts.

        Raises:
            StoreError, KeyProblem, Busy: as `open_store` does.

        """

    def close(self) -> None:
        """Close what is idle; leases that are out close when they end."""


class Store(abc.ABC):
    """An open store. Use it as a context manager, in one thread at a time."""

    def __init__(self, settings: Settings, known: Known | None = None) -> None:
        self._settings = settings
        self._keys = Keys(settings)
        self._identity, self._key = known or (self._read_identity(), None)

    # Tables are imported when they are asked for: most commands need but one or two.
    @functools.cached_property
    def connections(self) -> ConnectionTable:
        """Connections and their secrets."""
        from qualytics.store.tables.connections import ConnectionTable

        return ConnectionTable(self.execute, self.store_id, self.key, self.state)

    @functools.cached_property
    def datastores(self) -> DatastoreTable:
        """Datastores."""
        from qualytics.store.tables.datastores import DatastoreTable

        return DatastoreTable(self.execute)

    @functools.cached_property
    def past_tests(self) -> PastTestTable:
        """The last tests of each connection."""
        from qualytics.store.tables.past_tests import PastTestTable

        return PastTestTable(self.execute, self.execute_many)

    @functools.cached_property
    def accounts(self) -> Accounts:
        """Users, tokens and sign-ins that are under way."""
        from qualytics.store.tables.accounts import Accounts

        return Accounts(self.execute)

    @functools.cached_property
    def grants(self) -> GrantTable:
        """Who may have which connection with its secrets."""
        from qualytics.store.tables.grants import GrantTable

        return GrantTable(self.execute)

    @functools.cached_property
    def audit(self) -> AuditTable:
        """The audit log."""
        from qualytics.store.tables.audit import AuditTable

        return AuditTable(self.execute)

    @functools.cached_property
    def operations(self) -> OperationTable:
        """Operations."""
        from qualytics.store.tables.operations import OperationTable

        return OperationTable(self.execute)

    @functools.cached_property
    def own_secrets(self) -> OwnSecretTable:
        """Secrets of the store itself."""
        from qualytics.store.tables.own_secrets import OwnSecretTable

        return OwnSecretTable(self.execute, self.store_id, self.key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """Return where the store is, as it may be shown."""

    @property
    def keys(self) -> Keys:
        """Return where the key comes from."""
        return self._keys

    @property
    def known(self) -> Known:
        """Return what was read of the store and its key, for the next opening of the same store."""
        return self._identity, self._key

    @property
    def store_id(self) -> str:
        """Return the store's id."""
        return self._identity.store_id

    @property
    def key_id(self) -> str:
        """Return the id of the key that the secrets are sealed with."""
        return self._identity.key_id

    @abc.abstractmethod
    def execute(self, sql: str, arguments: tuple[Any, ...] = ()) -> Rows:
        """Run one statement; the engine's faults come out as the product's errors."""

    @abc.abstractmethod
    def execute_many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Run one statement for each row of arguments, inside a transaction."""

    @abc.abstractmethod
    def writing(self) -> contextlib.AbstractContextManager[Self]:
        """Run a write transaction: all or nothing, on disk before this returns."""

    @abc.abstractmethod
    def reading(self) -> contextlib.AbstractContextManager[Self]:
        """Read one state of the store, whatever others write meanwhile."""

    def rotating(self) -> contextlib.AbstractContextManager[None]:
        """Let others see, while this lasts, that a key is being rotated; they do where they can use the store then."""
        return contextlib.nullcontext()

    def is_rotating(self) -> bool:
        """Say whether somebody rotates the key now."""
        return False

    def answers(self) -> bool:
        """Say that a statement has been answered; the engine's error says why not."""
        return bool(self.execute("SELECT 1").all())

    @abc.abstractmethod
    def compact(self) -> None:
        """Write the tables anew without anything that was deleted or replaced."""

    @abc.abstractmethod
    def problems(self) -> Iterator[str]:
        """Yield what is wrong with the database itself."""

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        return int(self.execute(f"SELECT count(*) FROM {table}").all()[0][0])  # noqa: S608 - a name of the schema

    @abc.abstractmethod
    def last_ids(self) -> dict[str, int]:
        """Return the highest id that each table has ever given."""

    @abc.abstractmethod
    def keep_ids(self, last: dict[str, int]) -> None:
        """Let each table give higher ids than these from now on, inside a transaction."""

    @abc.abstractmethod
    def close(self) -> None:
        """Close the database; once is enough."""

    def key(self, *, renewed: bool = False) -> Key:
        """Return the store's key, checked against the store once; `renewed` looks again which one that is.

        Raises:
            KeyProblem: it is missing, not a key, or another store's.

        """
        if renewed:
            self.reread()
        if self._key is None:
            self._key = self._identity.prove(self._find())
        return self._key

    def state(self) -> object:
        """Return a value that is another after every change of the store, None where that is not cheap to say."""
        return None

    def set_key(self, key: Key) -> None:
        """Make `key` the store's key; inside a transaction that has sealed everything with it."""
        for row in Identity.made(self.store_id, key).rows():
            self.execute("UPDATE meta SET value = ? WHERE name = ?", row)

    def reread(self) -> None:
        """Read again which key is the store's, after somebody may have changed it."""
        self._take_identity(self._read_identity())

    def _take_identity(self, identity: Identity) -> None:
        if identity.key_id != self._identity.key_id:
            self._key = None
        self._identity = identity

    def _find(self) -> Key:
        try:
            return self._keys.find(self.key_id)
        except KeyMismatch:
            before = self.key_id
            self.reread()
            if self.key_id == before:
                raise
            return self._keys.find(self.key_id)

    def _read_identity(self) -> Identity:
        return Identity.read(self.execute(META), self.name)
