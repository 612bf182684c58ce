"""A real OpenID provider for tests: the npm package oidc-provider, on 127.0.0.1."""

from __future__ import annotations

import contextlib
import functools
import json
import shutil
from dataclasses import dataclass
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


@dataclass
class Provider(Server):
    """A provider that runs; `host` is the name in its issuer, and it listens on 127.0.0.1."""

    scheme: str = "http"

    @property
    def issuer(self) -> str:
        """Return the provider's issuer."""
        return f"{self.scheme}://{self.host}:{self.port}"

    def answers(self) -> bool:
        """Say whether it is ready."""
        try:
            opener().open(f"{self.scheme}://127.0.0.1:{self.port}/.well-known/openid-configuration", timeout=5).close()
        except OSError:
            return False
        return True


@contextlib.contextmanager
def provider(clients: list[dict[str, Any]], host: str = "127.0.0.1", certificate: Any = None) -> Iterator[Provider]:
    """Run the provider with its clients, each as OpenID Connect Dynamic Client Registration names its metadata.

    With a certificate of trustme it speaks TLS.
    """
    program = provider_program()
    with server_directory("oidc") as directory:
        server = Provider(free_port(), "", "", directory, host=host, scheme="https" if certificate else "http")
        script = directory / _SCRIPT.name  # the tree may be in a home that the server's user cannot read
        shutil.copy(_SCRIPT, script)
        script.chmod(0o644)
        command = [shutil.which("node") or "node", str(script), str(program), str(server.port), json.dumps(clients)]
        command.append(server.issuer)
        if certificate:
            pem = directory / "server.pem"
            certificate.private_key_and_cert_chain_pem.write_to_path(str(pem))
            pem.chmod(0o644)
            command.append(str(pem))
        try:
            server.start(command, server.answers)
            yield server
        finally:
            server.stop()
