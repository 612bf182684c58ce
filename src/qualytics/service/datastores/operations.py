"""Operations: what takes long is started, and asked for later; a sync verifies a datastore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.errors import InvalidInput, NotFound, Problem, QualyticsError
from qualytics.service.clock import later, now
from qualytics.service.rights import READ, TEST
from qualytics.settings import TEST_TIMEOUT_MAX_S

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qualytics.service.context import Context
    from qualytics.service.datastores.verbs import Datastores

SYNC = "sync"
_KEYS = ("id", "type", "datastore_id", "result", "message", "user_id", "created", "start_time", "end_time")
# Beyond the longest wait and the longest test: whoever ran it is gone.
_LOST_S = 2 * TEST_TIMEOUT_MAX_S


class Operations:
    """The verbs on operations; documents go in and out."""

    def __init__(self, context: Context, datastores: Datastores) -> None:
        self._context = context
        self._datastores = datastores

    def start(self, kind: str, datastore_id: int) -> dict[str, Any]:
        """Store that an operation runs and return its document; `run` does the work.

        Raises:
            InvalidInput: there is no such operation.
            NotFound: there is no such datastore.

        """
        with self._context.audited(TEST, "operation.run") as action:
            if kind != SYNC:
                hint = "sync is the one that this control plane runs"
                raise InvalidInput([Problem("type", "there is no operation of that type here", hint, "not-supported")])
            datastore = self._datastores.get(datastore_id)
            moment = now()
            row = {"type": kind, "datastore_id": datastore_id, "result": "running", "created": moment}
            row |= {"start_time": moment, "user_id": self._context.actor.user_id}
            with self._context.writing():
                operation_id = self._context.store.operations.insert(row)
                action.record(operation_id, datastore["name"], datastore_id=datastore_id)
            return self.get(operation_id)

    def run(self, operation_id: int, verify: Callable[[int], Mapping[str, Any]]) -> None:
        """Verify the datastore of an operation and store how that ended, also for who lost their rights meanwhile."""
        try:
            report = verify(self.get(operation_id)["datastore_id"])
            result, message = "success" if report["connected"] else "failure", report["message"]
        except QualyticsError as exc:
            result, message = "failure", exc.message
        with self._context.system_writing():
            self._context.store.operations.end(operation_id, result, message, now())

    def get(self, operation_id: int) -> dict[str, Any]:
        """Return the document of an operation; it has ended when `end_time` is set.

        Raises:
            NotFound: there is none of that id.

        """
        self._context.require(READ)
        row = self._context.store.operations.get(operation_id)
        if row is None:
            raise NotFound(f"there is no operation {operation_id}")
        operation = {name: row[name] for name in _KEYS}
        if operation["end_time"] is None and operation["start_time"] < later(-_LOST_S):
            operation |= {
                "result": "failure",
                "message": "the process that ran it is gone",
                "end_time": operation["start_time"],
            }
        return operation
