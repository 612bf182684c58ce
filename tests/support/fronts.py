"""Servers before a control plane: one that keeps what was asked, and one that knows no more than other servers do."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from testbed.control_plane import Answer, Api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PASSED = ("content-type", "etag", "test-warnings", "api-level")


@dataclass(frozen=True)
class Asked:
    """A request as it came; `path` is without the query."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        asked = Asked(
            self.command,
            parts.path,
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            json.loads(content) if content else None,
            {name.lower(): value for name, value in self.headers.items()},
        )
        self.server.asked.append(asked)
        given = self.server.respond(asked, self.ask)
        self.send_response(given.status)
        for name in _PASSED:
            if name in given.headers:
                self.send_header(name, given.headers[name])
        if given.status != 204:
            self.send_header("Content-Length", str(len(given.body)))
        self.end_headers()
        self.wfile.write(given.body)

    def ask(self, asked):
        bearer = asked.headers.get("authorization", "").removeprefix("Bearer ") or None
        kept = {name: asked.headers[name] for name in ("content-type", "if-match", "prefer") if name in asked.headers}
        # Names that stand more than once, as `type` does, are asked for as often.
        query = [pair for pair in parse_qsl(urlsplit(self.path).query) if pair[0] in asked.query]
        with contextlib.closing(Api(self.server.behind, bearer, "")) as behind:
            path = f"{asked.path}?{urlencode(query)}" if query else asked.path
            return behind(asked.method, path, asked.body, **{name.replace("-", "_"): kept[name] for name in kept})

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - the names that the library calls

    def log_message(self, *_):
        """Keep quiet."""


@contextlib.contextmanager
def before(port: int, respond: Callable[[Asked, Callable[[Asked], Answer]], Answer]) -> Iterator[ThreadingHTTPServer]:
    """Run a server before a control plane; its `url` is where it is, `asked` what it was asked."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.behind, server.respond, server.asked, server.daemon_threads = port, respond, [], True
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(60)


def passing(asked: Asked, ask: Callable[[Asked], Answer]) -> Answer:
    """Answer as the control plane does."""
    return ask(asked)


def foreign(asked: Asked, ask: Callable[[Asked], Answer]) -> Answer:
    """Answer as servers do that know the published API alone, as its contract has it."""
    if asked.method == "PATCH":
        return _as(405, {"detail": "Method Not Allowed"})
    if "/by-name" in asked.path:
        return _as(422, {"detail": [{"loc": ["path", "id"], "msg": "Input should be a valid integer"}]})
    if re.search(r"/\d+/test$", asked.path) and asked.body and not {"name", "type"} <= asked.body.keys():
        return _as(422, {"detail": [{"loc": ["body", "name"], "msg": "Field required", "type": "missing"}]})
    unknown = {"dry_run", "test", "name_exact", "connection_id", "database", "schema"}
    query = {name: value for name, value in asked.query.items() if name not in unknown}
    headers = {name: value for name, value in asked.headers.items() if name not in {"if-match", "prefer"}}
    answer = ask(replace(asked, query=query, headers=headers))
    kept = {name: value for name, value in answer.headers.items() if name == "content-type"}
    return _less(asked, replace(answer, headers=kept))


def _less(asked: Asked, answer: Answer) -> Answer:
    found = re.search(r"/(connections|datastores)(/\d+)?(/test|/connection)?$", asked.path)
    if found is None or not answer.body:
        return answer
    if answer.status >= 400:
        return _failure(answer)
    if found[3] and asked.method == "POST":
        told = {"connected": answer.json["connected"], "message": answer.json["message"]}
        if found[3] == "/connection":
            return _as(200, told)
        return Answer(204, {}, b"") if told["connected"] else _as(400, {"message": told["message"]})
    if found[1] == "datastores":
        return _as(answer.status, _without_tags(answer.json))
    return answer


def _failure(answer: Answer) -> Answer:
    problem = answer.json
    entries = [{name: entry[name] for name in ("loc", "msg")} for entry in problem.get("errors", ())]
    return _as(answer.status, {"detail": entries or problem["message"]})


def _without_tags(content: dict[str, Any]) -> dict[str, Any]:
    if "items" in content:
        return content | {"items": [_without_tags(item) for item in content["items"]]}
    return {name: value for name, value in content.items() if name != "tags"}


def _as(status: int, content: Any) -> Answer:
    return Answer(status, {"content-type": "application/json"}, json.dumps(content).encode())
