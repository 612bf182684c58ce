"""`python -m bench.pool`: tests in a control plane's pool: one warm, 200 healthy ones, and 100 of which 90 hang."""

from __future__ import annotations

import contextlib
import statistics
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from bench import hosts
from qualytics import probe
from qualytics.probe.egress import Policy
from qualytics.probe.parent.pool import Pool
from qualytics.secret import Secret
from testbed import servers

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE, QUEUE = 128, 1_000
HEALTHY, HUNDRED, HANGING = 200, 100, 90
LOOPBACK = Policy(("127.0.0.0/8",))


@contextlib.contextmanager
def pool() -> Iterator[Pool]:
    with Pool(SIZE, QUEUE, wait_s=60.0) as found:
        yield found


def plan(port: int, user: str, password: str, timeout_s: float = 10.0) -> probe.Plan:
    values = {"host": "127.0.0.1", "port": port, "username": user, "parameters": {}}
    return probe.Plan("postgresql", values, {"password": Secret(password)}, timeout_s, policy=LOOPBACK)


def warm_ms(pool_: Pool, healthy: probe.Plan, rounds: int = 15) -> float:
    """Return the median of one test at a time, after the first."""
    took = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        _check(pool_.run(healthy, "bench"))
        took.append((time.perf_counter() - began) * 1_000)
    return statistics.median(took[1:])


def many_s(pool_: Pool, healthy: probe.Plan, number: int, threads: int) -> float:
    """Return how long a number of tests takes when as many threads as given ask for them."""
    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as askers:
        for report in askers.map(lambda _: pool_.run(healthy, "bench"), range(number)):
            _check(report)
    return time.perf_counter() - began


def good_among_hanging_s(pool_: Pool, healthy: probe.Plan, hanging: probe.Plan) -> tuple[float, float]:
    """Return when the last good test was done, and when the last hanging one was, of a hundred asked for at once."""
    ends: dict[bool, list[float]] = {True: [], False: []}
    began = time.perf_counter()

    def one(number: int) -> None:
        is_good = number % (HUNDRED // (HUNDRED - HANGING)) == HUNDRED // (HUNDRED - HANGING) - 1
        report = pool_.run(healthy if is_good else hanging, f"owner {number % 3}")
        ends[is_good].append(time.perf_counter() - began)
        if is_good:
            _check(report)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(HUNDRED)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return max(ends[True]), max(ends[False])


def _check(report: probe.TestReport) -> None:
    if report.failure is not None:
        raise RuntimeError(report.failure.message)


def main() -> int:
    with servers.postgres() as server, hosts.silent() as silent, pool() as pool_:
        healthy = plan(server.port, server.user, server.password)
        began = time.perf_counter()
        _check(pool_.run(healthy, "bench"))
        print(f"first test of a type, its driver not yet imported: {(time.perf_counter() - began) * 1_000:.0f} ms")
        print(f"one warm test, median of 15: {warm_ms(pool_, healthy):.0f} ms (target 80)")
        for threads in (4, 16, SIZE):
            took_s = many_s(pool_, healthy, HEALTHY, threads)
            print(f"{HEALTHY} healthy tests, {threads} at once: {took_s:.2f} s (target 6)")
        good, hung = good_among_hanging_s(pool_, healthy, plan(silent, "nobody", "x"))
        print(
            f"100 tests of which 90 hang: the 10 good ones done after {good:.2f} s (target 5), all after {hung:.2f} s"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
