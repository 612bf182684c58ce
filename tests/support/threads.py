"""Threads that do the same again and again while a test does something to what they use."""

import threading
from abc import ABC, abstractmethod


class Threads(ABC):
    """Runs `once(number, count)` in each of some threads until the end; `done()` counts what went well."""

    def __init__(self, size):
        self._over, self._rounds = threading.Event(), threading.Semaphore(0)
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(size)]

    @abstractmethod
    def once(self, number, count): ...

    def done(self):
        self._rounds.release()

    def wait(self, rounds):
        for _ in range(rounds):
            assert self._rounds.acquire(timeout=60)

    def drain(self):
        while self._rounds.acquire(blocking=False):
            pass

    def _run(self, number):
        count = 0
        while not self._over.is_set():
            count += 1
            self.once(number, count)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exc):
        self._over.set()
        for thread in self._threads:
            thread.join()
