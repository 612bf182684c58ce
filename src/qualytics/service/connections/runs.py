"""Tests of many connections: so many at once, each in a thread that waits for its child; results as they end."""

from __future__ import annotations

import contextlib
import itertools
import queue
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self, cast

from qualytics.connectors import get
from qualytics.errors import InvalidInput, NotFound, Problem, UsageError
from qualytics.model import Failure, ListQuery, TestReport
from qualytics.probe import Plan
from qualytics.probe._platform import raise_descriptor_limit
from qualytics.probe.parent.cancellation import Cancellation
from qualytics.probe.parent.pool import Pool
from qualytics.service.connections import tagging
from qualytics.service.connections.addresses import Addresses
from qualytics.service.connections.past_tests import Batch
from qualytics.service.connections.schedule import Entry, Schedule
from qualytics.service.connections.tests import checked_timeout, report_document
from qualytics.service.connections.verbs import Connections
from qualytics.service.context import Context
from qualytics.service.rights import TEST
from qualytics.settings import MAX_PARALLEL, PARALLEL
from qualytics.store import open_pool
from qualytics.structs import Struct, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from qualytics import types as documents
    from qualytics.model import Connection

    # The report of a test, what it raised, or the addresses of its server, with which it waits once more.
    _Outcome = dict[str, Any] | Exception | tuple[str, ...]
    _Ended = tuple[Entry["Candidate"], _Outcome]

_PAGE = 500
# Candidates that are known at once, so that servers and engines can take turns; more are read as these begin.
_WINDOW = 4_000
_TICK_S = 1.0


class Candidate(Struct):
    """A connection that is to be tested."""

    id: int
    name: str
    type: str

    def result(self, report: dict[str, Any]) -> documents.TestResult:
        """Return a report as one of many, with what says whose it is first."""
        return cast("documents.TestResult", {"id": self.id, "name": self.name, "type": self.type, **report})


class Running(Struct):
    """A test that runs, as a display shows it; `began` is on the monotonic clock."""

    name: str
    type: str
    began: float


