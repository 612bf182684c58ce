"""Templates, seen from the program that tests: one process per driver, started at first use and kept."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from qualytics.connectors import get
from qualytics.probe.parent.launch import command, environment
from qualytics.settings import TEST_CLOSE_S

if TYPE_CHECKING:
    from qualytics.connectors import Connector

_BOOT = (
    "import sys; sys.path[:] = sys.argv[3:]; "
    "from qualytics.probe.child.zygote import main; main(sys.argv[1], int(sys.argv[2]))"
)
# How long a driver's import may take, and a fork.
_IMPORT_S = 30.0
_FORK_S = 5.0
_TRIES = 3
_MAX_ANSWER_BYTES = 4_096
_FRESH = ""  # the template without a driver, which starts fresh interpreters


class Lost(OSError):
    """A template died, hangs, or was ended to make room for another."""


class Unfit(Exception):
    """A driver cannot be imported beforehand, or what imported it cannot be forked."""


class Forked:
    """A child of a template; the descriptor of its process stays true when its number is given to another."""

    def __init__(self, pid: int, process: int, stdin: int, stdout: int) -> None:
        self.stdin, self.stdout = stdin, stdout
        self._pid, self._process = pid, process

    def end(self) -> None:
        """Have the child end whatever it started, and itself; kill its process group if it cannot."""
        os.close(self.stdin)
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, signal.SIGCONT)  # who was stopped cleans up, too
        poll = select.poll()
        poll.register(self._process, select.POLLIN)
        if not poll.poll(TEST_CLOSE_S * 1_000):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)
            poll.poll()
        os.close(self.stdout)
        os.close(self._process)


class Template:
    """One process that forks children; one caller at a time speaks with it."""

    def __init__(self, type_: str, niceness: int) -> None:
        """Start the process; it imports the driver of this type while we go on."""
        self._lock = threading.Lock()
        self._problem: str | None = None
        self._is_ready = False
        home = tempfile.mkdtemp(prefix="qualytics-template-")  # which it removes itself
        self._socket, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with its:
                self._process = subprocess.Popen(  # noqa: S603 - our own interpreter with our own code
                    command(_BOOT, type_, str(niceness)),
                    stdin=its.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd=home,
                    env=environment(home),
                    start_new_session=True,
                )
        except OSError:
            self._socket.close()
            shutil.rmtree(home, ignore_errors=True)
            raise
        self._home = home

    def fork(self, directory: str) -> Forked:
        """Have it fork a child whose home is this directory.

        Raises:
            Unfit: its driver makes it unfit for that.
            Lost: it has ended or does not answer.
            OSError: there is no room for another process.

        """
        with self._lock, contextlib.ExitStack() as pipes:
            self._await_import()
            in_, stdin = _pipe(pipes)
            stdout, out = _pipe(pipes)
            try:
                self._socket.settimeout(_FORK_S)
                socket.send_fds(self._socket, [json.dumps({"directory": directory}).encode()], [in_, out])
                line, found, _, _ = socket.recv_fds(self._socket, _MAX_ANSWER_BYTES, 1)
            except OSError as exc:
                raise Lost(f"no answer: {exc}") from exc
            answer = json.loads(line) if line else {}
            if "problem" in answer:
                raise OSError(answer["problem"])
            if not found:
                raise Lost("it has ended")
            pipes.pop_all()
            os.close(in_)
            os.close(out)
            return Forked(answer["pid"], found[0], stdin, stdout)

    def _await_import(self) -> None:
        if not self._is_ready:
            try:
                self._socket.settimeout(_IMPORT_S)
                line = self._socket.recv(_MAX_ANSWER_BYTES)
            except OSError as exc:
                raise Lost(f"no answer: {exc}") from exc
            if not line:
                raise Lost("it has ended")
            self._problem, self._is_ready = json.loads(line)["problem"], True
        if self._problem is not None:
            raise Unfit(self._problem)

    def leave(self) -> None:
        """Take no more requests; the process ends with its last child, and at once if it still imports."""
        with contextlib.suppress(OSError):  # it has ended already
            self._socket.shutdown(socket.SHUT_RDWR)  # unlike closing, this wakes whoever waits for an answer

    def has_ended(self) -> bool:
        """Say whether the process is gone, and clean up behind it if so."""
        if self._process.poll() is None:
            return False
        with self._lock:
            self._socket.close()
        shutil.rmtree(self._home, ignore_errors=True)  # where it was killed before it could
        return True

    def kill(self) -> None:
        """End the process now and wait for its end; its children go on, and end by themselves."""
        self.leave()
        self._process.kill()
        self._process.wait()
        self.has_ended()


def _pipe(stack: contextlib.ExitStack) -> tuple[int, int]:
    ends = os.pipe()
    for end in ends:
        stack.callback(os.close, end)
    return ends


class Templates:
    """All templates, at most `limit` of drivers at once: the one that was used longest ago makes room."""

    def __init__(self, niceness: int, limit: int) -> None:
        """Start nothing yet."""
        self._niceness, self._limit = niceness, limit
        self._lock = threading.Lock()
        self._templates: OrderedDict[str, Template] = OrderedDict()
        self._leaving: list[Template] = []
        self._unfit: dict[str, str] = {}
        self._is_stopped = False

    def start(self, type_: str, directory: str) -> Forked:
        """Start a child for a test of this type.

        Raises:
            OSError: there is no room for another process.

        """
        connector = get(type_)
        driver = connector.driver
        if driver is not None and connector.forks and driver not in self._unfit:
            # Where an import fails, crashes or hangs, a test of its own will say how.
            with contextlib.suppress(Unfit, Lost):
                return self._fork(driver, connector, directory)
        return self._fork(_FRESH, None, directory)

    def _fork(self, key: str, connector: Connector | None, directory: str) -> Forked:
        lost = Lost("no process to fork")
        for _ in range(_TRIES):
            template = self._template(key, connector)
            try:
                return template.fork(directory)
            except Lost as exc:
                lost = exc
                self._forget(key, template)
            except Unfit as exc:
                self._unfit[key] = str(exc)
                self._forget(key, template)
                raise
        raise lost

    def _template(self, key: str, connector: Connector | None) -> Template:
        with self._lock:
            if self._is_stopped:
                raise OSError("no more tests are taken")
            self._leaving = [one for one in self._leaving if not one.has_ended()]
            if key not in self._templates:
                self._templates[key] = Template(connector.type if connector else "", self._niceness)
            self._templates.move_to_end(key)
            drivers = [name for name in self._templates if name != _FRESH]
            if len(drivers) > self._limit:
                self._leave(drivers[0])
            return self._templates[key]

    def _leave(self, key: str) -> None:
        template = self._templates.pop(key)
        template.leave()
        self._leaving.append(template)

    def _forget(self, key: str, template: Template) -> None:
        """End a template that is lost or of no use, unless somebody else has done so before."""
        with self._lock:
            if self._templates.get(key) is template:
                self._templates.pop(key).kill()

    def stop(self) -> None:
        """Start no more children; nobody waits for an import any more."""
        with self._lock:
            self._is_stopped = True
            for key in list(self._templates):
                self._leave(key)

    def close(self) -> None:
        """End all templates, once no child runs any more."""
        self.stop()
        with self._lock:
            for template in self._leaving:
                template.kill()
            self._leaving = []
