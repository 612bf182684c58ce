"""A control plane as a real process, with one user of each role; for tests, the demo and benchmarks."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qualytics import settings
from qualytics.service.accounts.passwords import Passwords
from qualytics.service.accounts.tokens import Tokens
from qualytics.service.accounts.users import Users
from qualytics.service.context import Context
from qualytics.service.rights import ADMIN, ROLES
from qualytics.settings import API_PATH
from qualytics.structs import replace
from testbed.installing import virtual_environment
from testbed.servers import START_S, _die_with_parent, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PASSWORD = "correct horse battery"
# For callers that send more than any user does, and are refused more often.
MANY = ("--requests-per-minute", "100000000", "--refusals-per-minute", "100000000")
_READY = "Started worker-"


class _Hashed(Passwords):
    """Hashes each password once, which takes a third of a second: most control planes give their users the same."""

    @functools.cache  # noqa: B019 - there is one
    def hash(self, password: str) -> str:
        """Return the hash of a password."""
        return super().hash(password)


_passwords = _Hashed()


@dataclass(frozen=True)
class Answer:
    """What was answered; names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the body as a document."""
        return json.loads(self.body)


class Api:
    """Somebody who calls the API over one connection that is kept; one for each thread."""

    def __init__(self, port: int, token: str | None, path: str = "/api") -> None:
        """Take where the control plane is, and whose token is sent."""
        self.token = token
        self._path = path
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a request, a body as JSON unless it is bytes; `If_Match="…"` is the header If-Match."""
        whole = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if body is not None:
            whole["Content-Type"] = "application/json"
        whole |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            self._http.request(method, self._path + path, content, whole)
            reply = self._http.getresponse()
            found = reply.read()
        except BaseException:
            self._http.close()
            raise
        return Answer(reply.status, {name.lower(): value for name, value in reply.getheaders()}, found)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __del__(self) -> None:
        """Close it with whoever used it: one control plane serves thousands of tests."""
        self.close()


@dataclass
class ControlPlane:
    """A control plane that runs; `tokens` has one of each role, `log` what it wrote."""

    port: int
    home: Path
    tokens: dict[str, str]
    process: subprocess.Popen[str]
    path: str = API_PATH
    log: list[str] = field(default_factory=list)
    _opened: weakref.WeakSet[Api] = field(default_factory=weakref.WeakSet)
    _reader: threading.Thread | None = None
    _written: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        """Return where it is, without the path of the API."""
        return f"http://127.0.0.1:{self.port}"

    def api(self, who: str | None = ADMIN) -> Api:
        """Return a caller: a role, None for nobody, or a token."""
        found = Api(self.port, self.tokens.get(who, who) if who else None, self.path)
        self._opened.add(found)
        return found

    def environment(self, who: str = ADMIN) -> dict[str, str]:
        """Return the variables that make a command line use it."""
        return {"QUALYTICS_URL": self.url, "QUALYTICS_TOKEN": self.tokens[who]}

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
        return [int(line) for line in found.stdout.split()]

    def memory(self) -> int:
        """Return how many bytes of memory the workers have in use."""
        lines = "".join(Path(f"/proc/{pid}/status").read_text() for pid in self.workers()).splitlines()
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))

    def line(self, part: str) -> str:
        """Return the first line of the log with a part in it, when it was written: the reply comes before it."""
        with self._written:
            if not self._written.wait_for(lambda: any(part in line for line in self.log), START_S):
                raise RuntimeError(f"no line of the log has {part!r}:\n" + "".join(self.log[-50:]))
            return next(line for line in self.log if part in line)

    def begin(self) -> None:
        """Wait until it answers; what it writes is read on as long as it runs."""
        ready = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(ready,), daemon=True)
        self._reader.start()
        if not ready.wait(START_S) or self.process.poll() is not None:
            self.stop()
            raise RuntimeError("the control plane did not start:\n" + "".join(self.log[-50:]))
        until = time.monotonic() + START_S
        while not self._is_healthy():  # a worker says that it has started a moment before it listens
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the control plane does not answer:\n" + "".join(self.log[-50:]))
            time.sleep(0.01)

    def _is_healthy(self) -> bool:
        try:
            return self.api(None)("GET", "/health").status == 204
        except ConnectionRefusedError:
            return False

    def _read(self, ready: threading.Event) -> None:
        for line in self.process.stderr or ():
            with self._written:
                self.log.append(line)
                self._written.notify_all()
            if _READY in line:
                ready.set()
        ready.set()

    def stop(self, *, at_once: bool = False) -> int:
        """Ask it to stop, wait until it has, and return its exit code."""
        for api in self._opened:
            api.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL if at_once else signal.SIGTERM)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise
        finally:
            if self._reader is not None:
                self._reader.join(10)
            if self.process.stderr is not None:
                self.process.stderr.close()


def schemathesis() -> Path:
    """Return the program that tests an API by its OpenAPI document, installed once."""
    return virtual_environment("schemathesis") / "bin" / "schemathesis"


def make_accounts(
    home: Path, environ: Mapping[str, str] | None = None, *, password: str | None = None
) -> dict[str, str]:
    """Make a store with one user of each role, named as the role in lower case; return a token of each."""
    found = settings.load({"QUALYTICS_CONFIG_HOME": str(home), **(environ or {})})
    with Context(replace(found, policy=settings.ServerPolicy())) as context:
        tokens = {}
        for role in ROLES:
            user = {"name": role.lower(), "role": role} | ({"password": password} if password else {})
            Users(context, _passwords).create(user)
            tokens[role] = Tokens(context).create("tests", 30, user=role.lower())["bearer_token"]
        return tokens


@contextlib.contextmanager
def serving(
    home: Path,
    *options: str,
    environ: Mapping[str, str] | None = None,
    tokens: Mapping[str, str] | None = None,
    password: str | None = None,
    path: str = API_PATH,
) -> Iterator[ControlPlane]:
    """Run `qualytics serve` on a free port of 127.0.0.1; targets on this machine are allowed.

    `tokens` says that the users are there already; else one of each role is made, with `password` if given. The API is
    at `path`.
    """
    tokens = make_accounts(home, environ, password=password) if tokens is None else tokens
    port = free_port()
    command = [sys.executable, "-m", "qualytics", "serve", "--listen", f"127.0.0.1:{port}"]
    command += ["--allow-target", "127.0.0.0/8", "--path", path, *options]
    env = {name: value for name, value in os.environ.items() if not name.startswith("QUALYTICS_")}
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        env={**env, "QUALYTICS_CONFIG_HOME": str(home), **(environ or {})},
        start_new_session=True,
        preexec_fn=_die_with_parent,
    )
    found = ControlPlane(port, home, dict(tokens), process, path)
    try:
        found.begin()
        yield found
    finally:
        found.stop()
