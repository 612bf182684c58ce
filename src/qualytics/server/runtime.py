"""What the requests of one worker share: the store, the children that test, limits; and who asks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from qualytics.errors import NotSignedIn, QualyticsError, TooMany
from qualytics.masking import read_own_words
from qualytics.probe.parent.budget import machine_bytes
from qualytics.probe.parent.cancellation import Cancellation
from qualytics.probe.parent.pool import Pool
from qualytics.server.config import plain_address
from qualytics.server.metrics import Metrics
from qualytics.service import audit
from qualytics.service.accounts import tokens
from qualytics.service.accounts.token_usage import TokenUsage
from qualytics.service.connections import run_operations
from qualytics.service.context import Context
from qualytics.service.rights import Actor
from qualytics.store import open_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from litestar import Request
    from litestar.datastructures import State

    from qualytics.model import TestReport
    from qualytics.probe import Plan
    from qualytics.server.config import Config
    from qualytics.store.base import Store

    AnyRequest = Request[Any, Any, State]
    Opening = Callable[[AnyRequest], contextlib.AbstractContextManager[Context]]

T = TypeVar("T")
NOBODY = Actor("nobody", role="")
_SPARE_THREADS = 16
# Configurations and imports that a worker holds at once: each takes some ten times the bytes of its body.
_SETS_AT_ONCE = 2
_TIDY_S = 3_600.0
# A test of a run over many connections waits for its turn as long as it takes.
_RUN_WAIT_S = 86_400.0
_log = logging.getLogger("qualytics.server")
# Under this name the state of a request has who waits for its tests.
_CALLER = "caller"
# Requests of one address in a minute that store a step of a sign-in and need no token for it.
_SIGN_INS_PER_MINUTE = 300


class Runtime:
    """One worker's share: opened when it starts, closed when it stops."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.settings = config.settings
        self.pool = open_pool(config.settings)
        self.token_usage = TokenUsage(self.context)
        self.limits = Limits(config.requests_per_minute)
        self.sign_ins = Limits(_SIGN_INS_PER_MINUTE)
        self._refusals = Limits(config.refusals_per_minute, "requests that were refused")
        self._tasks: list[asyncio.Task[None]] = []
        self.metrics = Metrics()
        self.sets = asyncio.Semaphore(_SETS_AT_ONCE)
        self.openapi: dict[str, Any] = {}
        self._children = Pool(
            config.tests_at_once,
            config.tests_waiting,
            wait_s=config.test_wait_s,
            memory_bytes=machine_bytes() // 2 // config.workers,
        )
        # A few threads more than may wait: those that are too many must hear it at once.
        threads = config.tests_at_once + config.tests_waiting + _SPARE_THREADS
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="test")
        self._stopping = threading.Event()
        self._runs: set[Cancellation] = set()

    @property
    def max_parallel(self) -> int:
        """Return how many tests a run over many connections may have at once; others find room beside it."""
        return self._children.per_owner

    def context(self, actor: Actor = NOBODY, caller: Cancellation | None = None) -> Context:
        """Return a context of the service for somebody who has signed in, or for nobody yet.

        With the `caller`, where there is one, tests end.
        """
        context = Context(self.settings, actor=actor, lease=self._lease)
        context.run_test = lambda plan: self._tested(plan, context, caller)
        return context

    def prepare_test(self, type_: str) -> None:
        """Expect a test of this type, as of whoever has opened its form."""
        self._children.prepare(type_)

    def run_context(self, actor: Actor, run: Cancellation) -> Context:
        """Return a context for one test of a run, which stands apart from others of that user and waits for its turn.

        It ends when the run is cancelled, as all do when this worker stops.
        """
        context = Context(self.settings, actor=actor, lease=self._lease)
        context.run_test = lambda plan: self._tested_in_turn(plan, context, run)
        return context

    def contexts(self, request: AnyRequest, asked: Context) -> tuple[Callable[[], Context], Callable[[], None]]:
        """Return what makes a context for one of the many tests of a request, and what ends them all."""
        caller: Cancellation = request.scope["state"][_CALLER]
        return lambda: self.run_context(asked.actor, caller), caller.cancel

    @contextlib.contextmanager
    def running(self) -> Iterator[Cancellation]:
        """Give what cancels a run, now or when this worker stops."""
        run = Cancellation()
        self._runs.add(run)
        try:
            if self._stopping.is_set():
                run.cancel()
            yield run
        finally:
            self._runs.discard(run)

    def _tested_in_turn(self, plan: Plan, context: Context, run: Cancellation) -> TestReport:
        while True:
            try:
                return self._tested(plan, context, run, f"run {id(run)}", _RUN_WAIT_S)
            except TooMany as exc:  # others have filled the queue
                self._stopping.wait(exc.retry_after_s)
                run.check()

    def _tested(
        self,
        plan: Plan,
        context: Context,
        caller: Cancellation | None,
        owner: str | None = None,
        wait_s: float | None = None,
    ) -> TestReport:
        began = time.monotonic()
        self._note_pool()
        owner = owner or str(context.actor.user_id)
        try:
            report = self._children.run(plan, owner, context.require_still, caller, wait_s)
        finally:
            self._note_pool()
        failure_class = report.failure.failure_class if report.failure else None
        self.metrics.saw_test(plan.type, failure_class, time.monotonic() - began)
        return report

    def metrics_text(self) -> bytes:
        """Return the counts of all workers for Prometheus."""
        self._note_pool()  # the last test that began has noted those before it
        return self.metrics.text()

    def _note_pool(self) -> None:
        self.metrics.saw_pool(self._children.running, self._children.waiting)

    @contextlib.contextmanager
    def _lease(self) -> Iterator[Store]:
        began = time.perf_counter()
        with self.pool.lease() as store:
            self.metrics.saw_lease(time.perf_counter() - began)
            yield store

    async def in_test_pool(self, request: AnyRequest, work: Callable[[], T]) -> T:
        """Run what may take long, as a test does, where it delays nobody else; its tests end if the client hangs up."""
        caller = request.scope["state"][_CALLER] = Cancellation()
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        watching = asyncio.create_task(_hung_up(request))
        both: tuple[asyncio.Future[Any], ...] = (running, watching)
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            watching.cancel()
            if not running.done():
                caller.cancel()
        return await running

    async def later(self, work: Callable[[], None], wait_s: float = 0.0) -> None:
        """Run what nobody waits for, or not for longer than this."""
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        await asyncio.wait([running], timeout=wait_s)

    @contextlib.contextmanager
    def refusing(self, whose: int | str, context: Context) -> Iterator[None]:
        """Let a user or address act as long as the log was not told of too many refusals.

        Raises:
            TooMany: it was.

        """
        self._refusals.require(whose)
        try:
            yield
        finally:
            self._refusals.spend(whose, context.refused)

    async def begin(self) -> None:
        """Begin what a worker does beside its requests."""
        self.beside(self._tidy())
        self._threads.submit(read_own_words)  # before a request has need of them

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Run what goes on beside the requests until this worker stops."""
        self._tasks.append(asyncio.create_task(work))

    async def _tidy(self) -> None:
        while True:
            await asyncio.to_thread(self._expire)
            await asyncio.sleep(_TIDY_S)

    def _expire(self) -> None:
        try:
            with self.context() as context:
                audit.expire(context, self.config.audit_days)
                run_operations.expire(context, self.config.audit_days)
        except QualyticsError as exc:  # the store cannot be had now; there is a next time
            _log.error("the audit log was not tidied: %s: %s", exc.code, exc.message)

    def close(self) -> None:
        """End what runs."""
        for task in self._tasks:
            task.cancel()
        self._stopping.set()
        for run in list(self._runs):  # before its tests end as if they had failed
            run.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._children.close()
        self.token_usage.close()
        self.pool.close()


async def _hung_up(request: AnyRequest) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class Limits:
    """Requests of each user, or address, in the minute that goes on: a bucket that fills as time passes."""

    def __init__(self, per_minute: int, what: str = "requests") -> None:
        self._per_minute, self._what = per_minute, what
        self._buckets: dict[int | str, tuple[float, float]] = {}

    def take(self, whose: int | str) -> None:
        """Count a request of a user, by the id, or of an address.

        Raises:
            TooMany: it has no requests left.

        """
        self.require(whose)
        self.spend(whose)

    def require(self, whose: int | str) -> None:
        """Raise TooMany unless one has a request left; it is not counted."""
        left = self._left(whose, time.monotonic())
        if left < 1:
            wait_s = (1 - left) * 60 / self._per_minute
            who = "user" if isinstance(whose, int) else "address"
            raise TooMany(f"this {who} has sent more than {self._per_minute:,} {self._what} a minute", None, wait_s)

    def spend(self, whose: int | str, count: int = 1) -> None:
        """Count some requests, whether there are so many left or not."""
        now = time.monotonic()
        if count:
            self._buckets[whose] = (self._left(whose, now) - count, now)
        if len(self._buckets) > 10_000:  # those that have been silent are full again
            self._buckets = {key: bucket for key, bucket in [*self._buckets.items()] if now - bucket[1] < 60}

    def _left(self, whose: int | str, now: float) -> float:
        left, seen = self._buckets.get(whose, (float(self._per_minute), now))
        return min(self._per_minute, left + (now - seen) * self._per_minute / 60)


def runtime_of(request: AnyRequest) -> Runtime:
    """Return what the requests of this worker share."""
    runtime: Runtime = request.app.state.runtime
    return runtime


async def answer(
    request: AnyRequest, verb: Callable[[Context], T], *, is_test: bool = False, opening: Opening | None = None
) -> T:
    """Run a verb for whoever sent the request, in a thread; in the pool of tests where it may run one.

    `opening` gives the context, where that is not `opened`.

    Raises:
        NotSignedIn, TooMany: as `opened` does.

    """

    def work() -> T:
        with (opening or opened)(request) as context:
            return verb(context)

    return await (runtime_of(request).in_test_pool(request, work) if is_test else asyncio.to_thread(work))


@contextlib.contextmanager
def opened(request: AnyRequest) -> Iterator[Context]:
    """Give a context of the service for whoever sent the request.

    Raises:
        NotSignedIn: there is no good token.
        TooMany: the user has no requests left.

    """
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not bearer:
        raise NotSignedIn("no token was sent", "send it as Authorization: Bearer TOKEN; qualytics auth login gets one")
    with opened_by(request, bearer.strip()) as context:
        yield context


@contextlib.contextmanager
def opened_by(request: AnyRequest, bearer: str) -> Iterator[Context]:
    """Give a context of the service for the owner of a token.

    Raises:
        NotSignedIn: it is not good here.
        TooMany: the user has no requests left.

    """
    runtime = runtime_of(request)
    with runtime.context(caller=request.scope["state"].get(_CALLER)) as context:
        context.actor = tokens.authenticate(
            context,
            bearer,
            address=address_of(request),
            request_id=request_id_of(request),
            usage=runtime.token_usage,
        )
        request.scope["state"]["is_known"] = True
        runtime.limits.take(context.actor.user_id or 0)
        with runtime.refusing(context.actor.user_id or 0, context):
            yield context


def address_of(request: AnyRequest) -> str | None:
    """Return the address that a request came from; a proxy's word counts only if the proxy is trusted."""
    address = plain_address(request.client.host) if request.client else None
    trusted = runtime_of(request).config.trusted_proxy
    # Proxies append to the header or add one more of it: read as one list, the last entry is the nearest proxy's.
    hops = ",".join(request.headers.getall("x-forwarded-for", [])).split(",")
    while address in trusted and hops and (hop := plain_address(hops.pop())):
        address = hop
    return address


def request_id_of(request: AnyRequest) -> str:
    """Return the id of a request, made when it is asked for first."""
    state: dict[str, Any] = request.scope.setdefault("state", {})
    found: str = state.setdefault("request_id", secrets.token_hex(8))
    return found
