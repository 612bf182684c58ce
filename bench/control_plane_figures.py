"""Figures of a control plane: beside FastAPI, at a million connections, from the command line, and while it tests."""

from __future__ import annotations

import contextlib
import json
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trustme

from bench import hosts, stores
from bench.clock import Command, medians_ms, python, qualytics
from bench.control_plane import CLIENTS, Load, Running, control_plane, token, twin, wrk
from bench.rows import Bench, Figure
from qualytics.settings import Settings
from qualytics.store.schema import MIGRATIONS
from testbed import servers
from testbed.cache import kept, place_of
from testbed.control_plane import Api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_THOUSAND, _MILLION = 1_000, 1_000_000
_TYPES = ("postgresql", "mysql", "snowflake", "sqlserver")
_ROUNDS, _SECONDS = 3, 4.0
_HEALTHY, _HUNDRED, _HANGING = 200, 100, 90
_HANG_S = 30.0
_REQUESTS = 100_000
_LOOPBACK = ("--allow-target", "127.0.0.0/8")
_LIBRARIES = "import click, http.client, ssl"


class Plane:
    """A control plane with an Admin, for the length of a row."""

    def __init__(self, running: Running, bearer: str) -> None:
        """Take what runs, and the Admin's token."""
        self.running = running
        self.bearer = bearer

    def load(self, path: str, seconds: float = _SECONDS, clients: int = CLIENTS) -> Load:
        """Ask for one address as fast as answers come."""
        return _checked(wrk(self.running.url + path, self.bearer, seconds, clients))

    def api(self) -> Api:
        """Return a caller, for one thread."""
        return Api(int(self.running.url.rpartition(":")[2]), self.bearer)

    def resident_mib(self) -> float:
        """Return the memory that its one worker holds now."""
        (worker,) = self.running.workers()
        status = Path(f"/proc/{worker}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1_024


@contextlib.contextmanager
def plane_of(bench: Bench, home: Path, *options: str, bearer: str | None = None) -> Iterator[Plane]:
    """Run a control plane on a store for the length of a row, with the token given or a new one."""
    bearer = bearer or token(Settings(home))
    with control_plane(home, bench.home("plane.log"), *options) as running:
        yield Plane(running, bearer)


def beside_fastapi(bench: Bench) -> Iterator[Figure]:
    """Count answers of a list of 100 and of one connection, beside FastAPI on the same store and token check."""
    home = bench.home("thousand")
    stores.fill_sealed(home, _THOUSAND)
    with plane_of(bench, home) as plane, twin(home, bench.home("twin.log")) as other:
        for what, path, least in (
            ("list of 100", "/api/connections?size=100", 2.0),
            ("get by id", "/api/connections/7", 1.5),
        ):
            ours, theirs = list[Load](), list[Load]()
            for _ in range(_ROUNDS + 1):  # the first round does not count
                ours.append(plane.load(path))
                theirs.append(_checked(wrk(other.url + path, plane.bearer, _SECONDS)))
            rates = [statistics.median(load.requests_s for load in loads[1:]) for loads in (ours, theirs)]
            yield Figure(
                f"API, {what}", rates[0], "/s", rates[1], "FastAPI + pydantic", limit_ratio=least, at_least=True
            )


def of_a_million(_bench: Bench) -> Iterator[Figure]:
    """Time the lists and look-ups of a store of a million connections, with 64 clients; beside one of a thousand."""
    pages = {
        "list page 1": "/api/connections?size=100",
        "list by type": "/api/connections?size=100&type=mysql",
        "get by name": "/api/connections?name_exact=Connection%200000777",
    }
    seen = {}
    for count in (_THOUSAND, _MILLION):
        home, bearer = stored(count)
        with plane_of(_bench, home, bearer=bearer) as plane:
            for what, path in pages.items():
                plane.load(path, 1)
                seen[count, what] = plane.load(path)
    for what in pages:
        small, large = seen[_THOUSAND, what], seen[_MILLION, what]
        yield Figure(f"{_MILLION:,} stored, {what}, p50", large.p50_ms, "ms", small.p50_ms, f"of {_THOUSAND:,}")
        yield Figure(f"{_MILLION:,} stored, {what}, p99", large.p99_ms, "ms", small.p99_ms, f"of {_THOUSAND:,}")


def stored(count: int) -> tuple[Path, str]:
    """Return the home of a store of so many connections, and the token of an Admin there."""
    # A million take a while to make, so they are kept outside the tree.
    home = kept(place_of(f"bench-connections-{count}", *MIGRATIONS, *_TYPES), lambda home, _: _store(home, count))
    return home, (home / "bearer").read_text()


def _store(home: Path, count: int) -> None:
    home.chmod(0o700)
    stores.fill(home, count, _TYPES)
    bearer = home / "bearer"
    bearer.touch(0o600)
    bearer.write_text(token(Settings(home)))


def from_the_command_line(bench: Bench) -> Iterator[Figure]:
    """Time the list of a dozen connections from a control plane, as a command."""
    home = bench.home("remote")
    stores.fill_sealed(home, 12)
    with plane_of(bench, home) as plane:
        extra = {"QUALYTICS_URL": plane.running.url, "QUALYTICS_TOKEN": plane.bearer}
        listing = qualytics(bench.home("client"), "connections", "list")
        commands = {"libraries": python(_LIBRARIES), "list": Command(listing.words, listing.extra | extra)}
        taken = medians_ms(commands, 21)
    yield Figure("connections list, remote", taken["list"], "ms", taken["libraries"], _LIBRARIES, 100, 100 / 62)


def while_it_tests(bench: Bench) -> Iterator[Figure]:
    """Time tests inside a control plane: one warm, 200 healthy, 100 of which 90 hang, and reads meanwhile."""
    home = bench.home("testing")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    trust = {"ssl_root_cert": authority.cert_pem.bytes().decode()}
    postgres = servers.postgres((issued.cert_chain_pems, issued.private_key_pem))
    with hosts.silent() as silent, postgres as server, plane_of(bench, home, *_LOOPBACK) as plane:
        good = _connection(plane, "good", server.port, server.user, server.password, trust)
        hanging = _connection(plane, "hanging", silent, "nobody", "x", {})
        warm = _seconds_each(lambda api: _test(api, good), plane, 16, threads=1)
        yield Figure("test in a control plane, warm", statistics.median(warm[1:]) * 1_000, "ms", limit=80)
        began = time.perf_counter()
        _seconds_each(lambda api: _test(api, good), plane, _HEALTHY, threads=16)
        yield Figure(f"{_HEALTHY} healthy tests", time.perf_counter() - began, "s", limit=6)
        path = f"/api/connections/{good}"
        idle = [plane.load(path) for _ in range(_ROUNDS)]
        with _hanging(plane, hanging):
            began = time.perf_counter()
            _seconds_each(lambda api: _test(api, good), plane, _HUNDRED - _HANGING, threads=_HUNDRED - _HANGING)
            taken = time.perf_counter() - began
            busy = [plane.load(path) for _ in range(_ROUNDS)]
        yield Figure(f"{_HUNDRED} tests of which {_HANGING} hang: the good ones", taken, "s", limit=5)
        p99s = [statistics.median(load.p99_ms for load in loads) for loads in (busy, idle)]
        what = f"get by id while {_HANGING} tests hang, p99"
        yield Figure(what, p99s[0], "ms", p99s[1], "nothing runs", limit_ratio=2)


@contextlib.contextmanager
def _hanging(plane: Plane, connection_id: int) -> Iterator[None]:
    def hang() -> None:
        answer = plane.api()("POST", f"/connections/{connection_id}/test?timeout_s={_HANG_S:g}")
        if answer.json.get("class") != "timeout":
            raise RuntimeError(f"a test that should hang has ended: {answer.body!r}")

    threads = [threading.Thread(target=hang) for _ in range(_HANGING)]
    for thread in threads:
        thread.start()
    api, until = plane.api(), time.monotonic() + _HANG_S
    while (running := _running(api)) < _HANGING:
        if time.monotonic() > until:
            raise RuntimeError(f"only {running} tests run")
        time.sleep(0.1)
    yield
    for thread in threads:
        thread.join()


def _running(api: Api) -> float:
    lines = api("GET", "/metrics").body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("qualytics_tests_running"))


