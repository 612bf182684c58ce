"""A bounded queue of batches between the threads that receive them and the one that takes them."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Channel(Generic[T]):
    """Holds at most `size` items: who puts one more waits, which stops the source through the pipe before it."""

    def __init__(self, size: int) -> None:
        self._size = size
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

    def put(self, item: T) -> bool:
        """Put an item when there is room; return False, without it, when the channel is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or len(self._items) < self._size)
            if self._is_closed:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

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
