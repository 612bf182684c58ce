"""Counts for Prometheus: requests, tests by type, class and time, the pool and the store."""

from __future__ import annotations

import os
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from qualytics.server.config import SHARED

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Metrics:
    """The counts of one worker."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._seen: dict[tuple[int, str, int], tuple[Counter, Histogram]] = {}
        labels = ["method", "route", "status"]
        self._requests = Counter("qualytics_requests", "Requests answered", labels, registry=self._registry)
        self._seconds = Histogram("qualytics_request_seconds", "Time to answer", ["route"], registry=self._registry)
        self._tests = Counter("qualytics_tests", "Tests by type and class", ["type", "class"], registry=self._registry)
        self._test_seconds = Histogram("qualytics_test_seconds", "Time of a test", ["type"], registry=self._registry)
        leases = "Time until the store was there for a request"
        self._leases = Histogram("qualytics_store_lease_seconds", leases, registry=self._registry)
        self._running = Gauge(
            "qualytics_tests_running", "Tests that run now", registry=self._registry, multiprocess_mode="livesum"
        )
        self._waiting = Gauge(
            "qualytics_tests_waiting",
            "Tests that wait for their turn",
            registry=self._registry,
            multiprocess_mode="livesum",
        )

    def saw_pool(self, running: int, waiting: int) -> None:
        """Note how many tests run and wait now."""
        self._running.set(running)
        self._waiting.set(waiting)

    def saw_lease(self, seconds: float) -> None:
        """Count a lease of the store, and how long it was waited for."""
        self._leases.observe(seconds)

    def saw_request(self, scope: Any, status: int, seconds: float) -> None:
        """Count a request; the route is the template of its path, so that ids make no series of their own."""
        handler = scope.get("route_handler")
        method = scope["method"] if scope["method"] in _METHODS else "other"  # anybody can make up words
        key = (id(handler), method, status)  # handlers last as long as the worker
        counters = self._seen.get(key)
        if counters is None:
            counters = self._seen[key] = self._counted(handler, method, status)
        count, time_taken = counters
        count.inc()
        time_taken.observe(seconds)

    def _counted(self, handler: Any, method: str, status: int) -> tuple[Counter, Histogram]:
        route = getattr(handler, "paths", None)
        name = min(route) if route else "none"
        return self._requests.labels(method, name, str(status)), self._seconds.labels(name)

    def saw_test(self, connector_type: str, failure_class: str | None, seconds: float) -> None:
        """Count a test that ended."""
        self._tests.labels(connector_type, failure_class or "connected").inc()
        self._test_seconds.labels(connector_type).observe(seconds)

    def text(self) -> bytes:
        """Return the counts of all workers in the text format of Prometheus."""
        if SHARED not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
