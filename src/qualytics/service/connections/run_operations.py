"""Runs over many connections as operations of a control plane: begun, followed, cancelled, and taken up again."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from qualytics.connectors import get
from qualytics.errors import Abandoned, InvalidInput, NotFound, NotSignedIn, Problem, QualyticsError
from qualytics.model import ListQuery
from qualytics.service.accounts.actors import current_actor
from qualytics.service.clock import later, now
from qualytics.service.connections.runs import Run, candidates, checked_parallel
from qualytics.service.connections.tests import checked_timeout
from qualytics.service.connections.verbs import Connections
from qualytics.service.rights import READ, TEST, Actor
from qualytics.settings import MAX_QUERY_TEXT, RUN_BEAT_S, RUN_LOST_S, RUN_MAX_CRASHES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from qualytics.service.connections.runs import Candidate
    from qualytics.service.connections.schedule import Entry
    from qualytics.service.context import Context
    from qualytics.store.base import Store
    from qualytics.types import TestResult

TESTS = "test"
_MANY = 100  # candidates that are looked up at once
_LOST = "the process that ran it is gone"
_CRASHED = f"the process that ran it ended unexpectedly {RUN_MAX_CRASHES} times"
_CANCELLED = "it was cancelled"


class RunOperations:
    """The verbs on operations that test many connections; documents go in and out."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def start(self, given: Mapping[str, Any], max_parallel: int) -> dict[str, Any]:
        """Store that an operation runs and return its document; `run` does the work.

        Raises:
            InvalidInput: a filter or a number is none.

        """
        with self._context.audited(TEST, "operation.run") as action:
            request = _request(given, max_parallel)
            _, total = candidates(self._context, _wanted(request))
            moment = now()
            row = {"type": TESTS, "datastore_id": 0, "result": "running", "created": moment, "start_time": moment}
            row |= {"user_id": self._context.actor.user_id, "request": {**request, "total": total}, "seen": moment}
            with self._context.writing() as store:
                operation_id = store.operations.insert(row)
                action.record(operation_id, None, tests=total)
            return self.get(operation_id)

    def get(self, operation_id: int) -> dict[str, Any]:
        """Return the document of an operation; its process is gone when `result` is `interrupted`.

        Raises:
            NotFound: there is no such operation.

        """
        self._context.require(READ)
        row = self._row(operation_id)
        tested, failed = self._context.store.operations.counts(operation_id)
        total = row["request"]["total"]
        document = {name: row[name] for name in ("id", "type", "result", "message", "user_id", "created")}
        document |= {"start_time": row["start_time"], "end_time": row["end_time"], "total": total, "tested": tested}
        if _is_gone(row):
            document |= {"result": "interrupted", "message": _LOST}
        return document | {"failed": failed, "untested": max(total - tested, 0)}

    def has(self, operation_id: int) -> bool:
        """Say whether an operation tests connections."""
        self._context.require(READ)
        row = self._context.store.operations.get(operation_id)
        return row is not None and row["type"] == TESTS

    def page(self, operation_id: int, after: int, size: int) -> dict[str, Any]:
        """Return results that come after one, as `{items, next, operation}`; `next` is what to give as `after` then."""
        self._context.require(TEST)
        operation = self.get(operation_id)  # before its results: what has ended then has no more of them
        rows = self._context.store.operations.results(operation_id, after, size)
        items = [json.loads(result) for _, result in rows]
        return {"items": items, "next": rows[-1][0] if rows else after, "operation": operation}

    def cancel(self, operation_id: int) -> dict[str, Any]:
        """End an operation; what it has tested stays.

        Raises:
            NotFound: there is no such operation.

        """
        with self._context.audited(TEST, "operation.cancel", operation_id) as action:
            self._row(operation_id)
            with self._context.writing() as store:
                store.operations.cancel(operation_id)
                if _is_gone(store.operations.get(operation_id)):
                    _end(store, operation_id, "cancelled", _CANCELLED)
                action.record(operation_id, None)
            return self.get(operation_id)

    def resume(self, operation_id: int) -> tuple[dict[str, Any], bool]:
        """Take an operation up that ended before its time or whose process is gone; say whether it is to be run now.

        Raises:
            NotFound: there is no such operation.

        """
        has_begun = False
        with self._context.audited(TEST, "operation.resume", operation_id) as action:
            self._row(operation_id)
            with self._context.writing() as store:
                row = self._row(operation_id)
                if row["end_time"] is None or row["message"] is not None:  # else it ended with every test done
                    store.operations.uncancel(operation_id)
                    crashes = store.operations.take_over(operation_id, now(), later(-RUN_LOST_S))
                    has_begun = _may_run(store, operation_id, crashes)
                action.record(operation_id, None)
            return self.get(operation_id), has_begun

    def run(self, operation_id: int, make_context: Callable[[], Context], cancel: Callable[[], None]) -> None:
        """Test what has no result yet, and store each as it comes; `make_context` is called in threads.

        `cancel` ends every test that was begun in such a context.
        """
        row = self._row(operation_id)
        request = row["request"]

        def test(candidate: Candidate) -> dict[str, Any]:
            with make_context() as own:
                return {**Connections(own).test(candidate.id, timeout_s=request["timeout_s"])}

        try:
            entries, _ = candidates(self._context, _wanted(request))
            how: dict[str, Any] = {"parallel": request["parallel"], "retry": request["retry_transient"]}
            left = self._untested(operation_id, entries)
            run = Run(left, request["total"], test, stop=cancel, tick=_Beat(self._context, operation_id).tick, **how)
            for result in run:
                self._store(operation_id, result)
        except Abandoned:
            self._leave(operation_id)
        except QualyticsError as exc:
            self._end(operation_id, "failure", exc.message)
        except BaseException:
            self._end(operation_id, "failure", "a fault of the control plane ended it; its log says more")
            raise
        else:
            _, failed = self._context.store.operations.counts(operation_id)
            self._end(operation_id, "failure" if failed else "success", None)

    def _store(self, operation_id: int, result: TestResult) -> None:
        with self._context.system_writing() as store:
            text = json.dumps(result)
            store.operations.add_result(operation_id, result["id"], text, connected=result["connected"])
        self._context.release()

    def _untested(self, operation_id: int, entries: Iterator[Entry[Candidate]]) -> Iterator[Entry[Candidate]]:
        import itertools

        while batch := list(itertools.islice(entries, _MANY)):
            tested = self._context.store.operations.tested(operation_id, [entry.item.id for entry in batch])
            self._context.release()
            yield from (entry for entry in batch if entry.item.id not in tested)

    def _leave(self, operation_id: int) -> None:
        # Cancelled by a user, or this process stops and another may take it up.
        with self._context.system_writing() as store:
            row = store.operations.get(operation_id)
            if row is not None and row["is_cancelled"]:
                _end(store, operation_id, "cancelled", _CANCELLED)
            else:
                store.operations.note(operation_id, None)

    def _end(self, operation_id: int, result: str, message: str | None) -> None:
        with self._context.system_writing() as store:
            _end(store, operation_id, result, message)

    def _row(self, operation_id: int) -> dict[str, Any]:
        row = self._context.store.operations.get(operation_id)
        if row is None or row["type"] != TESTS:
            raise NotFound(f"there is no operation {operation_id} that tests connections")
        return row


