"""The rows of the table: what each measures, against which floor, and what is to be reached."""

from __future__ import annotations

import base64
import json
import shutil
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import trustme

from bench import hosts, stores
from bench.clock import Command, medians_ms, peak_mib, python, qualytics, seconds
from qualytics.connectors.shared.google import PUBLIC
from qualytics.masking import Masking
from qualytics.secret import Secret
from testbed import servers
from testbed.installing import virtual_environment
from testbed.reach import google_key, reaching

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable, Iterator
    from pathlib import Path

_DOZEN = 12
_SECRETS = 100_000
_SIZES = (10, 10_000, 1_000_000)
_DEADLINE_S = 10.0  # the product's own default
_AT_ONCE = 4
_PSYCOPG = "import psycopg; psycopg.connect().execute('select 1').fetchall()"
_TEXT = 4_096
_STACK_TRACE = (
    "org.apache.hive.service.cli.HiveSQLException: Error while compiling statement: FAILED: SemanticException "
    "[Error 10072]: Database does not exist: 'sales' at hive.example.com:10000\n"
    "\tat org.apache.hive.service.cli.operation.Operation.toSQLException(Operation.java:335)\n"
)
_LIBRARIES = "import click, sqlite3, yaml; from cryptography.hazmat.primitives.ciphers.aead import AESGCM"


@dataclass(frozen=True)
class Figure:
    """One line of the table: a value, its floor, and the target, of which either form is enough.

    `limit` bounds the value itself, `limit_ratio` its ratio to the floor: the same target on a slower machine.
    """

    what: str
    measured: float
    unit: str
    floor: float | None = None
    floor_is: str = ""
    limit: float | None = None
    limit_ratio: float | None = None
    at_least: bool = False

    @property
    def ratio(self) -> float | None:
        """Return the measured value in floors."""
        return None if self.floor is None else self.measured / self.floor

    @property
    def reached(self) -> bool | None:
        """Say whether the target is reached; None where there is none."""
        kept = [
            value >= limit if self.at_least else value <= limit
            for value, limit in ((self.measured, self.limit), (self.ratio, self.limit_ratio))
            if value is not None and limit is not None
        ]
        return any(kept) if kept else None


class Bench:
    """What rows share: a folder of their own, and servers that are started once."""

    def __init__(self, place: Path, stack: contextlib.ExitStack) -> None:
        """Take the folder, and who ends the servers."""
        self._place = place
        self._stack = stack
        self._server: servers.Server | None = None

    def home(self, name: str) -> Path:
        """Return the config directory of that name."""
        return self._place / name

    def dozen(self) -> Path:
        """Return the config directory of a store of a dozen connections with secrets."""
        if not self.home("dozen").exists():
            stores.fill_sealed(self.home("dozen"), _DOZEN)
        return self.home("dozen")

    def on_postgres(self) -> tuple[Path, dict[str, str]]:
        """Return a store with a connection `live` to a real PostgreSQL over TLS, and libpq's variables for it."""
        home = self.home("live")
        if self._server is None:
            authority = trustme.CA()
            issued = authority.issue_cert("127.0.0.1")
            chain = (issued.cert_chain_pems, issued.private_key_pem)
            self._server = self._stack.enter_context(servers.postgres(chain))
            root = self._place / "root.pem"
            authority.cert_pem.write_to_path(str(root))
            given = ("--type", "postgresql", "--name", "live", "--host", self._server.host)
            login = ("--port", str(self._server.port), "--username", self._server.user, "--password-stdin")
            trust = ("--parameters", json.dumps({"ssl_root_cert_file": str(root)}))
            qualytics(home, "connections", "create", *given, *login, *trust).run(stdin=self._server.password.encode())
        server = self._server
        libpq = {"PGHOST": server.host, "PGPORT": str(server.port), "PGUSER": server.user}
        return home, libpq | {"PGPASSWORD": server.password, "PGDATABASE": "postgres"}


def start_help(bench: Bench) -> Iterator[Figure]:
    """Time the help of a group, which imports click and little else."""
    commands = {
        "python": python("pass"),
        "click": python("import click"),
        "--help": qualytics(bench.dozen(), "--help"),
        "connections --help": qualytics(bench.dozen(), "connections", "--help"),
    }
    taken = medians_ms(commands, 21)
    yield Figure("python -c pass", taken["python"], "ms")
    for name in ("--help", "connections --help"):
        yield Figure(name, taken[name], "ms", taken["click"], "import click", 60, 60 / 42)