def memory_of_a_worker(bench: Bench) -> Iterator[Figure]:
    """Find what a worker holds after a tenth of a hundred thousand requests, and after all."""
    home = bench.home("memory")
    stores.fill_sealed(home, _THOUSAND)
    with plane_of(bench, home) as plane:
        done = 0
        early = 0.0
        while done < _REQUESTS:
            for path in ("/api/connections/7", "/api/connections?size=100"):
                done += plane.load(path, 2).requests
            if not early and done >= _REQUESTS / 10:
                early = plane.resident_mib()
        late = plane.resident_mib()
    what = f"memory of a worker after {_REQUESTS:,} requests"
    yield Figure(what, late, "MiB", early, f"after {_REQUESTS // 10:,}", limit_ratio=1.05)


def _connection(plane: Plane, name: str, port: int, user: str, password: str, parameters: dict[str, Any]) -> int:
    given = {"type": "postgresql", "name": name, "host": "127.0.0.1", "port": port, "parameters": parameters}
    answer = plane.api()("POST", "/connections", given | {"username": user, "password": password})
    return int(json.loads(answer.body)["id"])


def _test(api: Api, connection_id: int) -> None:
    report: dict[str, Any] = api("POST", f"/connections/{connection_id}/test").json
    if not report["connected"]:
        raise RuntimeError(str(report))


def _seconds_each(work: Callable[[Api], None], plane: Plane, number: int, threads: int) -> list[float]:
    own = threading.local()

    def one(_: int) -> float:
        if not hasattr(own, "api"):
            own.api = plane.api()
        began = time.perf_counter()
        work(own.api)
        return time.perf_counter() - began

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(number)))


def _checked(load: Load) -> Load:
    if load.failed:
        raise RuntimeError(f"{load.failed} of {load.requests} requests have failed")
    return load


ROWS: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "plane": beside_fastapi,
    "million": of_a_million,
    "remote": from_the_command_line,
    "testing": while_it_tests,
    "worker": memory_of_a_worker,
}
