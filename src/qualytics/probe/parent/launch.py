"""Starting a child process of one test, and ending it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from qualytics.probe.interpreter import child_command, environment
from qualytics.settings import TEST_CLOSE_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Pipes(NamedTuple):
    """Two pipes: the ends of the child, and ours."""

    child_in: int
    child_out: int
    stdin: int
    stdout: int


@contextlib.contextmanager
def open_pipes() -> Iterator[Pipes]:
    """Give the pipes of a child; its ends are closed after the block, and ours if it raises."""
    with contextlib.ExitStack() as ours, contextlib.ExitStack() as of_child:
        child_in, stdin = os.pipe()
        of_child.callback(os.close, child_in)
        ours.callback(os.close, stdin)
        stdout, child_out = os.pipe()
        of_child.callback(os.close, child_out)
        ours.callback(os.close, stdout)
        yield Pipes(child_in, child_out, stdin, stdout)
        ours.pop_all()


class Child(ABC):
    """A child process, which leads a process group, by its number and our ends of its pipes."""

    def __init__(self, pid: int, pipes: Pipes) -> None:
        self._pid = pid
        self.stdin, self.stdout = pipes.stdin, pipes.stdout

    def end(self, grace_s: float = 0.0) -> None:
        """Have the child end whatever it started, and itself; kill its group if it cannot. Closes the pipes.

        `grace_s` is what it may take beyond the usual.
        """
        os.close(self.stdin)
        self._wake()  # who was stopped cleans up, too
        if not self._wait(TEST_CLOSE_S + grace_s):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)
            self._wait(None)
        os.close(self.stdout)

    @abstractmethod
    def _wake(self) -> None: ...

    @abstractmethod
    def _wait(self, timeout_s: float | None) -> bool: ...


class Spawned(Child):
    """A child that is this process's own."""

    def __init__(self, process: subprocess.Popen[bytes], pipes: Pipes) -> None:
        super().__init__(process.pid, pipes)
        self._process = process

    def _wake(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def _wait(self, timeout_s: float | None) -> bool:
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True


def spawn(directory: str, inherited: Sequence[int] = ()) -> Spawned:
    """Start a child in the directory that is its to use and remove; it inherits descriptors under their numbers."""
    with open_pipes() as pipes:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter with our own code
            child_command(),
            stdin=pipes.child_in,
            stdout=pipes.child_out,
            stderr=subprocess.DEVNULL,
            cwd=directory,
            env=environment(directory),
            start_new_session=True,
            pass_fds=inherited,
        )
        return Spawned(process, pipes)
