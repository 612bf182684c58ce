"""ROAPI, whose Flight SQL server checks logins: it stands in for Dremio, with the catalog of DataFusion."""

from __future__ import annotations

import contextlib
import functools
import json
from typing import TYPE_CHECKING

from testbed import servers
from testbed.installing import virtual_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# Its one catalog; the schema is DataFusion's own, too.
SCHEMA = "public"


@functools.cache
def program() -> Path:
    """Return the path of ROAPI, a Rust program that a wheel carries."""
    return virtual_environment("roapi") / "bin" / "roapi"


@contextlib.contextmanager
def roapi(tables: Mapping[str, str], *, password: str = "secret", token: str = "t0ken") -> Iterator[servers.Server]:
    """Run it without TLS for the user `ann` and for a bearer token; `tables` gives each table's text as CSV."""
    command = program()
    with servers.server_directory("roapi") as directory:
        server = servers.Server(servers.free_port(), "ann", password, directory)
        listed = []
        for name, text in tables.items():
            path = directory / f"{name}.csv"
            path.write_text(text)
            servers.own(path)
            listed.append({"name": name, "uri": str(path)})
        config = directory / "roapi.yml"
        settings = {
            "addr": {
                "flight_sql": f"127.0.0.1:{server.port}",
                "http": f"127.0.0.1:{servers.free_port()}",
                "postgres": f"127.0.0.1:{servers.free_port()}",
            },
            "tables": listed,
            "datafusion": {"catalog.information_schema": "true"},
            "flight_sql_config": {
                "auth_basic": {"username": server.user, "password": server.password},
                "auth_token": token,
            },
        }
        config.write_text(json.dumps(settings, ensure_ascii=False))  # which is YAML, too
        servers.own(config)
        try:
            server.start([str(command), "--config", str(config)], server.listens)
            yield server
        finally:
            server.stop()
