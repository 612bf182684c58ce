"""Tests of the connections that a plan creates or changes, with the values and secrets that it would store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from qualytics.errors import TestFailed
from qualytics.model import EVERYWHERE
from qualytics.service.connections import past_tests, tests
from qualytics.service.connections.runs import Candidate, Run, entry
from qualytics.service.rights import TEST
from qualytics.structs import Struct, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from qualytics import types
    from qualytics.model import Scope
    from qualytics.service.config.connections import Planned
    from qualytics.service.connections.schedule import Entry
    from qualytics.service.context import Context
    from qualytics.store.base import Store
    from qualytics.store.tables.past_tests import EndedTest

    # What makes a context for one test, in any thread, and what ends every test that was begun in one.
    Contexts = tuple[Callable[[], Context], Callable[[], None]]


class Tested(Struct):
    """The tests of a plan: which plan it was, the tests by their number in it, and the reports of those that failed.

    Each report begins with `id`, null for a connection that is to be created, `name` and `type`.
    """

    plan: str
    ended: Mapping[int, EndedTest]
    failures: Sequence[types.ConfigTestResult]

    def require_passed(self) -> None:
        """Raise TestFailed, which has the reports, when any has failed."""
        if self.failures:
            message = f"nothing was applied: {len(self.failures):,} of {len(self.ended):,} tests failed"
            raise TestFailed(message, None, self.failures[0], self.failures)

    def write(self, store: Store, planned: Sequence[Planned]) -> None:
        """Store the tests, inside the transaction that has stored what they tested: as `planned`, in the same order."""
        done = (replace(test, connection_id=planned[number].record) for number, test in self.ended.items())
        past_tests.write(store, [*done])


def scopes(store: Store, planned: Iterable[Planned]) -> list[Scope]:
    """Return what a test of each looks at, inside the plan's transaction: its datastores are ways in."""
    return [tests.with_login_databases(EVERYWHERE, store, one.record) for one in planned]


def run(
    plan: str,
    planned: Sequence[Planned],
    scopes: Sequence[Scope],
    contexts: Contexts,
    *,
    timeout_s: float,
    parallel: int,
) -> Tested:
    """Test all, many at once, and return the tests in the order of the plan."""
    make_context, stop = contexts
    ended: dict[int, EndedTest] = {}

    def test(candidate: Candidate) -> dict[str, Any]:
        one = planned[candidate.id]
        with make_context() as own:
            own.require(TEST)
            report, detected = tests.run(own, one.draft, timeout_s, scopes[candidate.id])
            version = (one.change.version or 0) + 1  # which it has once it is stored
            ended[candidate.id] = past_tests.ended(own.actor, one.record, version, report, detected)
            return {**report}

    run = Run(
        map(_entry, range(len(planned)), planned),
        len(planned),
        test,
        parallel=parallel,
        retry=False,
        stop=stop,
    )
    failed = sorted((result for result in run if not result["connected"]), key=lambda result: result["id"])
    failures = [cast("types.ConfigTestResult", {**result, "id": planned[result["id"]].change.id}) for result in failed]
    return Tested(plan, dict(sorted(ended.items())), failures)


def _entry(number: int, one: Planned) -> Entry[Candidate]:
    return entry(Candidate(number, one.change.name, one.change.type), one.draft.values)