def start_list(bench: Bench) -> Iterator[Figure]:
    """Time a list of a dozen connections in the embedded store."""
    words = ("connections", "list")
    commands = {
        "libraries": python(_LIBRARIES),
        "connections list": qualytics(bench.dozen(), *words),
        "connections list --format json": qualytics(bench.dozen(), *words, "--format", "json"),
    }
    taken = medians_ms(commands, 21)
    floor = taken.pop("libraries")
    for name, ms in taken.items():
        yield Figure(name, ms, "ms", floor, "import click, sqlite3, yaml, AESGCM", 90, 90 / 75)


def run_command(bench: Bench) -> Iterator[Figure]:
    """Time a command that gets a connection and ends at once, from the first byte of the program until then."""
    ran = qualytics(bench.dozen(), "run", "--id", "1", "--", "true")
    taken = medians_ms({"libraries": python(_LIBRARIES), "run": ran}, 21)
    yield Figure(
        "run -- true", taken["run"], "ms", taken["libraries"], "import click, sqlite3, yaml, AESGCM", 130, 130 / 75
    )


def complete_names(bench: Bench) -> Iterator[Figure]:
    """Time what a shell waits for when Tab asks for the names of a dozen connections."""
    asked = qualytics(bench.dozen(), "connections", "get", "")
    asked = Command(asked.words, asked.extra | {"_QUALYTICS_COMPLETE": "zsh_complete"})
    if not asked.run():
        raise RuntimeError("no name is offered")
    taken = medians_ms({"click": python("import click"), "names": asked}, 21)
    yield Figure("completion of names", taken["names"], "ms", taken["click"], "import click", 120, 120 / 42)


def live_test(bench: Bench) -> Iterator[Figure]:
    """Time a test of a live PostgreSQL, from cold: over TLS, every stage."""
    home, libpq = bench.on_postgres()
    commands = {
        "psycopg": python(_PSYCOPG, libpq),
        "test": qualytics(home, "connections", "test", "--name", "live"),
    }
    if psql := shutil.which("psql", path=f"{servers.postgres_programs()}:/usr/bin:/usr/local/bin"):
        commands["psql"] = Command((psql, "-XAtc", "select 1"), libpq)
    taken = medians_ms(commands, 15)
    yield Figure("connections test", taken["test"], "ms", taken["psycopg"], "python + psycopg", 300, 300 / 161)
    if "psql" in taken:
        yield Figure("connections test", taken["test"], "ms", taken["psql"], "psql -c 'select 1'")


def memory(bench: Bench) -> Iterator[Figure]:
    """Find the peak memory of calls; of a test, that of the larger of its two processes, which holds the driver."""
    home, libpq = bench.on_postgres()
    if not bench.home("10000").exists():
        stores.fill(bench.home("10000"), 10_000)
    floor = peak_mib(python("pass"))
    file_test = ("connections", "test", "--type", "sqlite", "--uri", str(home / "store.db"))
    calls = {
        "connections --help": qualytics(bench.dozen(), "connections", "--help"),
        "connections list": qualytics(bench.dozen(), "connections", "list"),
        "connections list of 10,000": qualytics(bench.home("10000"), "connections", "list", "--format", "json"),
        "connections test of a file": qualytics(home, *file_test),
    }
    for name, command in calls.items():
        peak = statistics.median(peak_mib(command) for _ in range(3))
        yield Figure(f"peak memory, {name}", peak, "MiB", floor, "python -c pass", 35)
    peak = peak_mib(qualytics(home, "connections", "test", "--name", "live"))
    driver = peak_mib(python(_PSYCOPG, libpq))
    yield Figure("peak memory, connections test", peak, "MiB", driver, "python + psycopg")


def dead_hosts(bench: Bench) -> Iterator[Figure]:
    """Time a test of a host that is silent or drops everything, for every type that reaches over the network."""
    kinds = [connector.type for connector in stores.networked()]
    # A few at once: they wait, but each of them starts two processes and loads a driver.
    with hosts.silent() as silent, hosts.dropping() as (_, dropped), ThreadPoolExecutor(_AT_ONCE) as pool:
        ports = {"silent": silent, "dropped": dropped}
        taken = {
            (kind, name): pool.submit(_dead, bench, kind, name, port) for kind in kinds for name, port in ports.items()
        }
        for (kind, name), result in taken.items():
            yield Figure(f"{kind}, {name} host", result.result(), "s", _DEADLINE_S, "own deadline", _DEADLINE_S + 1)


