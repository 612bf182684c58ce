"""nginx with the site of `deploy/`, for tests: on free ports, over TLS, not as root; and a linter of that folder."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trustme

from testbed.installing import install_debian, virtual_environment
from testbed.needs import program
from testbed.servers import ROOT, START_S, end, free_port, non_root, server_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEPLOY = ROOT / "deploy"
NAME = "connections.example.com"
_MAIN = """
daemon off;
worker_processes 1;
pid {here}/pid;
error_log stderr;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {here}/body; proxy_temp_path {here}/proxy;
    fastcgi_temp_path {here}/f; uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;
    include {here}/site.conf;
}}
"""


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs: its ports and the file of its certificate's authority."""

    port: int
    plain_port: int
    authority: Path


@functools.cache
def nginx_program() -> str:
    """Return the path of nginx, installed when it is missing."""
    install_debian("nginx-light")
    return program("nginx") or "nginx"


@functools.cache
def hadolint_program() -> Path:
    """Return the path of hadolint."""
    return virtual_environment("hadolint") / "bin" / "hadolint"


@functools.cache
def systemd_program() -> str:
    """Return the path of systemd-analyze, which reads units without a systemd that runs; installed when missing."""
    install_debian("systemd")
    return program("systemd-analyze") or "systemd-analyze"


PROGRAMS = (nginx_program, hadolint_program, systemd_program)


@contextlib.contextmanager
def proxy(upstream: int) -> Iterator[Proxy]:
    """Run nginx with the site of `deploy/` in front of the port of a control plane."""
    with server_directory("nginx") as here:
        found = Proxy(free_port(), free_port(), here / "authority.pem")
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(found.authority))
        issued = authority.issue_cert(NAME, "127.0.0.1", "localhost")
        issued.private_key_and_cert_chain_pem.write_to_path(str(here / "both.pem"))
        (here / "site.conf").write_text(_site(here, found, upstream))
        (here / "main.conf").write_text(_MAIN.format(here=here))
        run_as = non_root()
        for place in (here, *here.iterdir()):
            os.chown(place, run_as.get("user", -1), run_as.get("group", -1))
        words = [nginx_program(), "-e", "stderr", "-p", str(here), "-c", str(here / "main.conf")]
        subprocess.run([*words, "-t", "-q"], check=True, **run_as)
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True, **run_as)
        try:
            _wait(process, found.port)
            yield found
        finally:
            end(process)


def _site(here: Path, found: Proxy, upstream: int) -> str:
    text = (DEPLOY / "nginx.conf").read_text()
    for pattern, value in (
        (r"server 127\.0\.0\.1:8000;", f"server 127.0.0.1:{upstream};"),
        (r"listen 80;", f"listen 127.0.0.1:{found.plain_port};"),
        (r"listen 443 ", f"listen 127.0.0.1:{found.port} "),
        (r"ssl_certificate \S+;", f"ssl_certificate {here}/both.pem;"),
        (r"ssl_certificate_key \S+;", f"ssl_certificate_key {here}/both.pem;"),
    ):
        text, count = re.subn(pattern, value, text)
        if count != 1:
            raise RuntimeError(f"the site has {count} of {pattern}")
    return text


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise RuntimeError("nginx does not answer")
