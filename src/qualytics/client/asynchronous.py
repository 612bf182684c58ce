"""The asynchronous twin of the clients: the same verbs, each in a thread, ended when its task is cancelled.

Each verb is made of the contract's by a descriptor with a ParamSpec, which mypy and pyright both understand: no
signature is written twice, and no code is generated.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import threading
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, Self, TypeVar

from qualytics.client import contract, contract_accounts, contract_many
from qualytics.client.sessions import Sessions
from qualytics.settings import MAX_PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
    from contextlib import AbstractAsyncContextManager

    from qualytics import types
    from qualytics.client.config import ControlPlane
    from qualytics.model import OnStage, StageEvent
    from qualytics.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")


class _Part:
    """The verbs on one kind of record; `warnings` are those of the last create or update that has ended."""

    _name: str

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self.warnings: tuple[str, ...] = ()

    async def _run(self, verb: str, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if named.get("on_stage") is not None:
            named = {**named, "on_stage": _in_loop(named["on_stage"])}

        def work(client: contract.Client) -> tuple[Any, tuple[str, ...]]:
            part = getattr(client, self._name)
            return getattr(part, verb)(*args, **named), getattr(part, "warnings", ())

        async with self._sessions.lease() as call:
            answer, self.warnings = await call(work)
            return answer

    async def _iterate(self, verb: str, args: tuple[Any, ...], named: dict[str, Any]) -> AsyncIterator[Any]:
        async with self._sessions.lease() as call:
            records = await call(lambda client: getattr(getattr(client, self._name), verb)(*args, **named))
            while batch := await call(lambda _: list(itertools.islice(records, MAX_PAGE_SIZE))):
                for record in batch:
                    yield record


class Verb(Generic[P, T]):
    """A verb of the contract as a coroutine function of the same parameters."""

    def __init__(self, verb: Callable[Concatenate[Any, P], T]) -> None:
        self._verb = verb

    def __get__(self, part: _Part, _owner: type[_Part]) -> Callable[P, Coroutine[Any, Any, T]]:
        @functools.wraps(self._verb)
        async def call(*args: P.args, **named: P.kwargs) -> T:
            answer: T = await part._run(self._verb.__name__, args, named)  # noqa: SLF001 - a part of it
            return answer

        return call


class Listing(Generic[P, T]):
    """A listing of the contract as an asynchronous one, which fetches a page at a time."""

    def __init__(self, verb: Callable[Concatenate[Any, P], Iterator[T]]) -> None:
        self._verb = verb

    def __get__(self, part: _Part, _owner: type[_Part]) -> Callable[P, AsyncIterator[T]]:
        @functools.wraps(self._verb)
        def iterate(*args: P.args, **named: P.kwargs) -> AsyncIterator[T]:
            return part._iterate(self._verb.__name__, args, named)  # noqa: SLF001 - a part of it

        return iterate


class AsyncRun:
    """Tests of many connections under way; iterate once for the results, in the order in which the tests end."""

    def __init__(self, run: contract_many.Run, call: Callable[[Callable[[contract.Client], Any]], Any]) -> None:
        self._run, self._call = run, call
        self._results = iter(run)
        self._lock = threading.Lock()  # a cancelled call may still be in the run while it is left
        self.operation_id = run.operation_id
        self.total = run.total

    async def __aiter__(self) -> AsyncIterator[types.TestResult]:
        """Yield the results as they come."""
        while (result := await self._call(self._next)) is not None:
            yield result

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what could not be kept of its tests, once it was left."""
        return self._run.warnings

    async def untested(self) -> AsyncIterator[str]:
        """Yield the names of connections that have no result, once the run was left."""
        for name in await self._call(lambda _: list(self._run.untested())):
            yield name

    async def leave(self, error: BaseException | None) -> None:
        """End the tests that still run."""
        await self._call(functools.partial(self._leave, error))

    def _next(self, _: contract.Client) -> types.TestResult | None:
        with self._lock:
            return next(self._results, None)

    def _leave(self, error: BaseException | None, _: contract.Client) -> None:
        with self._lock:
            self._run.__exit__(type(error) if error else None, error, None)
            if isinstance(self._results, Generator):
                self._results.close()


