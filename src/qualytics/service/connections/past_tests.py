"""Past tests: what is kept of a test of stored values, and what the last hundred of a connection show."""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any, cast

from qualytics.errors import Busy, KeyProblem, StoreError
from qualytics.fields import FIELDS, TEST
from qualytics.service import documents, lookup
from qualytics.service.clock import now
from qualytics.service.rights import READ
from qualytics.store.tables.past_tests import EndedTest, PastTest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Literal

    from qualytics import types
    from qualytics.model import Connection
    from qualytics.service.context import Action, Context
    from qualytics.service.rights import Actor
    from qualytics.store.base import Store
    from qualytics.store.tables.past_tests import State


# A change of these says nothing against the tests before it.
_UNTESTED = frozenset(field.name for field in FIELDS if TEST not in field.verbs)


def is_still_of(changed: Iterable[str]) -> bool:
    """Say whether a connection is still the one that was tested, once these of its values have changed."""
    return _UNTESTED.issuperset(changed)


def ended(
    actor: Actor, connection_id: int, version: int, report: types.TestReport, detected: Mapping[str, str | None]
) -> EndedTest:
    """Return what is kept of a test: nothing that a server or driver said beside codes and versions."""
    past = PastTest(
        version=version,
        at=now(),
        user_id=actor.user_id,
        user_name=actor.name,
        connected=report["connected"],
        stage=report["stage"],
        failure_class=report["class"],
        code=report["code"],
        duration_ms=report["duration_ms"] or 0.0,
        ms={stage["name"]: stage["ms"] for stage in report["stages"]},
        product_version=report["product_version"],
        driver_version=report["driver_version"],
    )
    return EndedTest(connection_id, version, past, dict(detected) if report["connected"] else {})


def write(store: Store, tests: Sequence[EndedTest]) -> None:
    """Store tests that have ended, and what they detected, inside a transaction."""
    for test in tests:
        store.connections.record_detected(test.connection_id, test.version, test.detected)
    store.past_tests.add((test.connection_id, test.past) for test in tests)


def keep(
    context: Context, action: Action, test: EndedTest | None, report: types.TestReport, given: Mapping[str, Any]
) -> tuple[str, ...]:
    """Store a test that has ended, if there is one, and tell the audit log; return warnings, as `kept` does."""
    if test is None and not context.is_shared:
        return ()
    if test is not None and context.keep_test is not None:
        context.keep_test(test)
        return ()

    def work(store: Store) -> None:
        write(store, [] if test is None else [test])
        outcome, detail = audited(report, given)
        action.record(action.object_id, action.object_name, outcome, **detail)

    return kept(context, work)


class Batch:
    """Tests of a run that have ended: gathered in any thread, written many at once in the one that runs it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ended: queue.SimpleQueue[EndedTest] = queue.SimpleQueue()
        self.warnings: tuple[str, ...] = ()

    def add(self, test: EndedTest) -> None:
        """Take a test, to be written with the next flush."""
        self._ended.put(test)

    def flush(self) -> None:
        """Write what was gathered; once that fails, the tests that follow are not kept either."""
        tests = [self._ended.get() for _ in range(self._ended.qsize())]
        if tests and not self.warnings:
            self.warnings = kept(self._context, lambda store: write(store, tests))
            self._context.release()


def kept(context: Context, work: Callable[[Store], None]) -> tuple[str, ...]:
    """Write what came of a test; where an embedded store cannot be written, return a warning: the verdict counts."""
    try:
        with context.writing() as store:
            work(store)
    except (StoreError, Busy, KeyProblem) as exc:
        if context.is_shared:  # where nothing is done that the audit log does not tell
            raise
        return (f"the result of the test is not stored: {exc.message}",)
    return ()


def audited(report: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return what the audit log is told of a test: how it ended, and the names of what was overridden."""
    detail: dict[str, Any] = {"given": sorted(given)}
    if report["connected"]:
        return "done", detail
    return "failed", detail | {"stage": report["stage"], "class": report["class"]}


def latest(context: Context, record: int | str, limit: int | None) -> list[types.PastTest]:
    """Return the documents of the last tests of a connection, the newest first."""
    found = _readable(context, record)
    return [_document(test) for test in context.store.past_tests.select(found.id, limit)]


def page(context: Context, record: int | str, number: int, size: int) -> types.Page[types.PastTest]:
    """Return one page of the last tests of a connection, the newest first."""
    found, table = _readable(context, record), context.store.past_tests
    items = [_document(test) for test in table.select(found.id, size, (number - 1) * size)]
    is_whole = number == 1 and len(items) < size
    return documents.page(items, len(items) if is_whole else table.count(found.id), number, size)


def states(context: Context, connection_ids: Iterable[int]) -> dict[int, types.ConnectionState]:
    """Return the states of connections by id, as their last tests left them."""
    context.require(READ)
    found = context.store.past_tests.states(list(connection_ids))
    return {connection_id: _state_document(state) for connection_id, state in found.items()}


def _readable(context: Context, record: int | str) -> Connection:
    context.require(READ)
    return lookup.connection(context.store, record)


def _document(test: PastTest) -> types.PastTest:
    return {
        "at": test.at,
        "user": {"id": test.user_id, "name": test.user_name},
        "connected": test.connected,
        "stage": test.stage,
        "class": cast("types.FailureClass | None", test.failure_class),
        "code": test.code,
        "duration_ms": test.duration_ms,
        "ms": test.ms,
        "product_version": test.product_version,
        "driver_version": test.driver_version,
    }


def _state_document(state: State) -> types.ConnectionState:
    return {
        "state": cast('Literal["works", "fails", "unknown", "never"]', state.state),
        "since": state.since if state.state in {"works", "fails"} else None,
        "at": state.at,
        "age_s": None if state.at is None else _age_s(state.at),
        "stage": state.stage,
        "class": cast("types.FailureClass | None", state.failure_class),
        "code": state.code,
    }


def _age_s(at: str) -> int:
    from datetime import UTC, datetime

    return max(0, int((datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds()))
