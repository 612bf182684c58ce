"""Zygotes, seen from the program that tests: one process per driver, started at first use and kept."""

from __future__ import annotations

import contextlib
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
from qualytics.probe.interpreter import command, environment
from qualytics.probe.parent.launch import Child, open_pipes
from qualytics.probe.protocol import Forked, Imported, Message, Unreadable, decode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qualytics.connectors.contract import Connector
    from qualytics.probe.parent.launch import Pipes

_BOOT = (
    "import sys; sys.path[:] = sys.argv[3:]; "
    "from qualytics.probe.child.zygote import main; main(sys.argv[1], int(sys.argv[2]))"
)
# How long a driver's import may take, and a fork.
_IMPORT_S = 30.0
_FORK_S = 5.0
_TRIES = 3
_MAX_ANSWER_BYTES = 8_192
_FRESH = ""  # the zygote without a driver, which starts fresh interpreters


class Lost(OSError):
    """A zygote died, hangs, or was ended to make room for another."""


class Unfit(Exception):
    """A driver cannot be imported beforehand, or what imported it cannot be forked."""


class ForkedChild(Child):
    """A child of a zygote; the descriptor of its process stays true when its number is given to another."""

    def __init__(self, pid: int, process: int, pipes: Pipes) -> None:
        super().__init__(pid, pipes)
        self._process = process

    def end(self, grace_s: float = 0.0) -> None:
        """Have the child end, as any; closes the descriptor, too."""
        super().end(grace_s)
        os.close(self._process)

    def _wake(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, signal.SIGCONT)

    def _wait(self, timeout_s: float | None) -> bool:
        poll = select.poll()
        poll.register(self._process, select.POLLIN)
        return bool(poll.poll(None if timeout_s is None else timeout_s * 1_000))


class Zygote:
    """One process that forks children; one caller at a time speaks with it."""

    def __init__(self, type_: str, niceness: int) -> None:
        """Start the process; it imports the driver of this type while we go on."""
        self._lock = threading.Lock()
        self._imported: Imported | None = None
        home = tempfile.mkdtemp(prefix="qualytics-zygote-")  # which it removes itself
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

    def fork(self, directory: str) -> ForkedChild:
        """Have it fork a child whose home is this directory.

        Raises:
            Unfit: its driver makes it unfit for that.
            Lost: it has ended or does not answer.
            OSError: there is no room for another process.

        """
        with self._lock:
            self._await_import()
            with open_pipes() as pipes:
                ends = (pipes.child_in, pipes.child_out)
                answer, descriptors = self._receive(_FORK_S, (os.fsencode(directory), ends))
                match answer, descriptors:
                    case Forked(int(pid), None), [process]:
                        return ForkedChild(pid, process, pipes)
                    case Forked(None, str(problem)), []:
                        raise OSError(problem)
                _close(descriptors)
                raise Lost("it gave no child")

    def _await_import(self) -> None:
        if self._imported is None:
            answer, _ = self._receive(_IMPORT_S)
            if not isinstance(answer, Imported):
                raise Lost("it does not say what it has imported")
            self._imported = answer
        if self._imported.problem is not None:
            raise Unfit(self._imported.problem)

    def _receive(
        self, timeout_s: float, request: tuple[bytes, Sequence[int]] | None = None
    ) -> tuple[Message, list[int]]:
        try:
            self._socket.settimeout(timeout_s)
            if request is not None:
                socket.send_fds(self._socket, [request[0]], request[1])
            line, descriptors, _, _ = socket.recv_fds(self._socket, _MAX_ANSWER_BYTES, 1)
        except OSError as exc:
            raise Lost("it has ended or does not answer") from exc
        try:
            return decode(line), descriptors
        except Unreadable as exc:  # also where it has ended
            _close(descriptors)
            raise Lost("it gives no answer that can be read") from exc

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


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


class Zygotes:
    """All zygotes, at most `limit` of drivers at once: the one that was used longest ago makes room."""

    def __init__(self, niceness: int, limit: int) -> None:
        self._niceness, self._limit = niceness, limit
        self._lock = threading.Lock()
        self._zygotes: OrderedDict[str, Zygote] = OrderedDict()
        self._leaving: list[Zygote] = []
        self._unfit: dict[str, str] = {}
        self._is_stopped = False

    def start(self, type_: str, directory: str) -> ForkedChild:
        """Start a child for a test of this type.

        Raises:
            OSError: there is no room for another process.

        """
        connector = get(type_)
        if self._fits(connector):
            # Where an import fails, crashes or hangs, a test of its own will say how.
            with contextlib.suppress(Unfit, Lost):
                return self._fork(connector.driver, connector, directory)
        return self._fork(_FRESH, None, directory)

    def prepare(self, type_: str) -> None:
        """Have the driver of a type imported by the time that a test asks for it; nobody waits for that."""
        connector = get(type_)
        with contextlib.suppress(OSError):  # a test will say why there is none
            self._zygote(*((connector.driver, connector) if self._fits(connector) else (_FRESH, None)))

    def _fits(self, connector: Connector) -> bool:
        return connector.forks and connector.driver not in self._unfit

    def _fork(self, key: str, connector: Connector | None, directory: str) -> ForkedChild:
        lost = Lost("no process to fork")
        for _ in range(_TRIES):
            zygote = self._zygote(key, connector)
            try:
                return zygote.fork(directory)
            except Lost as exc:
                lost = exc
                self._forget(key, zygote)
            except Unfit as exc:
                self._unfit[key] = str(exc)
                self._forget(key, zygote)
                raise
        raise lost

    def _zygote(self, key: str, connector: Connector | None) -> Zygote:
        with self._lock:
            if self._is_stopped:
                raise OSError("this server is stopping and starts no more tests")
            self._leaving = [one for one in self._leaving if not one.has_ended()]
            if key not in self._zygotes:
                self._zygotes[key] = Zygote(connector.type if connector else "", self._niceness)
            self._zygotes.move_to_end(key)
            drivers = [name for name in self._zygotes if name != _FRESH]
            if len(drivers) > self._limit:
                self._leave(drivers[0])
            return self._zygotes[key]

    def _leave(self, key: str) -> None:
        zygote = self._zygotes.pop(key)
        zygote.leave()
        self._leaving.append(zygote)

    def _forget(self, key: str, zygote: Zygote) -> None:
        """End a zygote that is lost or of no use, unless somebody else has done so before."""
        with self._lock:
            if self._zygotes.get(key) is zygote:
                self._zygotes.pop(key).kill()

    def stop(self) -> None:
        """Start no more children; nobody waits for an import any more."""
        with self._lock:
            self._is_stopped = True
            for key in list(self._zygotes):
                self._leave(key)

    def close(self) -> None:
        """End all zygotes, once no child runs any more."""
        self.stop()
        with self._lock:
            for zygote in self._leaving:
                zygote.kill()
            self._leaving = []
