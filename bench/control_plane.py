"""A control plane, its yardstick and what asks both, for benchmarks."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qualytics.service.accounts.tokens import Tokens
from qualytics.service.accounts.users import Users
from qualytics.service.context import Context
from qualytics.settings import ServerPolicy, Settings
from testbed import servers
from testbed.installing import install_debian, virtual_environment
from testbed.needs import program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

CLIENTS = 64
_START_S = 60.0
_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1_000.0, "m": 60_000.0}


@dataclass(frozen=True)
class Running:
    """A process that answers at `url`."""

    url: str
    process: subprocess.Popen[bytes]

    def answers(self, path: str = "/api/health") -> bool:
        """Say whether it answers."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5):
                return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False

    def workers(self) -> list[int]:
        """Return the process ids of its workers."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        return [int(line) for line in found.stdout.split()]


@dataclass(frozen=True)
class Load:
    """What `wrk` has seen: requests a second, and times in milliseconds."""

    requests_s: float
    p50_ms: float
    p99_ms: float
    requests: int
    failed: int


@contextlib.contextmanager
def running(words: Sequence[str], extra: Mapping[str, str], port: int, log: Path) -> Iterator[Running]:
    """Run a server until the context ends; its output goes to a file."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("QUALYTICS_", "PYTHON"))}
    with log.open("wb") as out:
        process = subprocess.Popen(
            words,
            env=env | dict(extra),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        found = Running(f"http://127.0.0.1:{port}", process)
        try:
            until = time.monotonic() + _START_S
            while not found.answers():
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"{words[0]} does not answer:\n{log.read_text()}")
                time.sleep(0.1)
            yield found
        finally:
            if not servers.end(process):
                print(f"{' '.join(words[:3])} did not end when it was asked to, and was killed", file=sys.stderr)


@contextlib.contextmanager
def control_plane(home: Path, log: Path, *options: str, extra: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Run a control plane on the embedded store in `home`, or where `extra` says."""
    port = servers.free_port()
    words = (sys.executable, "-m", "qualytics", "serve", "--listen", f"127.0.0.1:{port}")
    many = {
        "PYTHONPATH": str(servers.ROOT / "src"),
        "QUALYTICS_CONFIG_HOME": str(home),
        "QUALYTICS_REQUESTS_PER_MINUTE": "1000000000",
    }
    with running((*words, *options), many | dict(extra or {}), port, log) as found:
        yield found


def twin_python() -> Path:
    """Return the interpreter of the yardstick's own environment, installed when it is missing."""
    return virtual_environment("bench-twin") / "bin" / "python"


@contextlib.contextmanager
def twin(home: Path, log: Path) -> Iterator[Running]:
    """Run the yardstick on the embedded store in `home`."""
    port = servers.free_port()
    words = (str(twin_python()), "-m", "granian", "--interface", "asgi", "--port", str(port))
    # As in server/running.py: its worker may not end while a client keeps its connection.
    options = ("--workers-kill-timeout", "5", "bench.twin:app")
    places = {"PYTHONPATH": f"{servers.ROOT / 'src'}:{servers.ROOT}", "QUALYTICS_CONFIG_HOME": str(home)}
    with running((*words, *options), places, port, log) as found:
        yield found


def token(settings: Settings, name: str = "bench", role: str = "Admin") -> str:
    """Make a user in a store and return a token of theirs."""
    with Context(settings_of_plane(settings)) as context:
        user = Users(context).create({"name": name, "role": role})
        return str(Tokens(context).create("bench", user=user["id"])["bearer_token"])


def settings_of_plane(settings: Settings) -> Settings:
    """Return settings with which the service acts as a control plane's."""
    return Settings(settings.home, policy=ServerPolicy(), store_url=settings.store_url)


def wrk(url: str, bearer: str, seconds: float = 5, clients: int = CLIENTS) -> Load:
    """Ask for `url` as fast as answers come, with so many clients at once."""
    words = (wrk_program(), "-t1", f"-c{clients}", f"-d{seconds:g}s", "--latency", "--timeout", "30s")
    said = subprocess.run(
        [*words, "-H", f"Authorization: Bearer {bearer}", url], check=True, capture_output=True, text=True
    ).stdout
    return read_wrk(said)


def read_wrk(said: str) -> Load:
    """Return what the output of `wrk` says."""
    requests = re.search(r"(\d+) requests in", said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    if not requests or not rate:
        raise RuntimeError(f"wrk has said:\n{said}")
    bad = sum(int(number) for number in re.findall(r"Non-2xx or 3xx responses: (\d+)", said))
    for counts in re.findall(r"Socket errors: (.*)", said):
        bad += sum(int(number) for number in re.findall(r"\d+", counts))
    return Load(float(rate[1]), _percentile(said, "50%"), _percentile(said, "99%"), int(requests[1]), bad)


def wrk_program() -> str:
    """Return the path of `wrk`, installed when it is missing."""
    install_debian("wrk")
    return program("wrk") or "wrk"


def _percentile(said: str, name: str) -> float:
    # wrk fills a unit of one letter up with a space.
    found = re.search(rf"^ +{name} +([\d.]+)(us|ms|s|m) *$", said, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"wrk has not said its {name}:\n{said}")
    return float(found[1]) * _MILLISECONDS[found[2]]
