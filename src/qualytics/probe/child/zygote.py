"""A zygote: a process that has imported one driver, knows nothing else, and forks a child for each test.

It reads requests from a Unix socket, its standard input: a directory, and the two pipes of the child as
descriptors. It answers with the child's number and a descriptor of the process. Without a driver it starts
fresh interpreters. It ends when the other side closes the socket and its last child has ended.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import os
import select
import shutil
import signal
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING

from qualytics.connectors import get
from qualytics.connectors.shared.protocols import recognised
from qualytics.probe._platform import adopt_orphans, children, harden, prefer_oom_kill, wake_when_parent_ends
from qualytics.probe.child import main as child
from qualytics.probe.child import tls
from qualytics.probe.child.dns_guard import GUARD
from qualytics.probe.interpreter import child_command, environment
from qualytics.probe.protocol import MAX_TEXT, Forked, Imported, encode
from qualytics.probe.verdicts.exceptions import judge

if TYPE_CHECKING:
    from collections.abc import Iterator

# What every test imports sooner or later.
_COMMON = (
    *("qualytics.probe.child.stages", "qualytics.probe.child.target", "qualytics.probe.egress"),
    *("qualytics.masking", "encodings.idna", "importlib.metadata", "tempfile"),
    *("qualytics.probe.child.second_look", "qualytics.probe.verdicts.stack_traces"),
)
# How long threads that an import started may take to end by themselves.
_SETTLE_S = 2.0
_MAX_REQUEST_BYTES = 4_096


def main(type_: str, niceness: int) -> None:
    """Import the driver of a type, or none for "", say whether that went well, and serve until the socket is closed."""
    prefer_oom_kill()
    harden()
    wake_when_parent_ends()
    os.nice(niceness)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    adopt_orphans()
    requests = socket.socket(fileno=0)
    problem = None
    if type_:
        with _ending_with(requests):
            problem = _prepare(type_)
    shutil.rmtree(os.getcwd())  # what an import left there is of no use, and no test is to find it
    requests.send(encode(Imported(problem and problem[:MAX_TEXT])))
    if problem is None:
        _Zygote(requests, is_fresh=not type_).serve()
    os._exit(0)


@contextlib.contextmanager
def _ending_with(requests: socket.socket) -> Iterator[None]:
    """End this process when the other side closes the socket, also while an import hangs in C code."""
    fcntl.fcntl(requests, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(requests, fcntl.F_GETFL)
    fcntl.fcntl(requests, fcntl.F_SETFL, flags | os.O_ASYNC)  # SIGIO ends who has no handler
    if select.select([requests], [], [], 0)[0]:  # closed before that
        os._exit(0)
    yield
    fcntl.fcntl(requests, fcntl.F_SETFL, flags)


def _prepare(type_: str) -> str | None:
    """Import all that a test of this type needs; return why this process may not be forked, None when it may."""
    GUARD.install()
    child.hide_arrow()
    try:
        tls.warm_up(os.getcwd())
        for name in (*_COMMON, get(type_).driver):
            importlib.import_module(name)
        get(type_).driver_version()  # fills caches, as these do: most of the work of a test that fails
        judge(get(type_), Exception())
        recognised(b"")
    except Exception as exc:  # noqa: BLE001 - a driver's import may fail in any way; the test itself will say how
        return f"{type(exc).__name__}: {exc}"
    until = time.monotonic() + _SETTLE_S
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(max(0.0, until - time.monotonic()))
    while len(os.listdir("/proc/self/task")) > 1:  # a thread that Python has joined lasts a little longer
        if time.monotonic() > until:
            return "the driver runs threads"
        time.sleep(0.001)
    gc.collect()
    gc.freeze()  # what is here now is shared by all children; the collector would copy it into each
    return None


class _Zygote:
    """Starts children, and collects those that have ended."""

    def __init__(self, requests: socket.socket, *, is_fresh: bool) -> None:
        self._requests = requests
        self._is_fresh = is_fresh
        self._running: dict[int, int] = {}  # descriptor of a child → its number

    def serve(self) -> None:
        poll = select.poll()
        poll.register(0, select.POLLIN)
        is_open = True
        while is_open or self._running:
            for descriptor, _ in poll.poll():
                if descriptor:
                    poll.unregister(descriptor)
                    self._collect(descriptor)
                elif (request := self._request()) is None:
                    poll.unregister(0)
                    is_open = False
                    for pid in self._running.values():  # whoever stopped one of them waits for it in vain
                        os.kill(pid, signal.SIGCONT)
                else:
                    started = self._start(*request)
                    if started is not None:
                        poll.register(started, select.POLLIN)

    def _request(self) -> tuple[str, list[int]] | None:
        try:
            directory, pipes, _, _ = socket.recv_fds(self._requests, _MAX_REQUEST_BYTES, 2)
        except ConnectionError:
            return None
        return (os.fsdecode(directory), pipes) if directory else None

    def _start(self, directory: str, pipes: list[int]) -> int | None:
        try:
            pid = os.fork()
        except OSError as exc:
            self._answer(Forked(None, exc.strerror))
            return None
        if pid == 0:
            try:
                self._become_child(directory, pipes)
            finally:
                os._exit(1)
        for pipe in pipes:
            os.close(pipe)
        descriptor = os.pidfd_open(pid)
        self._running[descriptor] = pid
        self._answer(Forked(pid), descriptor)
        return descriptor

    def _answer(self, answer: Forked, *descriptors: int) -> None:
        with contextlib.suppress(OSError):  # nobody is there any more, which the next read will tell
            socket.send_fds(self._requests, [encode(answer)], descriptors)

    def _become_child(self, directory: str, pipes: list[int]) -> None:
        os.setsid()
        for number, pipe in enumerate(pipes):  # the first takes the socket's place: none of it is left here
            os.dup2(pipe, number)
        for descriptor in (*pipes, *self._running):
            os.close(descriptor)
        os.chdir(directory)
        env = environment(directory)
        if self._is_fresh:
            os.execve(sys.executable, child_command(), env)  # noqa: S606 - our own interpreter, no shell
        os.environ.update(env)
        sys.modules["tempfile"].tempdir = None  # type: ignore[attr-defined]  # a driver may have asked for it
        child.main()

    def _collect(self, descriptor: int) -> None:
        pid = self._running.pop(descriptor)
        os.close(descriptor)
        ended_well = True
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                ended_well = ended_well and (ended[0] != pid or ended[1] == 0)
        if not ended_well:  # a supervisor was killed: what it watched is ours now
            for orphan in set(children()) - set(self._running.values()):
                os.kill(orphan, signal.SIGKILL)
