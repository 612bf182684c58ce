"""The verbs on those who use a control plane, as type checkers see them; a part of the contract of clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qualytics import types


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


class Grants(Protocol):
    """The verbs on grants: whom an Admin lets have a connection with its secrets; only an Admin changes them."""

    def create(self, user: int | str, connection: int | str, expires_in_days: int | None = None) -> types.Grant:
        """Let a user, or a service account, use a connection, and return the grant; without days it has no end."""

    def list(
        self, user: int | str | None = None, connection: int | str | None = None, limit: int | None = None
    ) -> Iterator[types.Grant]:
        """Yield grants: one's own, for an Admin all, or those of a user; or those for a connection."""

    def get(self, grant_id: int) -> types.Grant:
        """Return a grant."""

    def delete(self, grant_id: int, *, dry_run: bool = False) -> types.DeletedGrant:
        """End a grant at once: the next use is refused, and reads under way end within a minute."""


class Audit(Protocol):
    """The audit log, for an Admin."""

    def list(  # noqa: PLR0913 - a filter each
        self,
        *,
        before: int | None = None,
        limit: int = 100,
        action: str | None = None,
        actor: str | None = None,
        object_name: str | None = None,
        outcome: types.Outcome | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> Sequence[types.AuditEntry]:
        """Return entries, the newest first; `before` is the id of the last one that is known already.

        `actor` and `object_name` are names as they were then. `since` and `until` are days in UTC or moments, as
        2026-01-31, the first of which counts, too.
        """

    def prune(self, before: str) -> types.Pruned:
        """Drop every entry from before a day or moment, changes too."""
