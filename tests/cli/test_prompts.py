"""Lines that are typed at a terminal, in this program's own words: Ctrl-C at any moment, lines that are too long."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from qualytics.cli._prompts import MAX_LINE
from tests.support.terminals import Terminal

pytestmark = pytest.mark.slow  # each test starts processes

PROMPT = b"Password: "


# Asks on a terminal of its own, again and again, in forks of a process that is small, and so soon forked.
PROGRAM = """
import contextlib, os, pty, select, sys, time
from qualytics.cli._prompts import hidden_line, typed_line

def shown(prompt):
    os.write(1, prompt.encode())
    typed_line(0)

ask, prompt, left = {"hidden": hidden_line, "shown": shown}[sys.argv[1]], sys.argv[2], 42
for attempt in range(400):
    pid, terminal = pty.fork()
    if pid == 0:
        code = 1
        try:
            ask(prompt)
        except KeyboardInterrupt:
            code = left
        finally:
            os._exit(code)
    told = b""
    while not told.endswith(prompt.encode()):
        told += os.read(terminal, 4_096)
    until = time.perf_counter() + attempt / 2e6  # 0 to 0.2 ms: it shall come before, in and after the read's start
    while time.perf_counter() < until:
        continue
    os.write(terminal, b"\\x03")
    if not select.select([terminal], [], [], 60)[0]:
        sys.exit(f"attempt {attempt} was not ended by Ctrl-C")
    with contextlib.suppress(OSError):  # Linux says so when the other side has gone
        while os.read(terminal, 4_096):
            pass
    os.close(terminal)
    if (code := os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])) != left:
        sys.exit(f"attempt {attempt} ended with {code}")
"""


@pytest.mark.parametrize("ask", ["hidden", "shown"])
def test_ctrl_c_between_a_prompt_and_its_read_ends_the_wait(ask):
    """A read that does not wait for signals misses about one Ctrl-C of 300 here."""
    command = [sys.executable, "-c", PROGRAM, ask, PROMPT.decode()]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


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
