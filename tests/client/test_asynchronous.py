"""The asynchronous twin: every verb of the contract, side by side, and ended with its task."""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from typing import get_origin

import pytest

import qualytics
from qualytics.client import asynchronous, contract, contract_many
from tests.client.test_contract_types import PARTS, VERBS, type_of
from tests.support import processes
from tests.support.reads import until

pytestmark = pytest.mark.slow  # each test starts processes

POSTGRESQL = {"type": "postgresql", "host": "127.0.0.1", "username": "app", "password": "geheim"}


@pytest.fixture(params=["embedded", "control plane"])
def place(request, home):
    """Return where a client connects to, once an embedded store and once a control plane."""
    if request.param == "embedded":
        return {"home": home}
    plane = request.getfixturevalue("fresh_plane")
    return {"url": plane.url, "token": plane.tokens["Admin"]}


@contextlib.contextmanager
def silent():
    """Run a server that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield server, server.getsockname()[1]


async def ended(connection):
    """Wait until the other end has closed a connection, whatever it has sent before."""
    with connection:
        while await asyncio.get_running_loop().sock_recv(connection, 1_000):
            pass


_TWINS = (asynchronous.Verb, asynchronous.Listing, asynchronous.Start, asynchronous.Read)


def twin_of(answer):
    if answer is contract_many.Run:
        return asynchronous.Start
    if answer is contract.Reader:
        return asynchronous.Read
    return asynchronous.Listing if get_origin(answer) is Iterator else asynchronous.Verb


def test_every_verb_of_the_contract_has_its_twin():
    for part in PARTS:
        found = vars(getattr(asynchronous, f"Async{type_of(part).__name__}"))
        twins = {name: type(value) for name, value in found.items() if isinstance(value, _TWINS)}
        assert twins == {name: twin_of(answer) for (where, name), answer in VERBS.items() if where == part}, part
        assert all(value._verb is vars(type_of(part))[name] for name, value in found.items() if name in twins)


def test_documents_are_those_of_the_other_client(place):
    async def use():
        async with qualytics.aconnect(**place) as client:
            made = await client.connections.create({**POSTGRESQL, "name": "Prod", "port": 1})
            report = await client.connections.test("prod", timeout_s=5)
            warned = await client.connections.create({**POSTGRESQL, "name": "Рrod"})  # noqa: RUF001 - looks alike
            warnings = client.connections.warnings
            await client.connections.delete(warned["id"])
            return made, report, warnings, [one async for one in client], await client.users.me()

    made, report, warnings, listed, me = asyncio.run(use())
    assert warnings == ("the name looks like that of connection 1, 'Prod'",)
    with qualytics.connect(**place) as client:
        assert made == client.connections.get("prod")
        assert listed == list(client)
        assert me == client.users.me()
        assert (report["stage"], report["class"]) == ("tcp", "refused")


def test_an_error_is_that_of_the_other_client(place):
    async def use():
        async with qualytics.aconnect(**place) as client:
            await client.connections.get("nobody")

    with pytest.raises(qualytics.NotFound, match="there is no connection 'nobody'"):
        asyncio.run(use())


def test_a_listing_comes_in_pages_and_may_be_left_in_the_middle(place):
    async def use():
        async with qualytics.aconnect(**place) as client:
            fields = [{**POSTGRESQL, "name": f"c{number:03}"} for number in range(105)]
            await asyncio.gather(*(client.connections.create(one) for one in fields))
            async for connection in client.connections.list(name="c", sort="name"):
                assert connection["name"] == "c000"
                break
            return [connection["name"] async for connection in client.connections.list(sort="name")]

    assert asyncio.run(use()) == [f"c{number:03}" for number in range(105)]


def test_tests_run_side_by_side_and_end_with_their_tasks(place):
    async def use(server, port):
        loop = asyncio.get_running_loop()
        async with qualytics.aconnect(**place) as client:
            await client.connections.create({**POSTGRESQL, "name": "silent", "port": port})
            tasks = [asyncio.create_task(client.connections.test("silent", timeout_s=300)) for _ in range(2)]
            connections = [(await loop.sock_accept(server))[0] for _ in tasks]
            for task in tasks:
                task.cancel()
            for task in tasks:
                with pytest.raises(asyncio.CancelledError):
                    await task
            await asyncio.gather(*map(ended, connections))
            return await client.connections.get("silent")

    with silent() as (server, port):
        assert asyncio.run(use(server, port))["name"] == "silent"


def test_a_run_gives_the_results_as_they_come(place):
    async def use():
        async with qualytics.aconnect(**place) as client:
            for number in range(3):
                await client.connections.create({**POSTGRESQL, "name": f"c{number}", "port": 1})
            async with client.runs.start("c", parallel=2, timeout_s=20) as run:
                results = [result async for result in run]
            return run, results, [name async for name in run.untested()]

    run, results, untested = asyncio.run(use())
    assert (run.total, untested) == (3, [])
    assert sorted((one["name"], one["class"]) for one in results) == [(f"c{number}", "refused") for number in range(3)]


def test_a_wrong_run_is_told_when_it_is_entered(place):
    async def use():
        async with qualytics.aconnect(**place) as client, client.runs.start(parallel=0):
            raise AssertionError

    with pytest.raises(qualytics.InvalidInput, match="parallel must be from 1"):
        asyncio.run(use())


def test_a_run_that_is_left_early_ends_its_tests(place):
    async def use(server, port):
        loop = asyncio.get_running_loop()
        async with qualytics.aconnect(**place) as client:
            await client.connections.create({**POSTGRESQL, "name": "refused", "port": 1})
            await client.connections.create({**POSTGRESQL, "name": "silent", "port": port})
            async with client.runs.start(parallel=2, timeout_s=300) as run:
                async for result in run:
                    assert result["name"] == "refused"
                    break
                connection = (await loop.sock_accept(server))[0]
            await ended(connection)
            return [name async for name in run.untested()]

    with silent() as (server, port):
        assert asyncio.run(use(server, port)) == ["silent"]


def test_a_cancelled_task_ends_its_run_and_the_client_goes_on(place):
    async def use(server, port):
        loop = asyncio.get_running_loop()
        async with qualytics.aconnect(**place) as client:
            await client.connections.create({**POSTGRESQL, "name": "silent", "port": port})

            async def follow():
                async with client.runs.start(timeout_s=300) as run:
                    async for _ in run:
                        raise AssertionError

            task = asyncio.create_task(follow())
            connection = (await loop.sock_accept(server))[0]
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await ended(connection)
            return await client.connections.get("silent")

    with silent() as (server, port):
        assert asyncio.run(use(server, port))["name"] == "silent"


def test_a_cancelled_task_ends_the_tests_of_a_configuration(place):
    async def use(server, port):
        config = {"connections": [{**POSTGRESQL, "name": "silent", "port": port}]}
        async with qualytics.aconnect(**place) as client:
            task = asyncio.create_task(client.config.test(config, timeout_s=300))
            connection = (await asyncio.get_running_loop().sock_accept(server))[0]
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await ended(connection)

    with silent() as (server, port):
        asyncio.run(use(server, port))


def test_a_cancelled_task_leaves_no_process_of_its_test(home):
    others = processes.descendants(os.getpid())

    async def use(server, port):
        async with qualytics.aconnect(home=home) as client:
            task = asyncio.create_task(client.connections.test_unsaved({**POSTGRESQL, "port": port}, timeout_s=300))
            connection = (await asyncio.get_running_loop().sock_accept(server))[0]
            running = processes.descendants(os.getpid()) - others
            assert running
            with connection, processes.watched(running) as left:
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert not left()

    with silent() as (server, port):
        asyncio.run(use(server, port))


def test_a_time_limit_of_a_task_ends_a_change_that_tests_first_and_nothing_is_stored(place):
    async def use(port):
        async with qualytics.aconnect(**place) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.5):
                    await client.connections.create({**POSTGRESQL, "port": port}, test=True, timeout_s=300)
            return [one async for one in client]

    with silent() as (_, port):
        assert asyncio.run(use(port)) == []


def test_stages_come_in_the_thread_of_the_loop_and_what_they_raise_ends_the_test(place):
    stages = []

    def on_stage(event):
        stages.append((event.stage, event.ok, threading.get_ident()))
        if event.ok is False:
            raise LookupError("enough")

    async def use():
        async with qualytics.aconnect(**place) as client:
            await client.connections.test_unsaved({**POSTGRESQL, "port": 1}, timeout_s=5, on_stage=on_stage)

    with pytest.raises(LookupError, match="enough"):
        asyncio.run(use())
    here = threading.get_ident()
    assert stages == [("resolve", None, here), ("resolve", True, here), ("tcp", None, here), ("tcp", False, here)]


def test_a_wrong_argument_is_told_before_anything_is_awaited(home):
    with pytest.raises(qualytics.UsageError, match="url and home are both given"):
        qualytics.aconnect("https://connections.example.com", home=home)


def test_it_is_closed_for_good(home):
    async def use():
        client = qualytics.aconnect(home=home)
        await client.connections.create(POSTGRESQL)
        await client.close()
        await client.close()
        await client.connections.get(1)

    with pytest.raises(RuntimeError, match="after shutdown"):
        asyncio.run(use())


def test_the_contract_shows_in_the_help_of_a_twin(home):
    client = qualytics.aconnect(home=home)
    assert client.connections.get.__doc__ == contract.Connections.get.__doc__
    asyncio.run(client.close())


# Ten times what a pipe between the processes takes; SQLite looks through all rows before the first one comes.
LONG = "with recursive n(n) as (select 1 union all select n + 1 from n where n < 1000000) select n from n"


@pytest.fixture
def readable(home, allowed_files):
    """Return where a client connects to, whose connection `sales` can be read."""
    with qualytics.connect(home=home) as client:
        client.connections.create({"type": "sqlite", "name": "sales", "uri": str(allowed_files / "sales.sqlite")})
        client.datastores.create({"name": "orders", "connection_id": 1})
    return {"home": home}


@pytest.mark.slow
def test_a_read_gives_batches_and_ends_with_a_receipt(readable):
    async def use():
        async with qualytics.aconnect(**readable) as client:
            async with client.datastores.read("orders", sql="select 7 as seven", verify=True) as reader:
                rows = [row async for batch in reader for row in batch.to_pylist()]
            return rows, reader.receipt["rows"], reader.progress["rows"], str(reader.schema)

    assert asyncio.run(use()) == ([{"seven": 7}], 1, 1, "seven: int64")


@pytest.mark.slow
@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_read_that_is_left_leaves_no_process_behind(readable, is_cancelled):
    async def use():
        async with qualytics.aconnect(**readable) as client:
            began = asyncio.Event()

            async def follow():
                options = {"sql": LONG, "fetch_size": 100}
                async with client.connections.read("sales", **options) as reader:
                    async for batch in reader:
                        assert batch.num_rows == 100
                        began.set()
                        if not is_cancelled:
                            break

            task = asyncio.create_task(follow())
            await began.wait()
            if is_cancelled:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            assert task.cancelled() == is_cancelled
            return (await client.connections.get("sales"))["name"]

    before = processes.descendants(os.getpid())
    assert asyncio.run(use()) == "sales"
    assert processes.descendants(os.getpid()) <= before


@pytest.mark.slow
def test_a_read_that_is_left_before_it_begins_leaves_no_process_behind(readable):
    before = processes.descendants(os.getpid())
    # The types of its columns are told by all values, before the first batch.
    numbers = (
        "with recursive k(n) as (select 1 union all select n + 1 from k limit 100000000000) select sum(n) as s from k"
    )

    async def read(client):
        async with client.connections.read("sales", sql=numbers):
            pass

    async def use():
        async with qualytics.aconnect(**readable) as client:
            task = asyncio.create_task(read(client))
            await asyncio.to_thread(until, lambda: processes.descendants(os.getpid()) - before)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.to_thread(until, lambda: processes.descendants(os.getpid()) <= before)

    asyncio.run(use())
