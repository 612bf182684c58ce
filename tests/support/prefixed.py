"""A proxy that shows a control plane under a path of its host, and takes that path away before it passes on."""

from __future__ import annotations

import contextlib
import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Handler(BaseHTTPRequestHandler):
    def answer(self):
        path = self.path.removeprefix(self.server.prefix)
        if path == self.path or not path.startswith("/"):  # another program of the host
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        behind = http.client.HTTPConnection("127.0.0.1", self.server.target, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        with contextlib.closing(behind):
            behind.request(self.command, path, body or None, headers)
            reply = behind.getresponse()
            self.send_response_only(reply.status)
            for name, value in reply.getheaders():
                if name.lower() not in {"transfer-encoding", "connection"}:
                    self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            while part := reply.read1(65_536):  # as it comes: stages of a test, one by one
                self.wfile.write(part)

    do_GET = do_POST = answer  # noqa: N815 - the names that the class calls

    def log_message(self, *_arguments):
        pass


@contextlib.contextmanager
def stripping(prefix: str) -> Iterator[ThreadingHTTPServer]:
    """Run the proxy; whoever has started what stands behind it sets the port of that as `target`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.prefix, server.target = prefix, None
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    try:
        yield server
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
