"""A real OpenID provider for tests: the npm package oidc-provider, on 127.0.0.1."""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dev.objects import opener
from dev.servers import Missing, Server, cache, free_port, install_debian, server_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCRIPT = Path(__file__).with_name("oidc_provider.mjs")
_PACKAGE = "oidc-provider@9.13.3"


@functools.cache
def provider_program() -> Path:
    """Return the library's entry, installed from npm into the cache; Node.js comes from Debian."""
    if not shutil.which("npm"):
        install_debian("nodejs", "npm")
    place = cache() / "oidc-provider"
    program = place / "node_modules" / "oidc-provider" / "lib" / "index.js"
    stamp = place / ".complete"
    if not stamp.exists() or stamp.read_text() != _PACKAGE:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(place), _PACKAGE]
        subprocess.run(command, check=True, cwd=place, stdin=subprocess.DEVNULL, stdout=sys.stderr)
        stamp.write_text(_PACKAGE)
    if not program.exists():
        raise Missing(f"{_PACKAGE} was installed, but brought no library")
    return program


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
