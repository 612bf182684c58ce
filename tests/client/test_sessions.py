"""Clients in threads: how many calls run at once, and what becomes of one that never began."""

import asyncio
import threading

import pytest

from qualytics.client import sessions
from qualytics.settings import load


def test_a_call_that_waits_for_its_turn_and_is_cancelled_never_begins(home):
    go, begun = threading.Event(), []

    async def ask(found, work):
        async with found.lease() as call:
            await call(work)

    async def use():
        found = sessions.Sessions(load(), None)
        running = [asyncio.create_task(ask(found, lambda _: go.wait(60))) for _ in range(sessions._MAX_THREADS)]
        late = asyncio.create_task(ask(found, begun.append))
        await asyncio.sleep(0)  # each task comes to where it waits
        late.cancel()
        with pytest.raises(asyncio.CancelledError):
            await late
        go.set()
        await asyncio.gather(*running)
        await found.close()

    asyncio.run(use())
    assert begun == []


def test_a_client_serves_one_call_after_the_other(home):
    async def use():
        found = sessions.Sessions(load(), None)
        clients = set()
        for _ in range(3):
            async with found.lease() as call:
                clients.add(await call(id))
        await found.close()
        return clients

    assert len(asyncio.run(use())) == 1
