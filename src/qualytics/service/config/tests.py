"""Tests of the connections that a plan creates or changes, with the values and secrets that it would store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from qualytics.model import EVERYWHERE
from qualytics.service.connections import tests
from qualytics.service.connections.runs import Candidate, Run, entry
from qualytics.service.rights import TEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from qualytics import types
    from qualytics.model import Scope
    from qualytics.service.config.connections import Planned
    from qualytics.service.connections.schedule import Entry
    from qualytics.service.context import Context
    from qualytics.store.base import Store

    # What makes a context for one test, in any thread, and what ends every test that was begun in one.
    Contexts = tuple[Callable[[], Context], Callable[[], None]]


def scopes(store: Store, planned: Iterable[Planned]) -> list[Scope]:
    """Return what a test of each looks at, inside the plan's transaction: its datastores are ways in."""
    return [tests.with_login_databases(EVERYWHERE, store.datastores.of_connection(one.record)) for one in planned]


def failures(
    planned: Sequence[Planned], scopes: Sequence[Scope], contexts: Contexts, timeout_s: float, parallel: int
) -> list[types.ConfigTestResult]:
    """Test all, many at once, and return the reports of those that fail, in the order of the plan.

    Each report begins with `id`, null for a connection that is to be created, `name` and `type`.
    """
    make_context, stop = contexts

    def test(candidate: Candidate) -> dict[str, Any]:
        one = planned[candidate.id]
        with make_context() as own:
            own.require(TEST)
            return {**tests.run(own, one.draft, timeout_s, scopes[candidate.id])[0]}

    run = Run(
        map(_entry, range(len(planned)), planned),
        len(planned),
        test,
        parallel=parallel,
        retry=False,
        stop=stop,
    )
    failed = sorted((result for result in run if not result["connected"]), key=lambda result: result["id"])
    return [cast("types.ConfigTestResult", {**result, "id": planned[result["id"]].change.id}) for result in failed]


def _entry(number: int, one: Planned) -> Entry[Candidate]:
    return entry(Candidate(number, one.change.name, one.change.type), one.draft.values)
