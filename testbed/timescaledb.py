"""TimescaleDB: the extension, with a PostgreSQL of its own, from the suite of Debian that has it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from testbed import servers
from testbed.debian import unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def programs() -> Path:
    """Return the folder of initdb and postgres."""
    return unpacked("timescaledb") / "usr/lib/postgresql/17/bin"


@contextlib.contextmanager
def timescaledb(certificate: Any = None) -> Iterator[servers.Server]:
    """Run PostgreSQL with the extension in the database `metrics`, which holds the hypertable `readings`.

    Debian builds the part under the Apache licence: hypertables, but no continuous aggregates.
    """
    settings = {"shared_preload_libraries": "timescaledb", "timescaledb.telemetry_level": "off"}
    with servers.postgres(certificate, programs=programs(), **settings) as server:
        with servers.postgres_admin(server) as admin:
            admin.execute("create database metrics")
        with servers.postgres_admin(server, "metrics") as admin:
            admin.execute("create extension timescaledb")
            admin.execute("create table readings (at timestamptz not null, value float)")
            admin.execute("select create_hypertable('readings', 'at')")
            admin.execute("insert into readings values ('2026-01-01', 1), ('2026-02-01', 2)")
        yield server
