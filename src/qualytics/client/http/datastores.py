"""Datastores of a control plane, and what its connections can see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.client.http import replies
from qualytics.client.http.api import Api, Query, is_too_long, test_wait
from qualytics.errors import NotFound, UsageError, VersionChanged
from qualytics.model import Listing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PATH = "/datastores"
_TRIES = 5
_MAX_TABLES = 10_000


class HttpDatastores:
    """The verbs on datastores; see the service for each."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the warnings of the last create or update; see the service."""
        return self._api.warnings

    def create(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Store a new datastore and return its document."""
        return replies.datastore(*self._api.call("POST", _PATH, None, given))

    def update(self, datastore_id: int, given: Mapping[str, Any], *, version: int | None = None) -> dict[str, Any]:
        """Change what is given, keep the rest, and return the document; None unsets a text."""
        if not given:
            raise UsageError("nothing to update", "give at least one field, as in --schema public")
        path = f"{_PATH}/{datastore_id}"
        for left in reversed(range(_TRIES)):
            known, etag = self._api.call("GET", path)
            before = replies.datastore(known, etag)
            body = {**known, "teams": before["teams"], **given}
            wanted = before.version if version is None else version
            try:
                return replies.datastore(*self._api.call("PUT", path, None, body, version=wanted))
            except VersionChanged:
                if version is not None or not left:
                    raise
        raise VersionChanged(f"datastore {datastore_id} changes all the time")

    def get(self, datastore_id: int) -> dict[str, Any]:
        """Return the document of a datastore."""
        return self._get(datastore_id)

    def find(self, name: str) -> int:
        """Return the id of the datastore of that name; case and outer spaces do not count."""
        try:
            return self._api.find(_PATH, "datastore", name, [("name", name)])
        except NotFound as exc:
            raise NotFound(exc.message, "qualytics datastores list shows all") from None

    def list(self, name: str | None = None, connection_id: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield the documents of datastores, filtered by a part of the name and by connection."""
        if is_too_long(name):
            return
        query = [("search", name), ("connection_id", connection_id)]
        for found in self._api.listed(_PATH, query, replies.datastore):
            if connection_id in {None, found["connection_id"]}:
                yield found

    def delete(self, datastore_id: int, *, version: int | None = None) -> dict[str, Any]:
        """Delete a datastore; return `{id, name, deleted}`."""
        found = self._get(datastore_id)
        self._api.call("DELETE", f"{_PATH}/{datastore_id}", version=version)
        return {"id": found["id"], "name": found["name"], "deleted": True}

    def verify(self, datastore_id: int, *, timeout_s: float | None = None) -> dict[str, Any]:
        """Run the staged test of the connection with this datastore's place; return the report."""
        path, wait_s = f"{_PATH}/{datastore_id}/connection", test_wait(timeout_s)
        found, _ = self._api.call("POST", path, [("timeout_s", timeout_s)], wait_s=wait_s, is_test=True)
        return replies.report(found)

    def _get(self, datastore_id: int) -> replies.Document:
        return replies.datastore(*self._api.call("GET", f"{_PATH}/{datastore_id}"))


class HttpDiscovery:
    """What a connection can see, as `{items, next}`; see the service for each."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def catalogs(self, connection_id: int, *, timeout_s: float | None = None) -> dict[str, Any]:
        """Return the catalogs (databases) of a server."""
        return self._names(connection_id, "catalogs", [("timeout_s", timeout_s)], timeout_s)

    def schemas(
        self, connection_id: int, *, catalog: str | None = None, timeout_s: float | None = None
    ) -> dict[str, Any]:
        """Return the schemas of a catalog."""
        query = [("catalog", catalog), ("timeout_s", timeout_s)]
        return self._names(connection_id, "schemas", query, timeout_s)

    def tables(
        self,
        connection_id: int,
        listing: Listing | None = None,
        *,
        catalog: str | None = None,
        schema: str | None = None,
        timeout_s: float | None = None,
    ) -> dict[str, Any]:
        """Return the tables and views of a schema, or the prefixes and objects of an object store."""
        asked = listing or Listing("tables")
        if not 0 < asked.limit <= _MAX_TABLES:
            from qualytics.service.connections.discovery import check_limit

            check_limit(asked.limit)  # which says so
        query: Query = [("catalog", catalog), ("schema", schema), ("prefix", asked.prefix or None)]
        query += [("after", asked.skip or None), ("limit", asked.limit), ("timeout_s", timeout_s)]
        found: dict[str, Any] = self._asked(connection_id, "tables", query, timeout_s)
        return {"items": replies.items(found), "next": found.get("next")}

    def _names(self, connection_id: int, what: str, query: Query, timeout_s: float | None) -> dict[str, Any]:
        found = self._asked(connection_id, what, query, timeout_s)
        return {"items": replies.items({"items": found}), "next": None}

    def _asked(self, connection_id: int, what: str, query: Query, timeout_s: float | None) -> Any:
        wait_s = test_wait(timeout_s)
        return self._api.call("GET", f"/connections/{connection_id}/{what}", query, wait_s=wait_s)[0]
