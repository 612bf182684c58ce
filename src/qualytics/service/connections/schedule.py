"""Which of many tests is next: engines take turns, so do the servers of each, and no address gets many at once."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from typing import Generic, TypeVar

from qualytics.structs import Struct

# Tests at once of one address and port: what a small server still takes beside its own clients.
MAX_PER_SERVER = 8
# Engines at once while those have tests: each has its driver imported, which takes time and memory.
MAX_ENGINES = 8

T = TypeVar("T")


class Entry(Struct, Generic[T]):
    """A test that waits: what is tested, its engine, and the server that it asks."""

    item: T
    engine: str
    server: str


class Schedule(Generic[T]):
    """Waiting tests, and the count of those that run; pure bookkeeping for one thread.

    The engine with the fewest running tests is next, among equals the one that was served longest ago: tests of an
    engine that hangs take no more than its share while another has any. An engine too many waits for the end of
    another, or until no other has a test that may begin. Of an engine the servers take turns, of a server the first
    test is next. The limit of a server holds for each of its addresses, once these are known.
    """

    def __init__(self, max_per_server: int = MAX_PER_SERVER, max_engines: int = MAX_ENGINES) -> None:
        self._max_per_server, self._max_engines = max_per_server, max_engines
        self._open: set[str] = set()  # engines that have begun and have not ended
        self._waiting: OrderedDict[str, OrderedDict[str, deque[Entry[T]]]] = OrderedDict()  # by engine, by server
        self._of_engine: Counter[str] = Counter()
        self._of_server: Counter[str] = Counter()
        self._addresses: dict[str, tuple[str, ...]] = {}  # by server
        self._of_address: Counter[str] = Counter()
        self._count = 0

    @property
    def waiting(self) -> int:
        """Return how many tests wait."""
        return self._count

    @property
    def running(self) -> int:
        """Return how many tests run."""
        return self._of_engine.total()

    def add(self, entry: Entry[T]) -> None:
        """Have a test wait, behind the others of its server."""
        self._waiting.setdefault(entry.engine, OrderedDict()).setdefault(entry.server, deque()).append(entry)
        self._count += 1

    def knows(self, server: str) -> bool:
        """Say whether the addresses of a server are known."""
        return server in self._addresses

    def resolve(self, server: str, addresses: tuple[str, ...]) -> None:
        """Have a server count by its addresses from now on, with all others that have one of them."""
        running = self._of_server[server]
        self._count_addresses(server, -running)
        self._addresses[server] = addresses
        self._count_addresses(server, running)

    def begin(self) -> Entry[T] | None:
        """Take the next test, which runs until `end`; None when none may begin now."""
        for engine in sorted(self._waiting, key=self._place):  # of equals the first
            servers = self._waiting[engine]
            server = next(filter(self._has_room, servers), None)
            if server is not None:
                return self._begin(engine, servers, server)
        return None

    def _has_room(self, server: str) -> bool:
        return all(self._of_address[address] < self._max_per_server for address in self._addresses_of(server))

    def _addresses_of(self, server: str) -> tuple[str, ...]:
        return self._addresses.get(server) or (server,)

    def _count_addresses(self, server: str, tests: int) -> None:
        for address in self._addresses_of(server):
            self._of_address[address] += tests
            if not self._of_address[address]:
                del self._of_address[address]

    def _place(self, engine: str) -> tuple[bool, int]:
        is_one_too_many = engine not in self._open and len(self._open) >= self._max_engines
        return is_one_too_many, self._of_engine[engine]

    def _begin(self, engine: str, servers: OrderedDict[str, deque[Entry[T]]], server: str) -> Entry[T]:
        entry = servers[server].popleft()
        servers.move_to_end(server)
        self._waiting.move_to_end(engine)
        if not servers[server]:
            del servers[server]
        if not servers:
            del self._waiting[engine]
        self._open.add(engine)
        self._of_engine[engine] += 1
        self._of_server[server] += 1
        self._count_addresses(server, 1)
        self._count -= 1
        return entry

    def end(self, entry: Entry[T]) -> None:
        """Take note that a test is over."""
        self._count_addresses(entry.server, -1)
        for counts, key in ((self._of_engine, entry.engine), (self._of_server, entry.server)):
            counts[key] -= 1
            if not counts[key]:
                del counts[key]
        if entry.engine not in self._waiting and entry.engine not in self._of_engine:
            self._open.discard(entry.engine)

    def give_back(self, entry: Entry[T]) -> None:
        """Have a test that was taken wait again, before the others of its server."""
        self.end(entry)
        self._waiting.setdefault(entry.engine, OrderedDict()).setdefault(entry.server, deque()).appendleft(entry)
        self._count += 1

    def left(self) -> list[T]:
        """Return what still waits."""
        queues = (queue for servers in self._waiting.values() for queue in servers.values())
        return [entry.item for queue in queues for entry in queue]
