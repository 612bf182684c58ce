"""Emulators of clouds' data services for tests: bqemulator, ministack (Athena, STS) and minilake, on 127.0.0.1."""

from __future__ import annotations

import contextlib
import functools
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from testbed.installing import virtual_environment
from testbed.objects import _answers, _identity
from testbed.servers import Server, free_port, server_directory, write_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROJECT = "qualytics-test"
# Of ministack: it knows one account, whose keys these are.
AWS_KEY, AWS_SECRET = "test", "test"


@functools.cache
def bqemulator_program() -> Path:
    """Return the path of bqemulator, its engine's spatial extension prepared from a wheel: it would download it."""
    return virtual_environment("bqemulator") / "bin" / "bqemulator"


@functools.cache
def ministack_program() -> Path:
    """Return the path of ministack."""
    return virtual_environment("ministack") / "bin" / "ministack"


@functools.cache
def minilake_program() -> Path:
    """Return the path of minilake."""
    return virtual_environment("minilake") / "bin" / "minilake"


@contextlib.contextmanager
def bigquery() -> Iterator[Server]:
    """Run bqemulator for one project, over plain http; it checks no credentials."""
    program = bqemulator_program()
    with server_directory("bq") as directory:
        server = _server(program, directory)
        _install_spatial(program, server)
        command = [
            *(str(program), "start", "--rest-host", server.host, "--rest-port", str(server.port), "--project", PROJECT),
            *("--grpc-host", server.host, "--grpc-port", str(free_port()), "--log-level", "warning"),
        ]
        with _running(server, command, "/healthz"):
            yield server


def _install_spatial(program: Path, server: Server) -> None:
    # DuckDB looks for extensions below the home directory, which is the server's own.
    code = "import duckdb_extensions; duckdb_extensions.import_extension('spatial')"
    subprocess.run(
        [str(program.parent / "python"), "-c", code],
        check=True,
        env={"HOME": str(server.directory), "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        **server.run_as,
    )


@contextlib.contextmanager
def aws() -> Iterator[Server]:
    """Run ministack, which executes Athena's SQL and checks keys, signatures and roles."""
    program = ministack_program()
    with server_directory("aws") as directory:
        server = _server(program, directory, AWS_KEY, AWS_SECRET)
        server.environment |= {
            "GATEWAY_PORT": str(server.port),
            "MINISTACK_HOST": server.host,
            "BIND_HOST": server.host,
            "S3_DATA_DIR": str(directory / "s3"),
            "TMPDIR": str(directory),
            "AUTH": "true",
            "IOT_MTLS_ENABLED": "0",  # these two would listen on all addresses
            "SFTP_ENABLED": "0",
            "SERVICES": "athena,glue,iam,s3,sts",
        }
        with _running(server, [str(program)], "/_ministack/health"):
            yield server


@contextlib.contextmanager
def unity(certificate: Any) -> Iterator[Server]:
    """Run minilake over TLS; `certificate` is (chain, key) of trustme; it takes any token."""
    program = minilake_program()
    with server_directory("lake") as directory:
        server = _server(program, directory)
        cert_file, key_file = write_certificate(directory, *certificate)
        plain = free_port()
        command = [
            *(str(program), "--host", server.host, "--port", str(plain), "--tls"),
            *("--https-port", str(server.port), "--ssl-certfile", str(cert_file), "--ssl-keyfile", str(key_file)),
        ]
        with _running(server, command, "/api/2.0/preview/scim/v2/Me", port=plain):
            yield server


def _server(program: Path, directory: Path, user: str = "", password: str = "") -> Server:
    return Server(free_port(), user, password, directory, run_as=_identity(program.parent / "python"))


@contextlib.contextmanager
def _running(server: Server, command: list[str], path: str, port: int | None = None) -> Iterator[None]:
    url = f"http://{server.host}:{port or server.port}{path}"
    try:
        server.start(command, lambda: _answers(url))
        yield
    finally:
        server.stop()


PROGRAMS = (bqemulator_program, ministack_program, minilake_program)