class Run:
    """One run over many connections; iterate once for the results, in the order in which the tests end.

    `total` is how many connections there were when it began. Leaving it early ends every test.
    """

    def __init__(  # noqa: PLR0913 - what is tested, and how
        self,
        entries: Iterator[Entry[Candidate]],
        total: int,
        test: Callable[[Candidate], dict[str, Any]],
        *,
        parallel: int,
        retry: bool,
        stop: Callable[[], None],
        tick: Callable[[], None] | None = None,
        warn: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        """Prepare a run; `test` is called in threads, and `stop` ends whatever it began.

        `tick` is called about once a second; what it raises ends the run. `warn` gives its warnings.
        """
        self.total = total
        self._warn = warn
        self._entries, self._test, self._stop = entries, test, stop
        self._parallel, self._retry, self._tick = parallel, retry, tick
        self._schedule: Schedule[Candidate] = Schedule()
        self._addresses = Addresses()
        self._ended: queue.SimpleQueue[_Ended] = queue.SimpleQueue()
        self._began: dict[int, Running] = {}  # by id
        self._looked_up: dict[int, str] = {}  # names of what waits for the addresses of its server, by id
        self._ticked = time.monotonic()
        self._first: dict[int, dict[str, Any]] = {}  # what is tried once more

    def __iter__(self) -> Iterator[documents.TestResult]:
        """Run the tests and yield their results."""
        with ThreadPoolExecutor(self._parallel, thread_name_prefix="test") as threads:
            try:
                while self._begin(threads):
                    yield from self._end(*self._next())
            finally:
                self._stop()

    def _begin(self, threads: ThreadPoolExecutor) -> bool:
        """Have as many tests run as may; say whether any does."""
        for entry in itertools.islice(self._entries, _WINDOW - self._schedule.waiting):
            self._schedule.add(entry)
        while self._schedule.running < self._parallel and (begun := self._schedule.begin()) is not None:
            candidate = begun.item
            if self._schedule.knows(begun.server):
                self._began[candidate.id] = Running(candidate.name, candidate.type, time.monotonic())
                threads.submit(self._work, begun)
            else:
                self._looked_up[candidate.id] = candidate.name
                threads.submit(self._look_up, begun)
        return self._schedule.running > 0

    def _next(self) -> _Ended:
        """Wait for the end of a test, or of a look-up."""
        while True:
            if self._tick is not None and time.monotonic() - self._ticked >= _TICK_S:
                self._ticked = time.monotonic()
                self._tick()
            try:
                return self._ended.get(timeout=None if self._tick is None else _TICK_S)
            except queue.Empty:
                continue

    def _look_up(self, entry: Entry[Candidate]) -> None:
        # Before the first test of a server: whether it may begin is known only then.
        self._ended.put((entry, self._addresses.of(entry.server)))

    def _work(self, entry: Entry[Candidate]) -> None:
        try:
            outcome: _Outcome = self._test(entry.item)
        except Exception as exc:  # noqa: BLE001 - raised again where the results are taken
            outcome = exc
        self._ended.put((entry, outcome))

    def _end(self, entry: Entry[Candidate], outcome: _Outcome) -> Iterator[documents.TestResult]:
        candidate = entry.item
        if isinstance(outcome, tuple):
            del self._looked_up[candidate.id]
            self._schedule.resolve(entry.server, outcome)
            self._schedule.give_back(entry)
            return
        del self._began[candidate.id]
        self._schedule.end(entry)
        if isinstance(outcome, NotFound):  # deleted since it was listed
            return
        if isinstance(outcome, InvalidInput):
            outcome = _untestable(candidate, outcome.problems)
        if isinstance(outcome, Exception):
            raise outcome
        first = self._first.pop(candidate.id, None)
        if first is None and self._retry and outcome["retryable"]:
            self._first[candidate.id] = outcome
            self._schedule.add(entry)
            return
        yield candidate.result(_second(first, outcome) if first else outcome)

    @property
    def operation_id(self) -> int | None:
        """Return None: what runs in this process ends with it, and nobody else can follow it."""
        return None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the warnings of the run itself, once it was left: what could not be kept of its tests."""
        return self._warn()

    def running(self) -> list[Running]:
        """Return the tests that run, the one that began first first."""
        return list(self._began.copy().values())

    def untested(self) -> Iterator[str]:
        """Yield the names of connections that have no result, once the run was left."""
        yield from (running.name for running in self.running())
        yield from self._looked_up.values()
        yield from (candidate.name for candidate in self._schedule.left())
        yield from (entry.item.name for entry in self._entries)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """End what still runs."""
        self._stop()


class Runs:
    """Runs in this process, with children of their own, which end with them."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def start(  # noqa: PLR0913 - a filter each, and how it is tested
        self,
        name: str | None = None,
        types: Sequence[str] = (),
        *,
        tags: Sequence[str] = (),
        owner: str | None = None,
        parallel: int | None = None,
        timeout_s: float | None = None,
        retry: bool = False,
    ) -> Run:
        """Return a run over all connections, or those that a list with these filters has; iterate for its results.

        `parallel` is how many tests run at once, `timeout_s` the time limit of each, which counts from when its
        driver is loaded; with `retry` what may pass a moment later is tested once more.

        Raises:
            InvalidInput: a number is out of range.

        """
        wanted = ListQuery(contains=name, types=tuple(types), tags=tuple(tags), owner=owner)
        return _start(self._context, wanted, checked_parallel(parallel), checked_timeout(timeout_s), retry=retry)

    def resume(self, operation_id: int) -> Run:
        """Refuse: what runs in this process ends with it.

        Raises:
            UsageError: always.

        """
        message = f"there is no operation {operation_id} on the embedded store: a run there ends with its command"
        raise UsageError(message, "qualytics connections test --all tests all connections anew")


