"""Messages that want to keep the rules busy: of a long one the ends are read, and of many attempts a few."""

import contextlib
import sys
import time

import pytest

from qualytics.errors import InvalidInput
from qualytics.probe.verdicts import message_rules
from qualytics.service.connections.explain import explain
from qualytics.text import MAX_TRACE

# Runs of one character, and what the rules themselves begin with: each begins anew at every repetition.
PIECES = [
    *("a", "1", "A1", "aB", "A_", " ", ".", "a.", ":", "-", "'", "(", "[", "[]", "\n", "at a.b(C.java:1)\n"),
    *("FATAL: ", "Error 1045 ", "(1045, ", "ORA-01017 ", "SQLSTATE ", "Msg 1, ", "An error occurred (", "Caused by: "),
    *("hostname ", "host name ", "database ", "tls ssl ", "driver ", "could not find ", "does not have ", "invalid "),
    *("connect ", "dial tcp ", "lookup ", "10.0.0.5:5432 (", "timeout: 1 ", "exceeded ", "x509 ", "requires "),
]
# A text twice as long takes no longer; the rest is room for a busy machine.
MAX_RATIO = 3


def _explain(text):
    with contextlib.suppress(InvalidInput):  # nothing but blanks
        explain("postgresql", text)


def _seconds(text):
    def once():
        began = time.process_time()
        _explain(text)
        return time.process_time() - began

    return min(once() for _ in range(3))


@pytest.mark.slow  # each measures for half a second
@pytest.mark.parametrize("piece", PIECES)
def test_a_text_twice_as_long_takes_no_longer(piece):
    text = piece * (MAX_TRACE // len(piece))
    _explain(text)  # compiles the rules
    assert _seconds(text * 2) < MAX_RATIO * _seconds(text)


@pytest.mark.parametrize("begin", ["FATAL:  {}\n", "(1045, '{}')\n", "10.0.0.{}:5432 (db)\n"])
def test_of_many_different_attempts_a_few_are_judged(begin):
    text = "".join(begin.format(number) for number in range(200))
    judged = []

    def note(frame, event, _arg):
        if event == "call" and frame.f_code is message_rules._verdict.__code__:
            judged.append(frame)

    sys.setprofile(note)
    try:
        explain("postgresql", text)
    finally:
        sys.setprofile(None)
    assert 16 < len(judged) < 20


def test_what_stands_at_either_end_of_a_long_text_is_understood():
    for message in ("{} FATAL: password authentication failed", "FATAL: password authentication failed {}"):
        assert explain("postgresql", message.format("x " * MAX_TRACE))["class"] == "auth"


def test_the_last_cause_counts_however_many_frames_follow_it():
    frames = "\n".join(f"\tat org.example.Pool.make{number}(Pool.java:{number})" for number in range(250))
    cause = "Caused by: java.net.ConnectException: Connection refused"
    assert explain("postgresql", f"java.sql.SQLException: no\n{frames}\n{cause}\n{frames}")["class"] == "refused"