def take_up(context: Context) -> list[tuple[int, Actor]]:
    """Take up the operations whose process is gone; return each with the user who began it, to be run now.

    One that was cancelled meanwhile ends so, one whose user is gone, or that has ended its process again and again,
    as a failure. What the user may is required when it runs.
    """
    taken = []
    for operation_id, user_id in context.store.operations.lost(TESTS, later(-RUN_LOST_S)):
        with context.system_writing() as store:
            crashes = store.operations.take_lost(operation_id, now(), later(-RUN_LOST_S))
            if not _may_run(store, operation_id, crashes):
                continue
            try:
                taken.append((operation_id, current_actor(store, Actor("", role="", user_id=user_id))))
            except NotSignedIn:
                _end(store, operation_id, "failure", "the user who began it no longer exists")
    return taken


def _may_run(store: Store, operation_id: int, crashes: int | None) -> bool:
    """Say whether an operation that was taken up is to run; end it where it is not."""
    row = store.operations.get(operation_id)
    if crashes is None or row is None:  # another process was first
        return False
    if row["is_cancelled"]:
        _end(store, operation_id, "cancelled", _CANCELLED)
    elif crashes >= RUN_MAX_CRASHES:
        _end(store, operation_id, "failure", _CRASHED)
    else:
        return True
    return False


