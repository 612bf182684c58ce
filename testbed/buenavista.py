"""BuenaVista, which speaks Trino's and Presto's protocol over DuckDB: an emulator of both that checks no password."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testbed import servers
from testbed.installing import virtual_environment
from testbed.objects import _answers, _identity

if TYPE_CHECKING:
    from collections.abc import Iterator

_SERVER = Path(__file__).with_name("buenavista_server.py")
# The catalog, its schema, and what that holds.
CATALOG, SCHEMA = "hive", "sales"
_FILL = (
    f"create schema {SCHEMA}",
    f"create table {SCHEMA}.or_ders (id int)",
    f"create table {SCHEMA}.parts (id int)",
    f"create view {SCHEMA}.or_v as select 1 as id",
)


@functools.cache
def python() -> Path:
    """Return the interpreter of its environment."""
    return virtual_environment("buenavista") / "bin" / "python"


@contextlib.contextmanager
def buenavista(certificate: Any = None) -> Iterator[servers.Server]:
    """Run it with the catalog `hive`; `certificate` is (chain, key) of trustme for TLS."""
    import duckdb

    with servers.server_directory("bv") as directory:
        server = servers.Server(servers.free_port(), "reader", "any password", directory, run_as=_identity(python()))
        path, script = directory / f"{CATALOG}.duckdb", directory / _SERVER.name
        with duckdb.connect(str(path), config={"storage_compatibility_version": "v1.0.0"}) as database:
            for statement in _FILL:
                database.execute(statement)
        script.write_text(_SERVER.read_text())  # where every user may read it
        servers.own(path)
        servers.own(script)
        command = [str(python()), str(script), str(server.port), str(path)]
        if certificate is not None:
            command += map(str, servers.write_certificate(directory, *certificate))
        url = f"http{'' if certificate is None else 's'}://{server.host}:{server.port}/v1/info"
        try:
            server.start(command, lambda: _answers(url))
            yield server
        finally:
            server.stop()
