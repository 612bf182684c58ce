"""Rows of the table on tests of many connections: healthy ones against one by one, and 1,000 of which 300 are dead."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

from bench import hosts
from bench.clock import qualytics, seconds
from bench.rows import Bench, Figure
from qualytics.client.local import LocalClient
from qualytics.probe._platform import raise_descriptor_limit
from qualytics.settings import Settings
from testbed import servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_TEST = ("connections", "test", "--all", "--format", "jsonl")
_HEALTHY = 1_000
_ONE_BY_ONE = 5
_DEAD, _ALIVE, _PARALLEL, _DEADLINE_S = 300, 700, 64, 1.0
_FAILED = 6
_MARGIN = 1.2


def add(home: Path, server: servers.Server, count: int) -> None:
    """Store so many connections to a server."""
    login = {"type": "postgresql", "username": server.user, "password": server.password}
    with LocalClient(Settings(home=home)) as client:
        for number in range(count):
            client.connections.create({**login, "host": server.host, "port": server.port, "name": f"alive {number}"})


def add_dead(home: Path, places: list[tuple[str, int]]) -> None:
    """Store a connection to each of these addresses."""
    login = {"type": "postgresql", "username": "nobody", "password": "nobody's"}
    with LocalClient(Settings(home=home)) as client:
        for number, (host, port) in enumerate(places):
            client.connections.create({**login, "host": host, "port": port, "name": f"dead {number}"})


def healthy(bench: Bench) -> Iterator[Figure]:
    """Test many connections of one PostgreSQL, all at once and one by one."""
    home = bench.home("healthy")
    with servers.postgres() as server:
        add(home, server, _HEALTHY)
        one = min(seconds(qualytics(home, "connections", "test", "alive 0")) for _ in range(_ONE_BY_ONE))
        together = seconds(qualytics(home, *_TEST))
    what, floor = f"test --all, {_HEALTHY:,} healthy", f"{_HEALTHY:,} calls, one by one"
    yield Figure(what, together, "s", one * _HEALTHY, floor, limit_ratio=0.25)


def some_dead(bench: Bench) -> Iterator[Figure]:
    """Test connections of which 300 lead to hosts that drop whatever comes, beside 700 that are well."""
    raise_descriptor_limit()
    home, well = bench.home("some-dead"), bench.home("well")
    with servers.postgres() as server, contextlib.ExitStack() as stack:
        places = [
            stack.enter_context(hosts.dropping(f"127.0.{1 + number // 200}.{1 + number % 200}"))
            for number in range(_DEAD)
        ]
        for place in (home, well):
            add(place, server, _ALIVE)
        add_dead(home, places)
        options = ("--timeout", f"{_DEADLINE_S:g}", "--parallel", str(_PARALLEL))
        cost = seconds(qualytics(well, *_TEST, *options))
        began = time.perf_counter()
        lines = qualytics(home, *_TEST, *options, code=_FAILED).run().splitlines()
        took = time.perf_counter() - began
        _require_verdicts([json.loads(line) for line in lines])
    floor = _DEAD / _PARALLEL * _DEADLINE_S + cost
    words = f"{_DEAD} / {_PARALLEL} x {_DEADLINE_S:g} s + {_ALIVE} alone"
    yield Figure(f"test --all, {_DEAD + _ALIVE:,}, {_DEAD} dead", took, "s", floor, words, limit_ratio=_MARGIN)


def _require_verdicts(results: list[dict[str, Any]]) -> None:
    """Raise RuntimeError unless each connection has one verdict, the right one."""
    expected: dict[str, str | None] = {f"alive {number}": None for number in range(_ALIVE)}
    expected |= {f"dead {number}": "timeout" for number in range(_DEAD)}
    wrong = [result for result in results if result["class"] != expected.pop(result["name"], "no second result")]
    if wrong or expected:
        raise RuntimeError(f"{len(wrong)} wrong verdicts, as {wrong[:1]}; {len(expected)} missing")


ROWS: dict[str, Callable[[Bench], Iterator[Figure]]] = {"fleet": healthy, "fleet-dead": some_dead}
