"""Lines that are typed at a terminal, in this program's own words: Ctrl-C at any moment, lines that are too long."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import time

import pytest

from qualytics.cli._prompts import MAX_LINE, hidden_line, typed_line
from tests.support.terminals import Terminal

pytestmark = pytest.mark.slow  # each test starts processes

PROMPT = b"Password: "
LEFT = 42


def asking(ask):
    """Call `ask` in a process on a terminal of its own, which ends with LEFT for Ctrl-C; return its id and terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        code = 1
        try:
            ask()
        except KeyboardInterrupt:
            code = LEFT
        finally:
            os._exit(code)
    shown = b""
    while not shown.endswith(PROMPT):
        shown += os.read(terminal, 4_096)
    return pid, terminal


def hidden():
    hidden_line(PROMPT.decode())


def shown():
    os.write(1, PROMPT)
    typed_line(0)


@pytest.mark.parametrize("ask", [hidden, shown])
def test_ctrl_c_between_a_prompt_and_its_read_ends_the_wait(ask):
    """A read that does not wait for signals misses about one Ctrl-C of 300 here."""
    for attempt in range(200):
        pid, terminal = asking(ask)
        until = time.perf_counter() + attempt / 1e6  # 0 to 0.2 ms: it shall come before, in and after the read's start
        while time.perf_counter() < until:
            continue
        os.write(terminal, b"\x03")
        assert select.select([terminal], [], [], 60)[0], attempt  # Ctrl-C is shown, or the terminal's end
        with contextlib.suppress(OSError):  # Linux says so when the other side has gone
            while os.read(terminal, 4_096):
                pass
        os.close(terminal)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == LEFT


def test_a_question_that_is_left_with_ctrl_c_changes_nothing(home):
    assert Terminal("connections", "create", "-t", "sqlite", "--name", "kept", "--uri", "./kept.sqlite").end() == 0
    terminal = Terminal("connections", "delete", "kept")
    terminal.read_until(b"[y/N] ")
    terminal.type("\x03")
    assert terminal.end() == 130
    listed = Terminal("connections", "list", "-f", "csv")
    assert listed.end() == 0
    assert b"kept" in listed.shown


def test_a_line_that_the_terminal_may_have_cut_is_refused(home):
    terminal = Terminal("connections", "create", "-t", "postgresql", "--host", "h", "--password", "-")
    terminal.read_until(PROMPT)
    for _ in range(10):  # by parts: a terminal takes so many bytes at once
        terminal.type("x" * (MAX_LINE // 10))
    terminal.type("y" * 100 + "\n")
    assert terminal.end() == 2
    assert b"a terminal takes 4,095 bytes a line, so the password may be cut" in terminal.shown
    assert not home.exists()


def test_what_is_no_text_is_refused(home):
    terminal = Terminal("connections", "create", "-t", "postgresql", "--host", "h", "--password", "-")
    terminal.read_until(PROMPT)
    os.write(terminal.fd, b"\xff\xfe\n")
    assert terminal.end() == 2
    assert b"the password that was typed is not utf-8 text" in terminal.shown
    assert b"Traceback" not in terminal.shown
