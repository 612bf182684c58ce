"""Hosts for benchmarks: one that accepts and stays silent, one that drops everything, and a stub of an API.

`python -m bench.hosts PORT COMMAND …` runs a test in a network of its own, with nothing but silence on the port
and on every host of LOGINS, and writes its report and how long it took. `unshare --net --mount` starts it, as root.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# Whom a type asks for a token before it speaks to its own server.
LOGINS = {"bigquery": "oauth2.googleapis.com", "fabric": "login.microsoftonline.com"}


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """Give the port of a host that lets everybody in and never says a word."""
    # The kernel itself accepts up to the length of the queue; nobody has to take them out of it.
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


@contextlib.contextmanager
def dropping(host: str = "127.0.0.1") -> Iterator[tuple[str, int]]:
    """Give the address and port of a host that answers no attempt to connect: its queue is full."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind((host, 0))
        listener.listen(0)
        for _ in range(8):
            filler = stack.enter_context(socket.socket())
            filler.settimeout(0)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()


@contextlib.contextmanager
def connections_api(documents: list[dict[str, Any]]) -> Iterator[int]:
    """Give the port of a control plane that knows these connections and nothing else."""
    page = json.dumps({"items": documents, "total": len(documents), "page": 1, "size": 100}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_words: Any) -> None:
            """Say nothing: the table is all that is printed."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def cut_off(port: int, *command: str) -> tuple[str, ...]:
    """Return the words that run a command where it reaches silent hosts alone."""
    return ("unshare", "--net", "--mount", sys.executable, "-m", "bench.hosts", str(port), *command)


def main() -> int:
    _raise_loopback()
    with contextlib.ExitStack() as stack:
        hosts = stack.enter_context(tempfile.NamedTemporaryFile("w", prefix="qualytics-hosts-"))
        hosts.write(f"127.0.0.1 localhost {socket.gethostname()} {' '.join(LOGINS.values())}\n")
        hosts.flush()
        subprocess.run(["mount", "--bind", hosts.name, "/etc/hosts"], check=True)
        stack.callback(subprocess.run, ["umount", "/etc/hosts"], check=True)
        for port in {443, int(sys.argv[1])}:
            stack.enter_context(socket.create_server(("127.0.0.1", port), backlog=64))
        began = time.perf_counter()
        done = subprocess.run(sys.argv[2:], check=False, stdout=subprocess.PIPE)
        taken = time.perf_counter() - began
    json.dump({"seconds": taken, "report": json.loads(done.stdout)}, sys.stdout)
    return done.returncode


def _raise_loopback() -> None:
    # SIOCGIFFLAGS and SIOCSIFFLAGS, IFF_UP (netdevice(7)): the program `ip` may not be there.
    with socket.socket() as any_socket:
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, 0x8913, struct.pack("16sh14x", b"lo", 0)))[1]
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", flags | 1))


if __name__ == "__main__":
    sys.exit(main())
