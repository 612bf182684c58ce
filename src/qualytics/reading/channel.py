"""A bounded queue of batches between the threads that receive them and the one that takes them."""

from __future__ import annotations

import contextlib
import threading
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns:
    """Whose turn it is, of partitions that are numbered from 0: the first of which not all rows have come."""

    def __init__(self) -> None:
        self._turn = 0
        self._came: dict[int, int] = {}
        self._rows: dict[int, int] = {}

    def is_turn_of(self, partition: int) -> bool:
        """Say whether all partitions before this one have come whole."""
        return partition == self._turn

    def add(self, partition: int, rows: int) -> None:
        """Note that so many rows of a partition have come."""
        self._came[partition] = self._came.get(partition, 0) + rows
        self._go_on()

    def end(self, partition: int, rows: int) -> None:
        """Note how many rows a partition has in all."""
        self._rows[partition] = rows
        self._go_on()

    def _go_on(self) -> None:
        while self._rows.get(self._turn) == self._came.get(self._turn, 0):
            self._turn += 1


class Channel(Generic[T]):
    """Holds at most `size` items: who puts one more waits, which stops the source through the pipe before it.

    Ctrl-C, or what else a signal raises, may break off `get` at any moment. A condition of `threading` would then be
    held for ever, and all wait who put; a queue in C is taken from, or is not.
    """

    def __init__(self, size: int, turns: Turns | None = None) -> None:
        self._turns = turns
        self._items: SimpleQueue[T | _End] = SimpleQueue()
        self._room: SimpleQueue[None] = SimpleQueue()  # as many as there is room for
        for _ in range(size):
            self._room.put(None)
        self._producers = 0
        self._is_closed = False
        self._changed = threading.Condition()  # of those who put

    def add_producer(self) -> None:
        """Expect one more thread that puts items, and says when it has ended."""
        with self._changed:
            self._producers += 1

    def producer_ended(self) -> None:
        """Note that a thread puts no more."""
        with self._changed:
            self._producers -= 1
            if not self._producers:
                self._items.put(_END)

    def put(self, item: T, partition: int = 0, rows: int = 0) -> bool:
        """Put an item when it is its turn and there is room; return False, without it, when the channel is closed."""
        turns = self._turns
        if turns is not None:
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed or turns.is_turn_of(partition))
        self._room.get()
        if self._is_closed:
            self._room.put(None)  # for the next one that waits
            return False
        self._items.put(item)
        if turns is not None:
            with self._changed:
                turns.add(partition, rows)
                self._changed.notify_all()
        return True

    def partition_ended(self, partition: int, rows: int) -> None:
        """Note how many rows a partition has in all: behind them it is the turn of the next one."""
        with self._changed:
            if self._turns is not None:
                self._turns.end(partition, rows)
            self._changed.notify_all()

    def get(self) -> T | None:
        """Return the next item; None when there will be no more."""
        item = self._items.get()
        if self._is_closed or isinstance(item, _End):
            self._items.put(_END)  # for whoever else takes
            return None
        self._room.put(None)
        return item

    def close(self) -> None:
        """Take and give no more; whoever waits goes on."""
        self._is_closed = True
        with contextlib.suppress(Empty):
            while True:
                self._items.get_nowait()
        self._items.put(_END)
        self._room.put(None)
        with self._changed:
            self._changed.notify_all()


class _End:
    """Stands behind the last item."""


_END = _End()
