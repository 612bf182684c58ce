"""Connections to read through, in an embedded store."""

import signal
import subprocess
import sys
import time

import pyarrow as pa
import pytest

from qualytics.client.local import LocalClient
from qualytics.settings import Settings


@pytest.fixture
def client(home):
    with LocalClient(Settings(home=home)) as opened:
        yield opened


@pytest.fixture
def on_server(client, postgres_server):
    """Return a client whose connection 1 is of the real PostgreSQL."""
    login = {"username": postgres_server.user, "password": postgres_server.password}
    where = {"host": "127.0.0.1", "port": postgres_server.port, "parameters": {"ssl_mode": "disable"}}
    client.connections.create({"type": "postgresql", "name": "pg", **login, **where})
    return client


def read(client, **options):
    """Return what connection 1 reads, as a table, and the receipt."""
    with client.connections.read(1, **options) as reader:
        return pa.Table.from_batches(list(reader), reader.schema), reader.receipt


def notes(receipt):
    """Return what a receipt says of how columns came over, by their names."""
    return {one["name"]: one["note"] for one in receipt["columns"] if one["note"]}


def each_once(client, sql, column, *, parallel, **options):
    """Say whether partitions of a query by a column hold each of its values as often as one partition does."""
    whole, _ = read(client, sql=sql, **options)
    table, receipt = read(client, sql=sql, partition_column=column, parallel=parallel, **options)

    def sorted_rows(rows):
        return sorted(map(repr, rows.to_pylist()))

    assert len(receipt["partitions"]) > parallel
    assert receipt["parallel"] == parallel
    return sorted_rows(whole) == sorted_rows(table)


def until(condition):
    """Wait until a condition holds that is certain to hold some time."""
    last = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < last
        time.sleep(0.02)


def end_reader(is_running, *words, number=signal.SIGKILL):
    """Read with the command line, and end that as soon as the server runs the query, which sends nothing.

    `words` are those behind `connections read --id 1`.
    """
    options = ["--output", "-", "--format", "csv", *words]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    command = [sys.executable, "-m", "qualytics", "connections", "read", "--id", "1", *options]
    with subprocess.Popen(command, **pipes) as process:
        until(is_running)
        process.send_signal(number)
