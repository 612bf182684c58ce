"""Lines that somebody types: Ctrl-C ends the wait for one whenever it comes, also between a prompt and its read."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# What Linux keeps of one line, in bytes without its end (N_TTY_BUF_SIZE); the rest of a longer one is dropped.
MAX_LINE = 4_095


class NoTerminal(Exception):
    """There is no terminal, or it cannot hide what is typed."""


def hidden_line(prompt: str) -> bytes:
    """Ask on the terminal for a line that is not shown; return it without its end.

    Raises:
        NoTerminal: there is none, or its echo cannot be turned off.
        EOFError: it was left with Ctrl-D.

    """
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError as exc:
        raise NoTerminal from exc
    try:
        with _no_echo(terminal):
            os.write(terminal, prompt.encode())
            line = typed_line(terminal)
        os.write(terminal, b"\n")
    finally:
        os.close(terminal)
    if not line:
        raise EOFError
    return line.removesuffix(b"\n")


def typed_line(terminal: int) -> bytes:
    """Wait for a line of a terminal and return it with its end; without one: it was left with Ctrl-D.

    A read that waits may miss a signal that came just before it, so a line is waited for together with signals.
    """
    line = b""
    with _signals() as arrived:
        while not line.endswith(b"\n"):
            ready = select.select([terminal, arrived], [], [])[0]
            if arrived in ready:
                os.read(arrived, 4_096)  # its handler runs after this statement
            elif not (part := os.read(terminal, MAX_LINE + 1)):
                break
            else:
                line += part
    return line


@contextlib.contextmanager
def _signals() -> Iterator[int]:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)


@contextlib.contextmanager
def _no_echo(terminal: int) -> Iterator[None]:
    import termios

    try:
        shown = termios.tcgetattr(terminal)
        hidden = shown.copy()
        hidden[3] &= ~termios.ECHO
        termios.tcsetattr(terminal, termios.TCSAFLUSH, hidden)
    except termios.error as exc:
        raise NoTerminal from exc
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, shown)
