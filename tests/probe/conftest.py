"""Drivers of our own, called like a real one: a child looks for modules where its parent does."""

from __future__ import annotations

import os
import select
import tempfile

import pytest

from qualytics import probe
from qualytics.masking import read_own_words
from tests.support import deadlines

HEAD = "import ctypes, json, os, resource, signal, subprocess, sys, tempfile, threading, time"


@pytest.fixture
def private(tmp_path, monkeypatch):
    """Return the directory in which all directories of tests are made."""
    directory = tmp_path / "private"
    directory.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(directory))
    return directory


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Return a function that writes a driver with the given body of `connect`, and returns the plan of a test by it."""
    drivers = tmp_path / "drivers"
    drivers.mkdir()
    monkeypatch.syspath_prepend(drivers)
    database = tmp_path / "a.duckdb"
    database.write_bytes(bytes(8) + b"DUCK" + bytes(100))  # as a DuckDB file begins

    def write(body, at_import="", timeout_s=20.0, secrets=None, **plan):
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        text = f"{HEAD}\nHERE = {str(tmp_path)!r}\n{at_import}\ndef connect(*_, **__):\n{lines}\n"
        (drivers / "duckdb.py").write_text(text)
        return probe.Plan("duckdb", {"uri": str(database)}, secrets or {}, timeout_s, **plan)

    return write


@pytest.fixture
def driven(driver, private):
    """Return a function that tests by such a driver, and checks that it ends in time and leaves nothing."""

    read_own_words()  # which the first masked text of a process does; no test is to be measured with it

    def call(body, timeout_s=20.0, secrets=None):
        plan = driver(body, timeout_s=timeout_s, secrets=secrets)
        with deadlines.within(timeout_s):
            report = probe.run(plan)
        assert list(private.iterdir()) == []
        return report

    return call


class Signal:
    """A named pipe on which a driver says that it has come somewhere."""

    def __init__(self, path):
        os.mkfifo(path)
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def wait(self):
        """Return what the driver wrote."""
        assert select.select([self._descriptor], [], [], 60)[0]
        return os.read(self._descriptor, 100).decode()

    def close(self):
        os.close(self._descriptor)


@pytest.fixture
def started(tmp_path):
    """Return the signal of a driver that has begun; it writes to HERE + "/started"."""
    signal = Signal(tmp_path / "started")
    yield signal
    signal.close()