class Start(Generic[P]):
    """A verb of the contract that gives a run, as an asynchronous context manager of one."""

    def __init__(self, verb: Callable[Concatenate[Any, P], contract_many.Run]) -> None:
        self._verb = verb

    def __get__(self, part: _Part, _owner: type[_Part]) -> Callable[P, AbstractAsyncContextManager[AsyncRun]]:
        @functools.wraps(self._verb)
        @contextlib.asynccontextmanager
        async def start(*args: P.args, **named: P.kwargs) -> AsyncIterator[AsyncRun]:
            async with part._sessions.lease() as call:  # noqa: SLF001 - a part of it
                run = AsyncRun(
                    await call(lambda client: getattr(client.runs, self._verb.__name__)(*args, **named)), call
                )
                try:
                    yield run
                except BaseException as error:
                    await run.leave(error)
                    raise
                await run.leave(None)

        return start


class AsyncReader:
    """Rows of a read under way; iterate once for the Arrow record batches, in the order of their arrival."""

    def __init__(self, reader: contract.Reader) -> None:
        self._reader = reader
        self._batches = iter(reader)
        self.schema = reader.schema

    async def __aiter__(self) -> AsyncIterator[contract.Batch]:
        """Yield the batches."""
        while (batch := await asyncio.to_thread(next, self._batches, None)) is not None:
            yield batch

    @property
    def receipt(self) -> types.Receipt:
        """Return what was read, and how exactly; there is one once all batches were taken."""
        return self._reader.receipt

    @property
    def progress(self) -> types.ReadProgress:
        """Return how far it is."""
        return self._reader.progress


class Read(Generic[P]):
    """A verb of the contract that gives a reader, as an asynchronous context manager of one."""

    def __init__(self, verb: Callable[Concatenate[Any, P], contract.Reader]) -> None:
        self._verb = verb

    def __get__(self, part: _Part, _owner: type[_Part]) -> Callable[P, AbstractAsyncContextManager[AsyncReader]]:
        @functools.wraps(self._verb)
        @contextlib.asynccontextmanager
        async def read(*args: P.args, **named: P.kwargs) -> AsyncIterator[AsyncReader]:
            opened: list[contract.Reader] = []
            is_left = threading.Event()

            def told(reader: Any) -> None:
                opened.append(reader)
                if is_left.is_set():  # the task was cancelled meanwhile
                    reader.close()

            def begin(client: contract.Client) -> AsyncReader:
                from qualytics.reading.reader import BEGINNING

                token = BEGINNING.set(told)
                try:
                    verb = getattr(getattr(client, part._name), self._verb.__name__)  # noqa: SLF001 - a part of it
                    return AsyncReader(verb(*args, **named))
                finally:
                    BEGINNING.reset(token)

            try:
                async with part._sessions.lease() as call:  # noqa: SLF001 - a part of it
                    reader = await call(begin)
                yield reader
            finally:
                is_left.set()
                for one in opened:  # from another thread than one that still waits for a batch, which it wakes
                    await asyncio.shield(asyncio.to_thread(one.close))

        return read


class AsyncConnections(_Part):
    """The verbs on connections."""

    _name = "connections"
    create = Verb(contract.Connections.create)
    update = Verb(contract.Connections.update)
    copy = Verb(contract.Connections.copy)
    get = Verb(contract.Connections.get)
    find = Verb(contract.Connections.find)
    list = Listing(contract.Connections.list)
    history = Verb(contract.Connections.history)
    tests = Verb(contract.Connections.tests)
    usages = Verb(contract.Connections.usages)
    delete = Verb(contract.Connections.delete)
    test = Verb(contract.Connections.test)
    test_unsaved = Verb(contract.Connections.test_unsaved)
    use = Verb(contract.Connections.use)
    uses = Verb(contract.Connections.uses)
    open = Verb(contract.Connections.open)
    read = Read(contract.Connections.read)


