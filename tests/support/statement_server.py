"""A server that speaks as much of Presto's and Trino's client protocol as a test of a connection needs."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

# What a query that holds these words answers.
ANSWERS: tuple[tuple[str, list[list[Any]]], ...] = (
    (r"^select 1$", [[1]]),
    (r"version", [["476"]]),
    (r"show catalogs", [["system"], ["hive"]]),
    (r"show schemas from \"hive\"", [["information_schema"], ["sales"]]),
    (r"schemata where schema_name = 'sales'", [[1]]),
    (r"schemata", [[0]]),
    (
        r"tables where table_schema = 'sales' and table_name like 'or\\_%'",
        [["or_ders", "BASE TABLE"], ["or_v", "VIEW"]],
    ),
)

_RUNNING = "/v1/statement/running/1"


class Behaviour:
    """How the server is to behave, and what it has seen."""

    def __init__(self, password: str | None = None) -> None:
        """Ask for a password when one is given."""
        self.password = password
        self.status: int | None = None
        self.location: str | None = None
        self.next_uri: str | None = None
        self.error: dict[str, Any] | None = None
        self.body: bytes | None = None
        self.headers: list[dict[str, str]] = []
        self.passwords: list[bytes] = []
        self.url = ""
        # With `is_silent` a query of numbers goes on until it is ended.
        self.is_silent = False
        self.is_asked, self.is_ended = threading.Event(), threading.Event()


class _Handler(BaseHTTPRequestHandler):
    behaviour = Behaviour()  # a subclass has its own
    default_request_version = "HTTP/1.1"  # as Jetty, which answers nonsense with a status line
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def reply(self, status: int, document: Any = None, **headers: str) -> None:
        body = self.behaviour.body if self.behaviour.body is not None else json.dumps(document).encode()
        self.send_response(status)
        for name, value in {
            "Content-Length": str(len(body)),
            "Content-Type": "application/json",
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def authorized(self) -> bool:
        if self.behaviour.password is None:
            return True
        word = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic "))
        self.behaviour.passwords.append(word.partition(b":")[2])
        return self.behaviour.passwords[-1] == self.behaviour.password.encode("latin-1", "ignore")

    def do_POST(self) -> None:
        sql = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.behaviour.headers.append(dict(self.headers))
        if self.behaviour.location is not None:
            self.reply(307, Location=self.behaviour.location)
        elif self.behaviour.status is not None:
            self.reply(self.behaviour.status, {})
        elif not self.authorized():
            self.reply(401, {})
        else:
            self.reply(200, self.answer(sql))

    def do_GET(self) -> None:
        self.behaviour.headers.append(dict(self.headers))
        is_running = self.path == _RUNNING
        if is_running:
            self.behaviour.is_asked.set()
            self.behaviour.is_ended.wait(0.1)
        self.reply(200, self.running() if is_running else self.page([]))

    def do_DELETE(self) -> None:
        self.behaviour.is_ended.set()
        self.send_response(204)
        self.end_headers()

    def answer(self, sql: str) -> dict[str, Any]:
        if self.behaviour.error is not None:
            return {**self.page([]), "error": self.behaviour.error}
        if self.behaviour.is_silent and "numbers" in sql:
            return self.running()
        found = next((rows for pattern, rows in ANSWERS if re.search(pattern, sql)), None)
        if found is None:
            error = {"errorType": "USER_ERROR", "errorName": "SYNTAX_ERROR", "message": sql, "errorCode": 1}
            return {**self.page([]), "error": error}
        more = {"nextUri": self.behaviour.next_uri or f"{self.behaviour.url}/v1/statement/queued/1"}
        return {**self.page(found), **more}

    def running(self) -> dict[str, Any]:
        url = self.behaviour.url
        return {"id": "q1", "infoUri": f"{url}/ui", "stats": {"state": "RUNNING"}, "nextUri": f"{url}{_RUNNING}"}

    def page(self, rows: list[list[Any]]) -> dict[str, Any]:
        names = ["bigint" if isinstance(value, int) else "varchar" for value in (rows[0] if rows else ["x"])]
        columns = [
            {"name": f"c{number}", "type": name, "typeSignature": {"rawType": name, "arguments": []}}
            for number, name in enumerate(names)
        ]
        base = {"id": "q1", "infoUri": f"{self.behaviour.url}/ui", "stats": {"state": "FINISHED"}, "columns": columns}
        return {**base, "data": rows} if rows else base


@contextlib.contextmanager
def statement_server(behaviour: Behaviour, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve on a free port of 127.0.0.1, over TLS with a server's context."""
    with ThreadingHTTPServer(("127.0.0.1", 0), type("_Told", (_Handler,), {"behaviour": behaviour})) as server:
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # a client that only asked for TLS hangs up
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        port = server.server_address[1]
        behaviour.url = f"{'http' if context is None else 'https'}://127.0.0.1:{port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield port
        finally:
            server.shutdown()
            thread.join(60)
