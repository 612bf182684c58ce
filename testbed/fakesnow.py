"""An emulator of Snowflake for tests: fakesnow's HTTP server behind TLS, in a virtual environment of its own."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import ssl
from typing import TYPE_CHECKING, Any

from testbed import servers
from testbed.installing import virtual_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@functools.cache
def fakesnow_programs() -> Path:
    """Return the folder of the emulator's programs; they are installed once."""
    return virtual_environment("fakesnow") / "bin"


@contextlib.contextmanager
def fakesnow(certificate: Any) -> Iterator[servers.Server]:
    """Run the emulator behind TLS; `certificate` is (chain, key) of trustme.

    It takes any user and any password, and holds its databases in memory.
    """
    python = fakesnow_programs() / "python"
    with servers.server_directory("snow") as directory:
        server = servers.Server(servers.free_port(), "analyst", "any password", directory, run_as=_identity(python))
        cert_file, key_file = servers.write_certificate(directory, *certificate)
        command = [
            *(str(python), "-m", "uvicorn", "fakesnow.server:app", "--host", server.host, "--port", str(server.port)),
            *("--ssl-certfile", str(cert_file), "--ssl-keyfile", str(key_file), "--log-level", "warning"),
        ]
        try:
            server.start(command, lambda: _ready(server))
            yield server
        finally:
            server.stop()


def _identity(python: Path) -> dict[str, Any]:
    """Return another user than root, unless that user may not reach the interpreter (one in root's home)."""
    real = python.resolve()
    open_to_all = all(place.stat().st_mode & 0o001 for path in (python.parent, real) for place in (path, *path.parents))
    return servers.non_root() if open_to_all or os.geteuid() != 0 else {}


def _ready(server: servers.Server) -> bool:
    try:
        _post(server, "/session/v1/login-request", {"data": {"SESSION_PARAMETERS": {}}})
    except OSError:
        return False
    return True


def run_sql(server: servers.Server, *statements: str) -> None:
    """Run statements on the emulator in one session."""
    login = _post(server, "/session/v1/login-request", {"data": {"SESSION_PARAMETERS": {}}})
    for statement in statements:
        _post(server, "/queries/v1/query-request", {"sqlText": statement}, login["data"]["token"])


def _post(server: servers.Server, path: str, body: dict[str, Any], token: str = "") -> Any:
    # The certificate is the tests' own matter.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(server.host, server.port, timeout=30, context=context)
    with contextlib.closing(connection):
        headers = {"Content-Type": "application/json", "Authorization": f'Snowflake Token="{token}"'}
        connection.request("POST", path, json.dumps(body), headers)
        answer = json.load(connection.getresponse())
    if not answer["success"]:
        raise RuntimeError(f"the emulator refused {body}: {answer['message']}")
    return answer