def _dead(bench: Bench, kind: str, name: str, port: int) -> float:
    words = ["connections", "test", "--format", "json"]
    given = reaching(kind, port) | ({"password": google_key()} if kind == "bigquery" else {})
    for option, value in given.items():
        text = json.dumps(value) if isinstance(value, dict) else str(value)
        words += [f"--{option.replace('_', '-')}", text]
    command = qualytics(bench.home("dead"), *words, code=6)
    if name == "silent" and kind in hosts.LOGINS:  # its token's issuer is silent, too
        told = json.loads(replace(command, words=hosts.cut_off(port, *command.words)).run())
        report, taken = told["report"], told["seconds"]
    else:
        began = time.perf_counter()
        report = json.loads(command.run())
        taken = time.perf_counter() - began
    if report["class"] != "timeout":
        raise RuntimeError(f"{kind} met a {name} host, but ended {report['stage']} {report['class']}")
    return taken


def rotation(bench: Bench) -> Iterator[Figure]:
    """Time the rotation of the key of a hundred thousand secrets."""
    home = bench.home("sealed")
    stores.fill_sealed(home, _SECRETS)
    floor = stores.cipher_floor_s(_SECRETS)
    taken = statistics.median(seconds(qualytics(home, "keys", "rotate")) for _ in range(3))
    yield Figure(f"keys rotate, {_SECRETS:,} secrets", taken, "s", floor, "AES-GCM alone", 30)


def growth(bench: Bench) -> Iterator[Figure]:
    """Time reading from stores of ten to a million connections."""
    for size in _SIZES:
        if not bench.home(str(size)).exists():
            stores.fill(bench.home(str(size)), size)
    last = {size: f"Connection {size:07d}" for size in _SIZES}
    words = {
        "get --name": lambda size: ("connections", "get", "--name", last[size]),
        "list --limit 100": lambda _size: ("connections", "list", "--limit", "100", "--format", "json"),
    }
    commands = {
        (name, size): qualytics(bench.home(str(size)), *make(size)) for name, make in words.items() for size in _SIZES
    }
    taken = medians_ms(commands, 15)
    for (name, size), ms in taken.items():
        if size != _SIZES[0]:
            floor = taken[name, _SIZES[0]]
            yield Figure(f"{name} of {size:,}", ms, "ms", floor, f"of {_SIZES[0]}", limit_ratio=1.5)


def published(bench: Bench) -> Iterator[Figure]:
    """Time the published client beside ours: its list asks a stub on this machine, ours reads its store."""
    other = str(virtual_environment("qualytics-cli") / "bin" / "qualytics")
    listing = qualytics(bench.dozen(), "connections", "list", "--format", "json")
    with hosts.connections_api(json.loads(listing.run())) as port:
        claims = [base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg":"HS256"}', b"{}", b"none")]
        extra = {"QUALYTICS_URL": f"http://127.0.0.1:{port}", "QUALYTICS_TOKEN": ".".join(claims)}
        extra["QUALYTICS_CONFIG_HOME"] = str(bench.home("published"))
        commands = {
            "--help": qualytics(bench.dozen(), "--help"),
            "connections list": listing,
            "published --help": Command((other, "--help"), extra),
            "published connections list": Command((other, "connections", "list", "--format", "json"), extra),
        }
        taken = medians_ms(commands, 7)
    for name in ("--help", "connections list"):
        theirs = taken[f"published {name}"]
        yield Figure(
            f"qualytics-cli 1.2.2 {name}", theirs, "ms", taken[name], f"our {name}", limit_ratio=15, at_least=True
        )


def masking(_bench: Bench) -> Iterator[Figure]:
    """Take the processor time of the first look for a key in words of a server, with and without a part of it."""
    key = google_key(4_608)
    text = (_STACK_TRACE * 40)[:_TEXT]
    for what, said in (("without", text), ("with", text[:-100] + key[2_000:2_100])):
        taken = []
        for _ in range(101):
            began = time.thread_time()
            Masking([Secret(key)], public=PUBLIC, given=["reader", "hive.example.com"]).mask(said)
            taken.append(time.thread_time() - began)
        name = f"mask {_TEXT:,} characters by a key of {len(key):,}, {what} a part of it"
        yield Figure(name, statistics.median(taken) * 1_000, "ms", limit=2)


ROWS: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "help": start_help,
    "list": start_list,
    "complete": complete_names,
    "run": run_command,
    "test": live_test,
    "memory": memory,
    "mask": masking,
    "growth": growth,
    "rotate": rotation,
    "dead": dead_hosts,
    "published": published,
}
