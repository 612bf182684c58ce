"""Grants of a control plane: who may have which connection with its secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from qualytics.client.http import replies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from qualytics import types
    from qualytics.client.http.api import Api
    from qualytics.client.http.paths import Query

_PATH = "/grants"


class HttpGrants:
    """The verbs on grants; see the service for each."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def create(self, user: int | str, connection: int | str, expires_in_days: int | None = None) -> types.Grant:
        """Let a user, or a service account, use a connection, and return the document of the grant."""
        fields = {"user": user, "connection": connection, "expires_in_days": expires_in_days}
        body = {name: value for name, value in fields.items() if value is not None}
        return _grant(self._api.call("POST", _PATH, None, body)[0])

    def list(
        self, user: int | str | None = None, connection: int | str | None = None, limit: int | None = None
    ) -> Iterator[types.Grant]:
        """Yield the documents of grants: one's own, for an Admin all, or those of a user; or those for a connection."""
        query = [*_filter("user", user), *_filter("connection", connection)]
        yield from self._api.listed(_PATH, query, _grant, limit)

    def get(self, grant_id: int) -> types.Grant:
        """Return the document of a grant."""
        return _grant(self._api.call("GET", f"{_PATH}/{grant_id}")[0])

    def delete(self, grant_id: int, *, dry_run: bool = False) -> types.DeletedGrant:
        """End a grant at once, and return it."""
        record = self._api.call("DELETE", f"{_PATH}/{grant_id}", [("dry_run", dry_run or None)])[0]
        return cast("types.DeletedGrant", _grant(record))


def _filter(name: str, record: int | str | None) -> Query:
    return [(f"{name}_id" if isinstance(record, int) else name, record)]


def _grant(record: Any) -> types.Grant:
    return cast("types.Grant", replies.record_of(record, "id", "user", "connection"))
