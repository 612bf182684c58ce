"""Reads whose first row is later than any answer of a login may be: a relay holds back what the server says."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qualytics.connectors import get
from qualytics.connectors.contract import Tls
from qualytics.connectors.reading import Query, begin_of
from qualytics.secret import Secret
from tests.support.faults_suite import target as target_of

if TYPE_CHECKING:
    from collections.abc import Iterator

# A login that is not to be late has many times what it takes here and now.
_LEAST_S, _LOGINS, _LATER_S = 0.5, 4, 0.5
_FIRST_S = 60.0


class Relay:
    """The relay to the server of a port of this machine."""

    def __init__(self, port: int) -> None:
        command = [sys.executable, Path(__file__).with_name("late_relay.py"), str(port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._process.stdout.readline())

    def hold(self, seconds: float) -> None:
        """Let whatever the server says next come so much later."""
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        self._process.stdout.readline()

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def read_late(kind: str, port: int, query: Query, *, ca_file: str | None = None, **given: Any) -> list[dict[str, Any]]:
    """Return the rows of a query whose answer is later than the time limit of the login.

    `given` are values of a connection, in which `{port}` is the relay's.
    """
    with contextlib.closing(Relay(port)) as relay, _unchanged():
        values = json.loads(json.dumps(given).replace("{port}", str(relay.port)))
        connector = get(kind)
        with _opened(connector, values, relay, ca_file, _FIRST_S):
            pass  # the driver is imported now
        began = time.monotonic()
        with _opened(connector, values, relay, ca_file, _FIRST_S):
            limit_s = max(_LEAST_S, _LOGINS * (time.monotonic() - began))
        with _opened(connector, values, relay, ca_file, limit_s) as (handle, target):
            connector.lift_limits(handle, target)
            session = begin_of(connector)(handle, target, query, None, None)
            (partition,) = session.partitions()
            relay.hold(limit_s + _LATER_S)
            return [row for batch in session.batches(partition) for row in batch.to_pylist()]


@contextlib.contextmanager
def _opened(
    connector: Any, values: dict[str, Any], relay: Relay, ca_file: str | None, limit_s: float
) -> Iterator[tuple[Any, Any]]:
    secrets = {name: Secret(values[name]) for name in ("access_key", "secret_key") if name in values}
    tls = Tls("disable", active=False) if ca_file is None else Tls("verify", None, ca_file, active=True)
    with tempfile.TemporaryDirectory() as directory:
        where = {"host": "127.0.0.1", "address": "127.0.0.1", "name": "127.0.0.1", "port": relay.port}
        known = {"tls": tls, "directory": directory, "timeout_s": limit_s, "protocols": connector.protocols}
        target = target_of(connector.type, **{**where, **known, **values, **secrets})
        if connector.tls in {"none", "driver", "own"}:
            target.sock = socket.create_connection(("127.0.0.1", relay.port), limit_s)
        handle = connector.open(target)
        try:
            if connector.select is not None:
                connector.select(handle, target)
            yield handle, target
        finally:
            connector.close(handle)


@contextlib.contextmanager
def _unchanged() -> Iterator[None]:
    """Take back what a driver's login sets in a process that is to be its own."""
    environment, finders = dict(os.environ), [*sys.meta_path]
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(environment)
        sys.meta_path[:] = finders