def _is_gone(row: Mapping[str, Any] | None) -> bool:
    """Say whether an operation has not ended, and no process is there that runs it."""
    return row is not None and row["end_time"] is None and (row["seen"] is None or row["seen"] < later(-RUN_LOST_S))


def _end(store: Store, operation_id: int, result: str, message: str | None) -> None:
    store.operations.end(operation_id, result, message, now())
    store.operations.note(operation_id, None)


def expire(context: Context, days: int) -> None:
    """Drop the results of operations that ended so many days ago."""
    with context.system_writing() as store:
        store.operations.expire(later(-days * 86_400.0))


class _Beat:
    """Says now and then that the process of an operation is there, and hears that it is to end."""

    def __init__(self, context: Context, operation_id: int) -> None:
        self._context, self._operation_id = context, operation_id
        self._last = time.monotonic()

    def tick(self) -> None:
        """Raise Abandoned when the operation was cancelled."""
        row = self._context.store.operations.get(self._operation_id)
        if row is None or row["is_cancelled"]:
            raise Abandoned("the operation was cancelled", None)
        if time.monotonic() - self._last >= RUN_BEAT_S:
            self._last = time.monotonic()
            with self._context.system_writing() as store:
                store.operations.note(self._operation_id, now())
        self._context.release()


def _request(given: Mapping[str, Any], max_parallel: int) -> dict[str, Any]:
    problems = [
        Problem(name, f"{name} must be {what}", None, "invalid-value")
        for name, what, is_right in _FIELDS
        if given.get(name) is not None and not is_right(given[name])
    ]
    unknown = given.keys() - {name for name, *_ in _FIELDS} - {"type"}
    problems += [Problem(name, f"there is no field {name!r} here", None, "unknown-field") for name in sorted(unknown)]
    if problems:
        raise InvalidInput(problems)
    return {
        "name": given.get("name"),
        "tags": given.get("tags") or [],
        "owner": given.get("owner"),
        "types": [get(name).type for name in given.get("types") or ()],
        "parallel": min(checked_parallel(given.get("parallel")), max_parallel),
        "timeout_s": checked_timeout(given.get("timeout_s")),
        "retry_transient": given.get("retry_transient") or False,
    }


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= _MANY and all(map(_is_text, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_QUERY_TEXT


_FIELDS: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    ("name", "a text", _is_text),
    ("types", "a list of types", _are_texts),
    ("tags", "a list of texts", _are_texts),
    ("owner", "a text", _is_text),
    ("parallel", "a whole number", lambda value: type(value) is int),
    ("timeout_s", "a number of seconds", lambda value: type(value) in {int, float}),
    ("retry_transient", "true or false", lambda value: isinstance(value, bool)),
)


def _wanted(request: Mapping[str, Any]) -> ListQuery:
    tags, owner = tuple(request["tags"]), request["owner"]
    return ListQuery(contains=request["name"], types=tuple(request["types"]), tags=tags, owner=owner)
