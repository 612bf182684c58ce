"""The door to the embedded store: the same documents as over HTTP, through the same encoder."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from qualytics.service.connections.discovery import Discovery
from qualytics.service.connections.drafts import preview
from qualytics.service.connections.verbs import Connections
from qualytics.service.context import Context
from qualytics.service.datastores.verbs import Datastores
from qualytics.settings import Plane

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from qualytics.client.local_accounts import LocalTokens, LocalUsers
    from qualytics.service.audit import Audit
    from qualytics.settings import Settings


class LocalConnections(Connections):
    """Connections of the embedded store; see the service for each verb."""

    @staticmethod
    def preview(given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the masked payload that a create would send."""
        return preview(given)


class LocalUpkeep:
    """Care of the embedded store and its key."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._settings = context.settings

    def rotate(self) -> dict[str, Any]:
        """Seal every secret anew under a new key."""
        from qualytics.store.sealing import rotation

        self._context.release()  # it needs the store for itself
        return rotation.rotate(self._settings)

    def check(self) -> dict[str, Any]:
        """Read the whole store and open every secret."""
        from qualytics.store.sqlite import upkeep

        return upkeep.check(self._settings)

    def backup(self, target: Path) -> dict[str, Any]:
        """Copy the store into one new file."""
        from qualytics.store.sqlite import upkeep

        return upkeep.backup(self._settings, target)

    def restore(self, source: Path, *, keep_tokens: bool = False) -> dict[str, Any]:
        """Put a backup in the store's place."""
        from qualytics.store.sqlite import upkeep

        self._context.release()  # it needs the store for itself
        return upkeep.restore(self._settings, source, keep_tokens=keep_tokens)

    def copy(self, target: str, new_key_file: Path | None = None) -> dict[str, Any]:
        """Copy the store into an empty one, sealed anew."""
        from qualytics.store import copying

        return copying.copy(self._settings, target, new_key_file)

    def new_key(self) -> str:
        """Return a new key as text; nothing is stored."""
        from qualytics.store.sealing.cipher import Key

        return Key.generate().text()


class LocalClient:
    """A client of the embedded store, with a part for each kind of record; close it, or use `with`.

    `users` and `tokens` are those of a control plane that serves this store.
    """

    def __init__(self, settings: Settings) -> None:
        self._context = Context(settings)
        self.connections = LocalConnections(self._context)
        self.datastores = Datastores(self._context, self.connections)
        self.discovery = Discovery(self._context)
        self.upkeep = LocalUpkeep(self._context)

    @property
    def audit(self) -> Audit:
        """Return the audit log."""
        from qualytics.service.audit import Audit

        return Audit(self._context)

    @property
    def users(self) -> LocalUsers:
        """Return the users of the control plane; the owner of its store may change them."""
        from qualytics.client.local_accounts import LocalUsers

        return LocalUsers(self._shared())

    @property
    def tokens(self) -> LocalTokens:
        """Return the tokens of those users."""
        from qualytics.client.local_accounts import LocalTokens

        return LocalTokens(self._shared())

    def _shared(self) -> Context:
        # What concerns the users of a control plane is written down there, from wherever it is done.
        settings = replace(self._context.settings, plane=self._context.settings.plane or Plane())
        return Context(settings, lease=lambda: nullcontext(self._context.store))

    def close(self) -> None:
        """Close the store."""
        self._context.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()
