"""Connections of a control plane: the same verbs, and the requests that any server of this API understands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.client.http import replies
from qualytics.client.http.api import Api, is_too_long, test_wait
from qualytics.errors import NotAllowed, NotFound, UsageError, VersionChanged
from qualytics.fields import SECRETS
from qualytics.model import EVERYWHERE, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PATH = "/connections"
# A change that lost a race is made again on what is there now, as the embedded store would have made it.
_TRIES = 5
# How many names are looked through for one that is like a misspelt one.
_MAX_NAMES = 1_000


class HttpConnections:
    """The verbs on connections; see the service for each."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the warnings of the last create or update; see the service."""
        return self._api.warnings

    @staticmethod
    def preview(given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the masked payload that a create would send; nothing is contacted."""
        from qualytics.service.connections import drafts

        return drafts.preview(given)

    def create(
        self,
        given: Mapping[str, Any],
        *,
        test: bool = False,
        timeout_s: float | None = None,
        scope: Scope = EVERYWHERE,
    ) -> dict[str, Any]:
        """Store a new connection and return its document; with `test`, only if a test of it passes."""
        wait_s = test_wait(timeout_s) if test else 0.0
        made, version = self._api.call("POST", _PATH, _testing(test, timeout_s, scope), given, wait_s=wait_s)
        return replies.connection(made, version)

    def update(  # noqa: PLR0913 - as the service's
        self,
        connection_id: int,
        given: Mapping[str, Any],
        *,
        dry_run: bool = False,
        test: bool = False,
        timeout_s: float | None = None,
        scope: Scope = EVERYWHERE,
        version: int | None = None,
    ) -> dict[str, Any]:
        """Change what is given, keep the rest, and return the document; None unsets a field."""
        if not given:
            raise UsageError("nothing to update", "give at least one field, as in --host db.example.com")
        query = [*_testing(test, timeout_s, scope), ("dry_run", dry_run or None)]
        wait_s = test_wait(timeout_s) if test else 0.0
        # Only a merge patch can clear a secret, or make it empty: a PUT keeps it then, and wants a name.
        is_patch = any(not given[name] for name in (*SECRETS, "name") if name in given)
        for left in reversed(range(_TRIES)):
            before = self._get(connection_id)
            if dry_run and before.version is None:
                raise NotAllowed("this control plane has no dry run of an update", "leave out --dry-run")
            method, body = ("PATCH", dict(given)) if is_patch else ("PUT", _changed(before, given))
            wanted = before.version if version is None else version
            try:
                path = f"{_PATH}/{connection_id}"
                found, etag = self._api.call(method, path, query, body, version=wanted, wait_s=wait_s)
            except VersionChanged:
                if version is not None or test or not left:
                    raise
            else:
                return replies.connection(found, etag)
        raise VersionChanged(f"connection {connection_id} changes all the time")

    def get(self, connection_id: int) -> dict[str, Any]:
        """Return the document of a connection, with the datastores that use it."""
        return self._get(connection_id)

    def find(self, name: str) -> int:
        """Return the id of the connection of that name; case and outer spaces do not count."""
        try:
            return self._api.find(_PATH, "connection", name, [("name_exact", name)])
        except NotFound as exc:
            from qualytics import text

            guess = text.nearest(name, tuple(str(found["name"]) for found in self.list(limit=_MAX_NAMES)))
            hint = f"did you mean {guess!r}?" if guess else "qualytics connections list shows all"
            raise NotFound(exc.message, hint) from None

    def list(
        self, name: str | None = None, types: Sequence[str] = (), sort: str = "id", limit: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the documents of connections, filtered by a part of the name and by types."""
        if is_too_long(name):
            return
        query = [("name", name), *(("type", kind) for kind in types), (f"sort_{sort}", "asc")]
        yield from self._api.listed(_PATH, query, lambda found: replies.connection(found, in_list=True), limit)

    def history(self, connection_id: int) -> dict[str, Any]:
        """Return who changed a connection and when, the newest first."""
        found: dict[str, Any] = self._api.call("GET", f"{_PATH}/{connection_id}/history")[0]
        return found

    def usages(self, connection_id: int) -> Sequence[dict[str, Any]]:
        """Return the documents of the datastores that use a connection."""
        if not self._get(connection_id)["datastores"]:
            return []
        found = self._api.listed("/datastores", [("connection_id", connection_id)], replies.datastore)
        return [one for one in found if one["connection_id"] == connection_id]

    def delete(self, connection_id: int, *, dry_run: bool = False, version: int | None = None) -> dict[str, Any]:
        """Delete a connection that nothing uses; return `{id, name, deleted}`."""
        found = self._get(connection_id)
        if dry_run:
            from qualytics.service.connections.verbs import require_unused

            require_unused(found["name"], found["datastores"] or ())
        else:
            self._api.call("DELETE", f"{_PATH}/{connection_id}", version=version)
        return {"id": found["id"], "name": found["name"], "deleted": not dry_run}

    def test(
        self,
        connection_id: int,
        overrides: Mapping[str, Any] | None = None,
        *,
        timeout_s: float | None = None,
        scope: Scope = EVERYWHERE,
    ) -> dict[str, Any]:
        """Test a stored connection, with `overrides` in place of stored values; return the report."""
        test_wait(timeout_s)  # refuses a limit out of range before anything is asked
        body = _changed(self._get(connection_id), overrides) if overrides else None
        return self._tested(f"{_PATH}/{connection_id}/test", body, timeout_s, scope)

    def test_unsaved(
        self, given: Mapping[str, Any], *, timeout_s: float | None = None, scope: Scope = EVERYWHERE
    ) -> dict[str, Any]:
        """Test settings that are not stored."""
        return self._tested(f"{_PATH}/test", given, timeout_s, scope)

    def _tested(
        self, path: str, body: Mapping[str, Any] | None, timeout_s: float | None, scope: Scope
    ) -> dict[str, Any]:
        query = [("timeout_s", timeout_s), *_place(scope)]
        found, _ = self._api.call("POST", path, query, body, wait_s=test_wait(timeout_s), is_test=True)
        return replies.report(found)

    def _get(self, connection_id: int) -> replies.Document:
        return replies.connection(*self._api.call("GET", f"{_PATH}/{connection_id}"))


def _testing(test: bool, timeout_s: float | None, scope: Scope) -> list[tuple[str, Any]]:
    return [("test", True), ("timeout_s", timeout_s), *_place(scope)] if test else []


def _place(scope: Scope) -> list[tuple[str, Any]]:
    return [("database", scope.database), ("schema", scope.schema)]


def _changed(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a PUT: name and type, what is given, and the parameters that stay beside those given."""
    body = {"name": before["name"], "type": before["type"]}
    if before.get("secrets_manager") is not None:
        body["secrets_manager"] = before["secrets_manager"]
    old, new = before.get("parameters"), given.get("parameters")
    if isinstance(old, dict) and isinstance(new, dict):
        replaced = {_key(name) for name in new}
        merged = {name: value for name, value in old.items() if _key(name) not in replaced} | new
        return {**body, **given, "parameters": merged}
    return {**body, **given}


def _key(name: str) -> str:
    from qualytics import text  # where parameters are changed alone

    return text.folded(name, "NFKC") or name