def _start(context: Context, wanted: ListQuery, parallel: int, timeout_s: float, *, retry: bool) -> Run:
    batch, is_audited = Batch(context), context.is_audited
    entries, total = candidates(context, wanted)
    make_context, end_tests = own_contexts(context, parallel)

    def test(candidate: Candidate) -> dict[str, Any]:
        with make_context() as own:
            own.keep_test = None if is_audited else batch.add  # each is an entry of the audit log there
            return {**Connections(own).test(candidate.id, timeout_s=timeout_s)}

    def stop() -> None:
        end_tests()
        batch.flush()

    how: dict[str, Any] = {"stop": stop, "tick": batch.flush, "warn": lambda: batch.warnings}
    return Run(entries, total, test, parallel=parallel, retry=retry, **how)


def own_contexts(context: Context, parallel: int) -> tuple[Callable[[], Context], Callable[[], None]]:
    """Return what makes a context for one test in a child of this process, in any thread, and what ends them all."""
    raise_descriptor_limit()
    stores = open_pool(context.settings)
    children = Pool(parallel, parallel, niceness=0, is_shared=False)
    cancellation = Cancellation()

    def make() -> Context:
        own = Context(context.settings, actor=context.actor, lease=stores.lease)
        own.run_test = lambda plan: children.run(plan, "", cancellation=cancellation)
        return own

    with contextlib.ExitStack() as stack:
        stack.callback(stores.close)
        stack.callback(children.close)
        stack.callback(cancellation.cancel)
        if context.cancellation is not None:
            stack.enter_context(context.cancellation.calling(cancellation.cancel))
        return make, stack.pop_all().close


def candidates(context: Context, wanted: ListQuery) -> tuple[Iterator[Entry[Candidate]], int]:
    """Return the connections that a list asks for, to be tested, and how many there are.

    They are read a page at a time, and the store is given back between the pages.

    Raises:
        NotAllowed: whoever asks may not test.

    """
    context.require(TEST)
    wanted = tagging.folded(wanted)
    total = context.store.connections.count(wanted)
    context.release()
    return _entries(context, wanted), total


def _entries(context: Context, wanted: ListQuery) -> Iterator[Entry[Candidate]]:
    last = 0
    while True:
        page = list(context.store.connections.select(replace(wanted, sort="id", after_id=last, limit=_PAGE)))
        context.release()
        yield from map(_entry, page)
        if len(page) < _PAGE:
            return
        last = page[-1].id


def _entry(connection: Connection) -> Entry[Candidate]:
    return entry(Candidate(connection.id, connection.name, connection.type), connection.values)


def entry(candidate: Candidate, values: Mapping[str, Any]) -> Entry[Candidate]:
    """Return a candidate with the engine and the server that the values of its connection lead to."""
    server = Plan(candidate.type, dict(values), {}, 0.0).where().casefold()
    return Entry(candidate, candidate.type, server)


def checked_parallel(parallel: int | None) -> int:
    """Return how many tests run at once, the default when no number is given.

    Raises:
        InvalidInput: it is out of range.

    """
    if parallel is None:
        return PARALLEL
    if not 1 <= parallel <= MAX_PARALLEL:
        message = f"parallel must be from 1 to {MAX_PARALLEL}"
        raise InvalidInput([Problem("parallel", message, f"as in --parallel {PARALLEL}, which is the default")])
    return parallel


def _untestable(candidate: Candidate, problems: Sequence[Problem]) -> dict[str, Any]:
    # Stored before a rule was known that its values break: the others are tested all the same.
    problem = problems[0]
    hint = problem.hint or f"qualytics connections get --id {candidate.id} shows the values"
    failure = Failure(
        get(candidate.type).stages[0], "config", retryable=False, message=problem.message, hint=hint, detail=None
    )
    return {**report_document(TestReport(failure, (), 0.0, problem.message))}


def _second(first: dict[str, Any], report: dict[str, Any]) -> dict[str, Any]:
    if not report["connected"]:
        return report
    warning = f"passed at the second try; the first failed at {first['stage']} ({first['class']})"
    return {**report, "warnings": [*report["warnings"], warning]}
