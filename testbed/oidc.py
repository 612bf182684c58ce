"""A real OpenID provider for tests: the npm package oidc-provider, on 127.0.0.1."""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testbed.installing import npm_package
from testbed.objects import opener
from testbed.servers import Server, free_port, server_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCRIPT = Path(__file__).with_name("oidc_provider.mjs")


@functools.cache
def provider_program() -> Path:
    """Return the library's entry."""
    return npm_package("oidc-provider", "lib/index.js")


@contextlib.contextmanager
def provider(clients: list[dict[str, Any]]) -> Iterator[Server]:
    """Run the provider with its clients, each as OpenID Connect Dynamic Client Registration names its metadata."""
    program = provider_program()
    with server_directory("oidc") as directory:
        server = Server(free_port(), "", "", directory)
        script = directory / _SCRIPT.name  # the tree may be in a home that the server's user cannot read
        shutil.copy(_SCRIPT, script)
        script.chmod(0o644)
        command = [shutil.which("node") or "node", str(script), str(program), str(server.port), json.dumps(clients)]
        try:
            server.start(command, lambda: _answers(server))
            yield server
        finally:
            server.stop()


def issuer(server: Server) -> str:
    """Return the provider's issuer."""
    return f"http://{server.host}:{server.port}"


def _answers(server: Server) -> bool:
    try:
        opener().open(f"{issuer(server)}/.well-known/openid-configuration", timeout=5).close()
    except OSError:
        return False
    return True
