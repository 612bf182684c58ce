"""Our command line sends what the contract names: these methods, paths and bodies, and no others."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from testbed.control_plane import Api

PG = ("-t", "postgresql", "--host", "127.0.0.1", "--port", "1", "--username", "app")


class Recorder(BaseHTTPRequestHandler):
    """Passes requests on to a control plane and keeps what was asked."""

    protocol_version = "HTTP/1.1"

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ") or None
        kept = [name for name in ("Content-Type", "If-Match") if self.headers[name]]
        headers = {name.replace("-", "_"): self.headers[name] for name in kept}
        self.server.asked.append((self.command, self.path, json.loads(body) if body else None))
        with contextlib.closing(Api(self.server.behind, bearer, "")) as behind:
            answer = behind(self.command, self.path, body, **headers)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name in {"content-type", "etag"}:
                self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815 - the names that the library calls

    def log_message(self, *_):
        """Keep quiet."""


@pytest.fixture
def asked(plane, run):
    """Return a function that runs one command and returns what it asked for, queries cut off."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as server:
        server.behind, server.asked, server.daemon_threads = plane.port, [], True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        env = {"QUALYTICS_URL": f"http://127.0.0.1:{server.server_port}", "QUALYTICS_TOKEN": plane.tokens["Admin"]}

        def call(*words, code=0):
            server.asked.clear()
            result = run(*words, env=env)
            assert result.code == code, result
            return [(method, urlsplit(path).path, body) for method, path, body in server.asked], result

        yield call
        server.shutdown()


def test_commands_ask_what_the_contract_names(asked, fresh):
    name, other = fresh(), fresh()
    seen, made = asked("connections", "create", *PG, "--name", name, "-f", "json")
    fields = {"type": "postgresql", "host": "127.0.0.1", "port": 1, "username": "app", "name": name}
    assert seen == [("POST", "/api/connections", fields)]
    number = made.json["id"]
    address = f"/api/connections/{number}"
    assert asked("connections", "get", "--id", number)[0] == [("GET", address, None)]
    assert {path for _, path, _ in asked("connections", "get", "--name", name)[0]} <= {"/api/connections", address}
    assert asked("connections", "list", "--name", name)[0] == [("GET", "/api/connections", None)]
    changing = asked("connections", "update", "--id", number, "--username", "other")[0]
    assert {path for _, path, _ in changing} == {address}
    assert [body["username"] for method, _, body in changing if method in {"PUT", "PATCH"}] == ["other"]
    assert asked("connections", "test", "--id", number, code=6)[0] == [("POST", f"{address}/test", None)]
    overridden = asked("connections", "test", "--id", number, "--username", "third", code=6)[0]
    assert overridden[-1] == ("POST", f"{address}/test", {"name": name, "type": "postgresql", "username": "third"})

    place = ("--connection-id", number, "--database", "d", "--schema", "s")
    seen, made = asked("datastores", "create", "--name", other, *place, "-f", "json")
    sent = {"name": other, "connection_id": number, "database": "d", "schema": "s"}
    assert [(method, path) for method, path, _ in seen] == [("POST", "/api/datastores")]
    assert sent.items() <= seen[0][2].items()
    address = f"/api/datastores/{made.json['id']}"
    assert asked("datastores", "get", "--id", made.json["id"])[0] == [("GET", address, None)]
    assert asked("datastores", "list")[0][0][:2] == ("GET", "/api/datastores")
    changing = asked("datastores", "update", "--id", made.json["id"], "--schema", "t")[0]
    assert {(method, path) for method, path, _ in changing} <= {("GET", address), ("PUT", address)}
    assert changing[-1][0] == "PUT"
    verifying = asked("datastores", "verify", "--id", made.json["id"], code=6)[0]
    assert verifying == [("POST", f"{address}/connection", None)]
    assert asked("datastores", "delete", "--id", made.json["id"])[0][-1] == ("DELETE", address, None)
    assert asked("connections", "delete", "--id", number)[0][-1] == ("DELETE", f"/api/connections/{number}", None)
