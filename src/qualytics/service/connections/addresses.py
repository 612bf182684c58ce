"""The addresses of the servers of a run: two names of one server count as one there."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late

# How long a test waits for the look-up of its server; then the name counts by itself.
_WAIT_S = 1.0
# Look-ups at once, with those that nobody waits for any more: a resolver that is gone may hold each for half a minute.
_MAX_AT_ONCE = 128


class Addresses:
    """Looks each server up once, in a thread of its own; may be asked by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free = threading.Semaphore(_MAX_AT_ONCE)
        self._futures: dict[str, Future[tuple[str, ...]]] = {}

    def of(self, server: str) -> tuple[str, ...]:
        """Return the addresses of a server as `host:port`, each with the port; else the server itself.

        A name is looked up and no more: whether a test may reach what it leads to is checked where it connects.
        """
        host, _, port = server.rpartition(":")
        if not port.isdecimal() or not self._is_begun(server, host, port):
            return (server,)
        try:
            return self._futures[server].result(_WAIT_S) or (server,)
        except Late:
            return (server,)

    def _is_begun(self, server: str, host: str, port: str) -> bool:
        with self._lock:
            if server not in self._futures:
                if not self._free.acquire(blocking=False):
                    return False
                future = self._futures[server] = Future()
                look_up = threading.Thread(target=self._look_up, args=(future, host, port), daemon=True)
                look_up.start()
        return True

    def _look_up(self, future: Future[tuple[str, ...]], host: str, port: str) -> None:
        try:
            from qualytics.probe.egress import addresses, is_name

            found = addresses(host) if is_name(host) else ()
            future.set_result(tuple(sorted({f"{address}:{port}" for address in found})))
        finally:
            self._free.release()
