"""A client of the embedded store: the documents of a control plane, without one."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Self

from qualytics.client.local_uses import LocalConnections, LocalDatastores
from qualytics.service.connections.discovery import Discovery
from qualytics.service.context import Context
from qualytics.settings import ServerPolicy
from qualytics.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from qualytics import types
    from qualytics.model import TestReport
    from qualytics.probe import Plan
    from qualytics.probe.parent.cancellation import Cancellation
    from qualytics.service.accounts.tokens import Tokens
    from qualytics.service.accounts.users import Users
    from qualytics.service.audit import Audit
    from qualytics.service.config.verbs import Config
    from qualytics.service.connections.imports import Imports
    from qualytics.service.connections.runs import Runs
    from qualytics.service.grants import Grants
    from qualytics.settings import Settings
    from qualytics.store.base import StorePool


class LocalUpkeep:
    """Care of the embedded store and its key."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = context.settings

    def rotate(self, *, forget: bool = False) -> dict[str, Any]:
        """Seal every secret anew under a new key; the old one is kept beside it, or with `forget` none."""
        from qualytics.store.sealing import rotation

        self._context.release()  # it needs the store for itself
        return rotation.rotate(self._settings, forget=forget)

    def forget_keys(self, *, dry_run: bool = False) -> dict[str, Any]:
        """Remove the keys that rotations have replaced."""
        from qualytics.store.sealing import rotation

        self._context.release()
        return rotation.forget(self._settings, dry_run=dry_run)

    def check(self) -> dict[str, Any]:
        """Read the whole store and open every secret."""
        from qualytics.store.sqlite import upkeep

        return upkeep.check(self._settings)

    def backup(self, target: Path) -> dict[str, Any]:
        """Copy the store into one new file."""
        from qualytics.store.sqlite import upkeep

        return upkeep.backup(self._settings, target)

    def restore(self, source: Path, *, keep_tokens: bool = False) -> dict[str, Any]:
        """Replace the store by a backup."""
        from qualytics.store.sqlite import upkeep

        self._context.release()  # it needs the store for itself
        return upkeep.restore(self._settings, source, keep_tokens=keep_tokens)

    def copy(self, target: str, new_key_file: Path | None = None) -> dict[str, Any]:
        """Copy the store into an empty one, sealed anew."""
        from qualytics.store import copying

        return copying.copy(self._settings, target, new_key_file)


class LocalClient:
    """A client of the embedded store, with a part for each kind of record; close it, or use `with`.

    `users` and `tokens` are those of a control plane that serves this store. Where there is a `pool`, stores come from
    it; `run_test` is what runs a test, if not the usual, and `cancellation` ends those of many connections.
    """

    def __init__(
        self,
        settings: Settings,
        pool: StorePool | None = None,
        run_test: Callable[[Plan], TestReport] | None = None,
        cancellation: Cancellation | None = None,
    ) -> None:
        self._context = Context(settings, lease=None if pool is None else pool.lease)
        self._context.run_test, self._context.cancellation = run_test, cancellation
        self.connections = LocalConnections(self._context)
        self.datastores = LocalDatastores(self._context, self.connections)
        self.discovery = Discovery(self._context)
        self.upkeep = LocalUpkeep(self._context)

    @property
    def store_name(self) -> str | None:
        """Return where the store is that this client works on; a control plane's is its own affair."""
        settings = self._context.settings  # which need no store, where that may not be made yet
        return str(settings.store_path) if settings.store_url is None else self._context.store.name

    @property
    def runs(self) -> Runs:
        """Return the tests of many connections."""
        from qualytics.service.connections.runs import Runs

        return Runs(self._context)

    @property
    def default_ssl_mode(self) -> str | None:
        """Return the `ssl_mode` of a connection that has none."""
        return self._context.default_ssl_mode

    @property
    def imports(self) -> Imports:
        """Return the verb on a set of new connections."""
        from qualytics.service.connections.imports import Imports

        return Imports(self._context)

    @property
    def config(self) -> Config:
        """Return the verbs on a configuration of many connections and datastores."""
        from qualytics.service.config.verbs import Config

        return Config(self._context, self.connections, self.datastores)

    @property
    def audit(self) -> Audit:
        """Return the audit log."""
        from qualytics.service.audit import Audit

        return Audit(self._context)

    @property
    def users(self) -> Users:
        """Return the users of the control plane; the owner of its store may change them."""
        from qualytics.service.accounts.users import Users

        return Users(self._shared())

    @property
    def tokens(self) -> Tokens:
        """Return the tokens of those users."""
        from qualytics.service.accounts.tokens import Tokens

        return Tokens(self._shared())

    @property
    def grants(self) -> Grants:
        """Return who of those users may have which connection with its secrets."""
        from qualytics.service.grants import Grants

        return Grants(self._shared())

    def _shared(self) -> Context:
        # What concerns the users of a control plane is written down there, from wherever it is done.
        settings = replace(self._context.settings, policy=self._context.settings.policy or ServerPolicy())
        return Context(settings, lease=lambda: nullcontext(self._context.store))

    def __iter__(self) -> Iterator[types.Connection]:
        """Yield the documents of all connections, by id."""
        return self.connections.list()

    def close(self) -> None:
        """Close the store."""
        self._context.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()
