"""Runs each row of a benchmark in a process of its own, so that one that hangs or fails takes nothing with it."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bench.rows import Bench, Figure
from qualytics.probe.child.supervisor import supervise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Row = Callable[[Bench], Iterator[Figure]]


class Failed(RuntimeError):
    """A row did not measure all that it should; the message says why."""


def figures_of(row: Row, place: Path, deadline_s: float) -> Iterator[Figure]:
    """Measure a row in a process of its own and yield each figure when it is known; `place` is its folder to use.

    Whatever the row has started is gone when this ends.

    Raises:
        Failed: the row has raised something, was killed, or did not end in time.

    """
    place.mkdir(mode=0o711)  # servers run as another user than root
    held, hold = os.pipe()
    heard, say = os.pipe()
    sys.stdout.flush()
    supervisor = os.fork()
    if supervisor == 0:
        os.close(hold)
        os.close(heard)
        _supervise(row, place, held, say)
    os.close(held)
    os.close(say)
    try:
        yield from _hear(heard, time.monotonic() + deadline_s, deadline_s)
    finally:
        os.close(hold)  # from here on the supervisor ends whatever is left
        os.waitpid(supervisor, 0)
        os.close(heard)


def _hear(heard: int, until: float, deadline_s: float) -> Iterator[Figure]:
    unread = b""
    with selectors.DefaultSelector() as selector:
        selector.register(heard, selectors.EVENT_READ)
        while selector.select(max(0.0, until - time.monotonic())):
            chunk = os.read(heard, 65_536)
            if not chunk:
                raise Failed("its process was killed")
            *lines, unread = (unread + chunk).split(b"\n")
            for word in map(json.loads, lines):
                if word is None:
                    return
                if isinstance(word, str):
                    raise Failed(word)
                yield Figure(**word)
    raise Failed(f"did not end within {deadline_s:g} s")


def _supervise(row: Row, place: Path, held: int, say: int) -> None:
    # It ends everything when its standard input is closed; Ctrl-C reaches the one who holds that.
    os.setsid()
    os.dup2(held, 0)
    os.close(held)
    supervise(lambda: _work(row, place, say))
    os._exit(0)


def _work(row: Row, place: Path, say: int) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["TMPDIR"] = tempfile.tempdir = str(place)  # what a killed row leaves goes with its folder
    try:
        with contextlib.ExitStack() as stack:
            for figure in row(Bench(place, stack)):
                _say(say, asdict(figure))
    except BaseException as exc:
        traceback.print_exc()
        _say(say, f"{type(exc).__name__}: {exc}")
    else:
        _say(say, None)
    os._exit(0)


def _say(say: int, word: Any) -> None:
    os.write(say, json.dumps(word).encode() + b"\n")
