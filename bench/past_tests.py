"""Rows of the table on past tests: what keeping a test costs, and what showing the last hundred does."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from bench.clock import medians_ms, qualytics
from bench.rows import Bench, Figure
from qualytics.client.local import LocalClient
from qualytics.settings import Settings
from qualytics.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ROUNDS = 9
# What nobody can measure among the starts of two processes, a test's own.
_MARGIN = 1.05


def past_tests(bench: Bench) -> Iterator[Figure]:
    """Test a file whose test is kept and one whose test is not, as another path is given; show a hundred tests."""
    home = bench.home("past-tests")
    path = home.with_suffix(".sqlite")
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("create table orders (id integer)")
    settings = Settings(home=home)
    with LocalClient(settings) as client:
        client.connections.create({"type": "sqlite", "uri": str(path), "name": "files"}, test=True)
    with open_store(settings) as store, store.writing():
        (kept,) = store.past_tests.select(1)
        store.past_tests.add([(1, kept)] * 100)
    commands = {
        "kept": qualytics(home, "connections", "test", "files"),
        "not kept": qualytics(home, "connections", "test", "files", "--uri", str(path)),
        "history": qualytics(home, "connections", "history", "files"),
        "get": qualytics(home, "connections", "get", "files"),
    }
    taken = medians_ms(commands, _ROUNDS)
    yield Figure("test, kept in the history", taken["kept"], "ms", taken["not kept"], "not kept", limit_ratio=_MARGIN)
    yield Figure("history of 100 tests", taken["history"], "ms", taken["get"], "connections get", limit_ratio=1.5)


ROWS: dict[str, Callable[[Bench], Iterator[Figure]]] = {"past-tests": past_tests}
