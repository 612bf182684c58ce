"""Datastores of a control plane, and what its connections can see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.client.http import replies
from qualytics.client.http.api import Api, test_wait
from qualytics.client.http.paths import Query, is_too_long, path_of
from qualytics.model import MAX_LISTING_SIZE, Listing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Unpack

    from qualytics import types
    from qualytics.client.contract import Reader
    from qualytics.model import OnStage

_PATH = "/datastores"


class HttpDatastores:
    """The verbs on datastores; see the service for each."""

    def __init__(self, api: Api) -> None:
        self._api = api

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the warnings of the last create or update; see the service."""
        return self._api.warnings

    def create(self, fields: Mapping[str, Any]) -> types.Datastore:
        """Store a new datastore, and the new `connection` that may come with it, and return its document."""
        return replies.datastore(*self._api.call("POST", _PATH, None, fields))

    def update(
        self, record: int | str, changes: Mapping[str, Any], *, version: int | None = None, dry_run: bool = False
    ) -> types.Datastore:
        """Change what is given, keep the rest, and return the document; None unsets a text."""
        query = [("dry_run", dry_run or None)]
        path = path_of(_PATH, record)
        return replies.datastore(*self._api.call("PATCH", path, query, changes, version=version))

    def get(self, record: int | str) -> types.Datastore:
        """Return the document of a datastore."""
        return replies.datastore(*self._api.call("GET", path_of(_PATH, record)))

    def find(self, name: str) -> int:
        """Return the id of the datastore of that name; case and outer spaces do not count."""
        return replies.id_of(self.get(name))

    def list(self, name: str | None = None, connection_id: int | None = None) -> Iterator[types.Datastore]:
        """Yield the documents of datastores, filtered by a part of the name and by connection."""
        if not is_too_long(name):
            query = [("search", name), ("connection_id", connection_id)]
            yield from self._api.listed(_PATH, query, replies.datastore)

    def delete(self, record: int | str, *, version: int | None = None, dry_run: bool = False) -> types.Deleted:
        """Delete a datastore; return `{id, name, deleted}`."""
        return self._api.delete(path_of(_PATH, record), dry_run=dry_run, version=version)

    def verify(
        self, record: int | str, *, timeout_s: float | None = None, on_stage: OnStage | None = None
    ) -> types.TestReport:
        """Run the staged test of the connection with the database and schema of a datastore; return the report."""
        return self._api.test(path_of(_PATH, record, "/connection"), timeout_s, on_stage=on_stage)

    def read(self, record: int | str, **options: Unpack[types.ReadOptions]) -> Reader:
        """Read a table or a query on this machine, in the place of a datastore; see `client.http.uses`."""
        from qualytics.client.http import uses

        return uses.read_datastore(self._api, self.get(record), options)


class HttpDiscovery:
    """What a connection can see, as `{items, next}`; see the service for each."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def catalogs(self, record: int | str, *, timeout_s: float | None = None) -> types.Names:
        """Return the catalogs (databases) of a server."""
        return self._names(record, "catalogs", [("timeout_s", timeout_s)], timeout_s)

    def schemas(self, record: int | str, *, catalog: str | None = None, timeout_s: float | None = None) -> types.Names:
        """Return the schemas of a catalog."""
        query = [("catalog", catalog), ("timeout_s", timeout_s)]
        return self._names(record, "schemas", query, timeout_s)

    def tables(
        self,
        record: int | str,
        listing: Listing | None = None,
        *,
        catalog: str | None = None,
        schema: str | None = None,
        timeout_s: float | None = None,
    ) -> types.Tables:
        """Return the tables and views of a schema, or the prefixes and objects of an object store."""
        asked = listing or Listing("tables")
        if not 0 < asked.limit <= MAX_LISTING_SIZE:
            from qualytics.service.connections.discovery import check_limit

            check_limit(asked.limit)  # which says so
        query: Query = [("catalog", catalog), ("schema", schema), ("prefix", asked.prefix or None)]
        query += [("after", asked.skip or None), ("limit", asked.limit), ("timeout_s", timeout_s)]
        page = self._call(record, "tables", query, timeout_s)
        return {"items": replies.items(page), "next": page.get("next")}

    def _names(self, record: int | str, what: str, query: Query, timeout_s: float | None) -> types.Names:
        names = self._call(record, what, query, timeout_s)
        return {"items": replies.items({"items": names}), "next": None}

    def _call(self, record: int | str, what: str, query: Query, timeout_s: float | None) -> Any:
        wait_s = test_wait(timeout_s)
        return self._api.call("GET", path_of("/connections", record, f"/{what}"), query, wait_s=wait_s)[0]
