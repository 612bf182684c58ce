"""Clients in threads: one for each call that runs, kept for the next; a cancelled task ends its call."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from qualytics.client.http.client import HttpClient
from qualytics.client.local import LocalClient
from qualytics.probe.parent.cancellation import Cancellation
from qualytics.probe.parent.child_process import run_test
from qualytics.store import open_pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from qualytics.client.config import ControlPlane
    from qualytics.client.contract import Client
    from qualytics.model import TestReport
    from qualytics.probe import Plan
    from qualytics.settings import Settings

T = TypeVar("T")

# So many calls run at once; what is beyond waits for its turn.
_MAX_THREADS = 16
# How long a cancelled task waits for its call to end, which most often takes milliseconds.
_END_S = 2.0


class Session:
    """A client that one task at a time uses; `cancel` ends, from another thread, what it does."""

    def __init__(self, client: Client, cancel: Callable[[], None]) -> None:
        self.client = client
        self._cancel = cancel
        self.is_cancelled = False

    async def call(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        """Run what uses the client in a thread; if the task is cancelled it ends, and the client is closed after it."""
        running = threads.submit(work)
        future = asyncio.wrap_future(running)
        future.add_done_callback(_retrieve)
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            self.is_cancelled = True
            running.add_done_callback(lambda _: self.client.close())
            if not running.cancel():  # it has begun
                self._cancel()
                await asyncio.wait([future], timeout=_END_S)
            raise
        return future.result()


class Sessions:
    """The sessions of one asynchronous client."""

    def __init__(self, settings: Settings, control_plane: ControlPlane | None) -> None:
        self._control_plane, self._settings = control_plane, settings
        self._pool = open_pool(settings) if control_plane is None else None
        self._idle: list[Session] = []
        self._threads = ThreadPoolExecutor(_MAX_THREADS, thread_name_prefix="qualytics")
        self._is_closed = False

    @contextlib.asynccontextmanager
    async def lease(self) -> AsyncIterator[Callable[[Callable[[Client], T]], Any]]:
        """Give what calls a function with a client, always the same one, in a thread."""
        session = self._idle.pop() if self._idle else self._make()
        try:
            yield lambda work: session.call(self._threads, lambda: work(session.client))
        finally:
            if self._is_closed and not session.is_cancelled:
                session.client.close()
            elif not session.is_cancelled:
                self._idle.append(session)

    async def close(self) -> None:
        """Close every client that is idle; the others close once their calls have ended."""
        self._is_closed = True
        idle, self._idle = self._idle, []
        for session in idle:
            session.client.close()
        self._threads.shutdown(wait=False)
        if self._pool is not None:
            self._pool.close()

    def _make(self) -> Session:
        if self._control_plane is not None:
            remote = HttpClient(self._control_plane)
            return Session(remote, remote.cancel)
        cancellation = Cancellation()

        def tested(plan: Plan) -> TestReport:
            with cancellation.descriptor() as cancelled:
                report = run_test(plan, stops=(cancelled,))
            cancellation.check()
            return report

        return Session(LocalClient(self._settings, self._pool, tested, cancellation), cancellation.cancel)


def _retrieve(future: asyncio.Future[Any]) -> None:
    # Or the loop would log what a call raised that nobody waits for any more.
    if not future.cancelled():
        future.exception()
