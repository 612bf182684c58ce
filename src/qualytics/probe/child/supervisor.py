"""The supervisor: stands between the program and the worker that runs a driver, and lets nothing outlive a test."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from typing import TYPE_CHECKING

from qualytics.probe._platform import adopt_orphans, children, die_with

if TYPE_CHECKING:
    from collections.abc import Callable


def supervise(work: Callable[[], None], grace_s: float = 0.0) -> str | None:
    """Run `work` in a process of its own and return how that process ended, as in `exit 0` or `SIGSEGV`.

    None when the standard input was closed first: its other side is held by the one who asked for the
    test, who is gone or wants it ended. Then `work` has `grace_s` to end by itself.
    Either way no descendant is left when this returns; only a descendant that changes its session may live on, and
    only where orphans cannot be adopted (macOS).
    """
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # only what has a handler is written to the pipe
    signal.set_wakeup_fd(wake)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    adopt_orphans()
    supervisor = os.getpid()
    worker = os.fork()
    if worker == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        die_with(supervisor)
        os.close(woken)
        os.close(wake)
        try:
            work()
        finally:
            os._exit(1)  # it ends by itself, unless something unheard of was raised
    status = None
    while status is None and 0 not in select.select([0, woken], [], [])[0]:
        os.read(woken, 512)
        status = _reaped(worker)
    is_over, until = status is not None, time.monotonic() + grace_s
    while not is_over and select.select([woken], [], [], max(0.0, until - time.monotonic()))[0]:
        os.read(woken, 512)
        is_over = _reaped(worker) is not None
    _end_all(worker, over=is_over)
    return None if status is None else _ending(os.waitstatus_to_exitcode(status))


def _reaped(worker: int) -> int | None:
    """Collect whoever ended, adopted orphans too; return the worker's status if it is among them."""
    status = None
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            status = ended[1] if ended[0] == worker else status
    return status


def _end_all(worker: int, *, over: bool) -> None:
    if not over:
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)  # most have no descendants: then nobody is left, which takes no search for them
    with contextlib.suppress(ChildProcessError):  # raised when there is nobody left
        while True:
            ended, _ = os.waitpid(-1, os.WNOHANG)
            if not ended:
                # Whoever loses its parent becomes ours, so the next round finds it.
                for pid in children():
                    os.kill(pid, signal.SIGKILL)
                os.waitpid(-1, 0)


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit {code}"
