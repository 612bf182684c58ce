"""Tests of many connections as an operation of a control plane: results while they come, by long polls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, cast

from qualytics.client.http import replies
from qualytics.errors import NotFound, QualyticsError, Unreachable, UsageError
from qualytics.model import MAX_ID
from qualytics.settings import MAX_PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from qualytics import types as documents
    from qualytics.client.http.api import Api
    from qualytics.client.http.paths import Query
    from qualytics.service.connections.runs import Running

_PATH = "/operations"
_WAIT_S = 10.0
_HEAD = ("id", "name", "type")


class HttpRuns:
    """Runs of a control plane, which go on there whatever becomes of the client; see the service for each verb."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def start(  # noqa: PLR0913 - as the service's
        self,
        name: str | None = None,
        types: Sequence[str] = (),
        *,
        tags: Sequence[str] = (),
        owner: str | None = None,
        parallel: int | None = None,
        timeout_s: float | None = None,
        retry: bool = False,
    ) -> HttpRun:
        """Start a run over all connections, or those that a list with these filters has; iterate for its results."""
        given = {"type": "test", "name": name, "types": list(types), "parallel": parallel, "timeout_s": timeout_s}
        given |= {"tags": list(tags), "owner": owner}
        try:
            operation, _ = self._api.call("POST", _PATH, body={**given, "retry_transient": retry})
        except NotFound:  # an older control plane
            message = f"{self._api.url} cannot test all connections at once"
            raise UsageError(message, "test them one by one, by name, or bring the control plane up to date") from None
        filters = [("name", name), *(("type", one) for one in types), *(("tag", tag) for tag in tags), ("owner", owner)]
        return HttpRun(self._api, operation, filters)

    def resume(self, operation_id: int) -> HttpRun:
        """Follow a run from its first result on; what it has not tested is tested if its process is gone."""
        if operation_id > MAX_ID:
            raise NotFound(f"there is no operation {operation_id}")
        operation, _ = self._api.call("POST", f"{_PATH}/{operation_id}/resume")
        return HttpRun(self._api, operation, [])


class HttpRun:
    """One run over many connections; iterate once for the results. Leaving it early cancels it."""

    def __init__(self, api: Api, operation: Any, filters: Query) -> None:
        self._api, self._filters = api, filters
        self._operation = _checked(operation)
        self._tested: set[int] = set()

    @property
    def operation_id(self) -> int:
        """Return the id of the operation, by which it is resumed."""
        return int(self._operation["id"])

    @property
    def total(self) -> int:
        """Return how many connections there were when it began."""
        return int(self._operation["total"])

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return none: a control plane that cannot keep a test ends the run."""
        return ()

    def __iter__(self) -> Iterator[documents.TestResult]:
        """Yield the results as they come; what was interrupted there is taken up again.

        Raises:
            QualyticsError: the control plane has ended the run before it was done.

        """
        after, is_over = 0, False
        path = f"{_PATH}/{self.operation_id}/results"
        while not is_over:
            query = [("after", after), ("size", MAX_PAGE_SIZE), ("wait_s", _WAIT_S)]
            page = self._page(path, query)
            records, after = replies.items(page), page.get("next", after)
            self._operation = _checked(page.get("operation"))
            for record in records:
                self._tested.add(replies.id_of(record))
                result = {**{key: record.get(key) for key in _HEAD}, **replies.report(record)}
                yield cast("documents.TestResult", result)
            if self._operation["result"] == "interrupted":  # its process is gone: another is to go on
                self._operation = _checked(self._api.call("POST", f"{_PATH}/{self.operation_id}/resume")[0])
            is_over = not records and self._operation["result"] != "running"
        self._require_whole()

    def _page(self, path: str, query: Query) -> Any:
        try:
            return self._api.call("GET", path, query, wait_s=_WAIT_S)[0]
        except Unreachable as exc:
            raise Unreachable(exc.message, f"once it answers again: {self._again}") from exc

    @property
    def _again(self) -> str:
        return f"qualytics connections test --all --resume {self.operation_id}"

    def _require_whole(self) -> None:
        result, left = self._operation["result"], self._operation.get("untested")
        message = self._operation.get("message")
        if result == "cancelled" or (result == "failure" and message):
            raise QualyticsError(f"operation {self.operation_id} ended with {left} not tested: {message}", self._again)

    def running(self) -> list[Running]:
        """Return none: which tests run is known to the control plane alone."""
        return []

    def untested(self) -> Iterator[str]:
        """Yield the names of connections that have no result, once the run was left."""
        query = [*self._filters, ("sort_id", "asc")]
        for record in self._api.listed("/connections", query, lambda record: record):
            if replies.id_of(record) not in self._tested:
                yield str(record.get("name"))

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Cancel what still runs, unless the control plane cannot be asked to."""
        if self._operation["result"] == "running" and not isinstance(error, QualyticsError):
            path = f"{_PATH}/{self.operation_id}/cancel"
            api = self._api.usable()
            self._operation = _checked(api.call("POST", path)[0])
            api.close()  # nobody else would, where it is another


def _checked(operation: Any) -> dict[str, Any]:
    whole = isinstance(operation, dict) and all(
        type(operation.get(name)) is kind for name, kind in (("id", int), ("total", int), ("result", str))
    )
    if not whole:
        raise Unreachable("what the control plane answered is not an operation", replies.URL_HINT)
    return dict(operation)
