"""The configuration of a control plane: plans of many connections and datastores, and their application."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from qualytics.client.http import replies
from qualytics.client.http.api import test_wait
from qualytics.packed import PackedList

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from qualytics import types
    from qualytics.client.http.api import Api
    from qualytics.client.http.paths import Query

    OnChange = Callable[[types.Change], object] | None

_AT_ONCE = 4
# Beyond the usual time of a request: thousands of records are checked and written in one.
_WAIT_S = 240.0


class HttpConfig:
    """The verbs on a configuration; see the service for each."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def datastores(self) -> Iterator[types.ConfigDatastore]:
        """Yield every datastore as a document, with its settings, and `enrich_datastore_name` in place of an id."""
        yield from self._api.listed("/datastores", [], _with_settings)

    def plan(self, config: Mapping[str, Any], *, on_change: OnChange = None) -> types.Plan:
        """Return what an apply would do, with what is wrong; nothing is stored."""
        return self._planned("/config/plan", _body(config), on_change)

    def apply(
        self,
        config: Mapping[str, Any],
        *,
        plan: str | None = None,
        on_change: OnChange = None,
        test: bool = False,
        timeout_s: float | None = None,
    ) -> types.Plan:
        """Store a configuration, all or nothing, and return the plan that it was; with `test`, only if tests pass."""
        body = {**_body(config), "plan": plan}
        if not test:
            return self._planned("/config/apply", body, on_change)
        query: Query = [("test", True), ("timeout_s", timeout_s)]
        return self._planned("/config/apply", body, on_change, query, _wait(config, timeout_s))

    def _planned(
        self,
        path: str,
        body: dict[str, Any],
        on_change: OnChange,
        query: Query | None = None,
        wait_s: float = _WAIT_S,
    ) -> types.Plan:
        plan = replies.plan(self._api.call("POST", path, query, body, wait_s=wait_s)[0])
        if on_change is not None:
            for change in plan["changes"]:
                on_change(change)
            plan["changes"] = []
        return plan

    def test(
        self, config: Mapping[str, Any], *, plan: str | None = None, timeout_s: float | None = None
    ) -> types.ConfigTests:
        """Test each connection that an apply would create or change; return the reports of those that fail."""
        query, body = [("timeout_s", timeout_s)], {**_body(config), "plan": plan}
        return self._api.tests("/config/test", query, body, _wait(config, timeout_s))


def _wait(config: Mapping[str, Any], timeout_s: float | None) -> float:
    # So many at once or more: it ends when they are done, and waits so long only for a control plane that is gone.
    return _WAIT_S + test_wait(timeout_s) * (1 + len(config.get("connections") or ()) // _AT_ONCE)


def _body(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration as JSON takes it."""
    return {key: list(value) if isinstance(value, PackedList) else value for key, value in config.items()}


def _with_settings(record: Any) -> types.ConfigDatastore:
    from qualytics.service.datastores.fields import SETTINGS

    keeper = record.get("enrich_datastore")
    settings = {name: record.get(name) for name in SETTINGS if name != "enrichment_datastore_id"}
    named = {"enrich_datastore_name": keeper.get("name") if isinstance(keeper, dict) else None}
    return cast("types.ConfigDatastore", replies.datastore(record) | settings | named)