class AsyncDatastores(_Part):
    """The verbs on datastores."""

    _name = "datastores"
    create = Verb(contract.Datastores.create)
    update = Verb(contract.Datastores.update)
    get = Verb(contract.Datastores.get)
    find = Verb(contract.Datastores.find)
    list = Listing(contract.Datastores.list)
    delete = Verb(contract.Datastores.delete)
    verify = Verb(contract.Datastores.verify)
    read = Read(contract.Datastores.read)


class AsyncDiscovery(_Part):
    """What a connection can see."""

    _name = "discovery"
    catalogs = Verb(contract.Discovery.catalogs)
    schemas = Verb(contract.Discovery.schemas)
    tables = Verb(contract.Discovery.tables)


class AsyncConfig(_Part):
    """The verbs on a configuration."""

    _name = "config"
    datastores = Listing(contract_many.Config.datastores)
    plan = Verb(contract_many.Config.plan)
    apply = Verb(contract_many.Config.apply)
    test = Verb(contract_many.Config.test)


class AsyncRuns(_Part):
    """The verbs that test many connections."""

    _name = "runs"
    start = Start(contract_many.Runs.start)
    resume = Start(contract_many.Runs.resume)


class AsyncImports(_Part):
    """The verb on a set of new connections."""

    _name = "imports"
    create = Verb(contract_many.Imports.create)


class AsyncUsers(_Part):
    """The verbs on users and service accounts."""

    _name = "users"
    create = Verb(contract_accounts.Users.create)
    list = Listing(contract_accounts.Users.list)
    get = Verb(contract_accounts.Users.get)
    find = Verb(contract_accounts.Users.find)
    me = Verb(contract_accounts.Users.me)
    update = Verb(contract_accounts.Users.update)
    delete = Verb(contract_accounts.Users.delete)


class AsyncTokens(_Part):
    """The verbs on tokens."""

    _name = "tokens"
    create = Verb(contract_accounts.Tokens.create)
    list = Listing(contract_accounts.Tokens.list)
    get = Verb(contract_accounts.Tokens.get)
    revoke = Verb(contract_accounts.Tokens.revoke)
    delete = Verb(contract_accounts.Tokens.delete)


class AsyncGrants(_Part):
    """The verbs on grants."""

    _name = "grants"
    create = Verb(contract_accounts.Grants.create)
    list = Listing(contract_accounts.Grants.list)
    get = Verb(contract_accounts.Grants.get)
    delete = Verb(contract_accounts.Grants.delete)


class AsyncAudit(_Part):
    """The audit log."""

    _name = "audit"
    list = Verb(contract_accounts.Audit.list)
    prune = Verb(contract_accounts.Audit.prune)


class AsyncClient:
    """A client whose verbs are coroutines, for any number of tasks of one event loop at once.

    Close it, or use it in an `async with` statement. The task that is cancelled ends its verb: a test with the process
    that it runs in, a request with its connection. What a change had sent by then may have been carried out.
    """

    def __init__(self, settings: Settings, control_plane: ControlPlane | None) -> None:
        self._sessions = Sessions(settings, control_plane)
        self.connections = AsyncConnections(self._sessions)
        self.datastores = AsyncDatastores(self._sessions)
        self.discovery = AsyncDiscovery(self._sessions)
        self.config = AsyncConfig(self._sessions)
        self.runs = AsyncRuns(self._sessions)
        self.imports = AsyncImports(self._sessions)
        self.users = AsyncUsers(self._sessions)
        self.tokens = AsyncTokens(self._sessions)
        self.grants = AsyncGrants(self._sessions)
        self.audit = AsyncAudit(self._sessions)

    async def close(self) -> None:
        """Close it."""
        await self._sessions.close()

    def __aiter__(self) -> AsyncIterator[types.Connection]:
        """Yield all connections, by id."""
        return self.connections.list()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()


def _in_loop(on_stage: OnStage) -> OnStage:
    """Return what calls `on_stage` in the thread of the event loop, from another, and raises what it raises."""
    loop = asyncio.get_running_loop()

    async def called(event: StageEvent) -> object:
        return on_stage(event)

    return lambda event: asyncio.run_coroutine_threadsafe(called(event), loop).result()
