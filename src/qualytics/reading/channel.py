"""A bounded queue of batches between the threads that receive them and the one that takes them."""

from __future__ import annotations

import threading
from collections import deque
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
    """Holds at most `size` items: who puts one more waits, which stops the source through the pipe before it."""

    def __init__(self, size: int, turns: Turns | None = None) -> None:
        self._size, self._turns = size, turns
        self._items: deque[T] = deque()
        self._producers = 0
        self._is_closed = False
        self._changed = threading.Condition()

    def add_producer(self) -> None:
        """Expect one more thread that puts items, and says when it has ended."""
        with self._changed:
            self._producers += 1

    def producer_ended(self) -> None:
        """Note that a thread puts no more."""
        with self._changed:
            self._producers -= 1
            self._changed.notify_all()

    def put(self, item: T, partition: int = 0, rows: int = 0) -> bool:
        """Put an item when there is room and it is its turn; return False, without it, when the channel is closed."""
        turns = self._turns
        with self._changed:
            self._changed.wait_for(
                lambda: (
                    self._is_closed
                    or (len(self._items) < self._size and (turns is None or turns.is_turn_of(partition)))
                )
            )
            if self._is_closed:
                return False
            self._items.append(item)
            if turns is not None:
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
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._items or not self._producers)
            if self._is_closed or not self._items:
                return None
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Take and give no more; whoever waits goes on."""
        with self._changed:
            self._is_closed = True
            self._items.clear()
            self._changed.notify_all()
