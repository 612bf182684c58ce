"""Users, tokens and the audit log of a control plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from qualytics.client.http import replies
from qualytics.client.http.paths import is_too_long, path_of
from qualytics.settings import MAX_PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qualytics import types
    from qualytics.client.http.api import Api


_TOKENS = "/user-tokens"


class HttpUsers:
    """The verbs on users and service accounts; see the service for each."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def create(self, fields: Mapping[str, Any]) -> types.User:
        """Store a new user and return its document."""
        return replies.user(*self._api.call("POST", "/users", None, fields))

    def list(self, kind: str | None = None, name: str | None = None, limit: int | None = None) -> Iterator[types.User]:
        """Yield the documents of users, filtered by kind and by a part of the name."""
        if not is_too_long(name):
            yield from self._api.listed("/users", [("kind", kind), ("name", name)], replies.user, limit)

    def get(self, record: int | str) -> types.User:
        """Return the document of a user."""
        return replies.user(*self._api.call("GET", path_of("/users", record)))

    def find(self, name: str) -> int:
        """Return the id of the user of that name; case and outer spaces do not count."""
        return replies.id_of(self.get(name))

    def me(self) -> types.CurrentUser:
        """Return the document of the user that the token belongs to."""
        return cast("types.CurrentUser", replies.user(*self._api.call("GET", "/users/me")))

    def update(self, record: int | str, changes: Mapping[str, Any], *, version: int | None = None) -> types.User:
        """Change what is given and return the document; None clears an address, a password or a link."""
        return replies.user(*self._api.call("PATCH", path_of("/users", record), None, changes, version=version))

    def delete(self, record: int | str, *, version: int | None = None, dry_run: bool = False) -> types.Deleted:
        """Delete a user, and with them every token of theirs; return `{id, name, deleted}`."""
        return self._api.delete(path_of("/users", record), dry_run=dry_run, version=version)


class HttpTokens:
    """The verbs on tokens; see the service for each."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def create(self, name: str, expires_in_days: int | None = None, user: str | int | None = None) -> types.NewToken:
        """Make a token and return its document, with the token itself as `bearer_token`, once."""
        fields = {"name": name, "expires_in_days": expires_in_days, "user": user}
        body = {key: value for key, value in fields.items() if value is not None}
        return cast("types.NewToken", replies.token(*self._api.call("POST", _TOKENS, None, body)))

    def list(
        self, user: str | int | None = None, *, everybody: bool = False, limit: int | None = None
    ) -> Iterator[types.Token]:
        """Yield the documents of one's own tokens, of another user's, or of everybody's."""
        query = [("user", user), ("everybody", everybody or None)]
        yield from self._api.listed(_TOKENS, query, replies.token, limit)

    def get(self, record: int | str) -> types.Token:
        """Return the document of a token."""
        return replies.token(*self._api.call("GET", path_of(_TOKENS, record)))

    def revoke(self, record: int | str, *, revoke: bool = True) -> types.Token:
        """Revoke a token at once, or restore it, and return its document."""
        return replies.token(*self._api.call("PUT", path_of(_TOKENS, record), None, {"revoke": revoke}))

    def delete(self, record: int | str) -> types.Deleted:
        """Delete a revoked token; return `{id, name, deleted}`."""
        return self._api.delete(path_of(_TOKENS, record))


class HttpAudit:
    """The audit log."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def list(self, *, before: int | None = None, limit: int = 100, **filters: str | None) -> list[types.AuditEntry]:
        """Return entries, the newest first, with the filters of the service."""
        entries: list[types.AuditEntry] = []
        while len(entries) < limit:
            size = min(MAX_PAGE_SIZE, limit - len(entries))
            query = [("before", before), ("size", size), *filters.items()]
            page = replies.items(self._api.call("GET", "/audit", query)[0])
            entries += page
            if len(page) < size:
                break
            before = page[-1]["id"]
        return entries

    def prune(self, before: str) -> types.Pruned:
        """Drop every entry from before a day or moment, changes too; return `{before, deleted}`."""
        return replies.pruned(self._api.call("POST", "/audit/prune", None, {"before": before})[0])
