"""Other servers of this API: what they lack or say in another way, translated here, so that nothing else knows of them.

A control plane of ours announces itself in every reply. Any other server has no PATCH, no dry run, no test before a
change, no If-Match and no filter by connection; it wants name and type in each change, answers a failed test with
400, and has other keys in datastores and errors.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from qualytics.client.http import replies
from qualytics.client.http.paths import BY_STATE, COPY, SEARCH, STATE, USE
from qualytics.errors import NotAllowed, UsageError
from qualytics.fields import SECRETS, TAG_CHANGES
from qualytics.settings import API_LEVEL_HEADER, BY_NAME
from qualytics.structs import replace
from qualytics.transport.http import Reply, Request, Transport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qualytics.transport.endpoint import Endpoint

# Of which records and actions anything is translated.
_PATH = re.compile(r"/(?P<collection>connections|datastores)(/(?P<id>[0-9]+))?(?P<action>/test|/connection)?$")
_ID = re.compile(rf"/([0-9]+|{BY_NAME})({COPY}|{USE})?$")
# What a query asks for that other servers ignore, and what a user does without.
_PROMISES = {
    "dry_run": ("dry run", "leave out --dry-run and --test"),
    "test": ("test before a change", "leave out --dry-run and --test"),
}
_SEARCH_PROMISE = ("search", "qualytics connections list --name looks at names")
_STATES_PROMISE = ("states of connections", "leave out --state and --sort state")
_TAGS = ("tags", "owner", *TAG_CHANGES)
_TAGS_PROMISE = ("tags and owners of connections", "leave out --tag, --untag and --owner")
# By how a path ends.
_PATH_PROMISES = (
    ((COPY,), ("copies of connections", "create one, and give its secrets again")),
    (("/connections/import",), ("imports of connections", "create them one by one")),
    (("/config/plan", "/config/apply", "/config/test"), ("plans of files", "create and update connections one by one")),
    ((USE,), ("uses of connections outside of it", "use a connection of the embedded store")),
    (("/grants",), ("grants", "use a connection of the embedded store")),
    (("/operations", "/resume"), ("tests of all connections", "test them one by one, by name")),
)


class ApiTransport(Transport):
    """The way to any server of this API: takes the requests that a control plane of ours takes."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(endpoint)
        self._is_ours: bool | None = None  # until the first reply

    def handle(self, request: Request) -> Reply:
        """Send a request and return the reply; another server gets what it knows, and its reply is translated.

        Raises:
            NotAllowed: the server cannot do what the request asks for.
            ConnectionInUse: a dry run shows that a connection cannot be deleted.
            Unreachable, UsageError: as of any transport.

        """
        if self._is_ours:
            return self._send(request)
        promise = _promise(request)
        if self._is_ours is None and promise and request.method != "GET":
            # A server that ignores the promise would do it for good, so that it is asked for something harmless first.
            reply = self._send(_get(request, f"{_ID.sub('', _split(request.target)[0])}?size=1"))
            if self._is_foreign() and reply.status >= 300:  # or it is no such server at all
                return reply
        if self._is_foreign():
            return self._translate(request)
        reply = self._send(request)
        if not self._is_foreign():
            return reply
        is_ignored = promise is not None and reply.status < 300  # as a filter that it does not know
        if is_ignored or (reply.status >= 400 and _is_partial(request)):  # or it was refused as a whole
            return self._translate(request)
        return _translated(request, reply)

    def _is_foreign(self) -> bool:
        return self._is_ours is False

    def _send(self, request: Request) -> Reply:
        reply = super().handle(request)
        if API_LEVEL_HEADER in reply.headers:
            self._is_ours = True
        elif self._is_ours is None and reply.status < 500:  # those come from a proxy before it, too
            self._is_ours = False
        return reply

    def _translate(self, request: Request) -> Reply:
        path, _ = _split(request.target)
        promise = _promise(request)
        if promise and request.method != "DELETE":
            raise NotAllowed(f"this control plane has no {promise[0]}", promise[1])
        changes = json.loads(request.body or b"{}")
        if request.method == "PATCH" and not changes:
            raise UsageError("nothing to update", "give at least one field")
        if not (_is_partial(request) or request.method == "DELETE"):
            return _translated(request, self._send(request))
        asked = _get(request, path.removesuffix("/test"))
        reply = _translated(asked, self._send(asked))
        record = _json(reply)
        if reply.status >= 300 or not isinstance(record, dict) or not record.get("name"):
            return reply
        if request.method == "DELETE":
            return self._delete(request, record, is_dry_run=promise is not None)
        body = json.dumps(_whole(path, record, changes)).encode()
        method = "PUT" if request.method == "PATCH" else request.method
        return _translated(request, self._send(replace(request, method=method, body=body)))

    def _delete(self, request: Request, record: Mapping[str, Any], *, is_dry_run: bool) -> Reply:
        if is_dry_run:
            from qualytics.service.connections.in_use import require_unused

            require_unused(record["name"], record.get("datastores") or ())
        else:
            reply = self._send(request)
            if reply.status >= 300:
                return _translated(request, reply)
        return _answer({**record, "deleted": not is_dry_run})


def _split(target: str) -> tuple[str, dict[str, str]]:
    path, _, query = target.partition("?")
    return path, dict(parse_qsl(query, keep_blank_values=True, errors="surrogatepass"))


def _promise(request: Request) -> tuple[str, str] | None:
    path, query = _split(request.target)
    asked = (words for name, words in _PROMISES.items() if query.get(name) == "true")
    if promise := next((words for ends, words in _PATH_PROMISES if path.endswith(ends)), None):
        return promise
    if path.endswith("/connections") and SEARCH in query:
        return _SEARCH_PROMISE
    if path.endswith("/connections") and not query.keys().isdisjoint((STATE, BY_STATE)):
        return _STATES_PROMISE
    if (parts := _PATH.search(path)) and parts["collection"] == "connections" and not parts["action"]:
        changes = json.loads(request.body or b"{}")
        if any(changes.get(name) is not None for name in _TAGS) or not query.keys().isdisjoint(("tag", "owner")):
            return _TAGS_PROMISE
    return next(asked, None)


def _is_partial(request: Request) -> bool:
    # It holds changes alone, on which the server puts what it knows.
    parts = _PATH.search(_split(request.target)[0])
    if parts is None or parts["id"] is None:
        return False
    return request.method == "PATCH" or (parts["action"] == "/test" and request.body is not None)


def _get(request: Request, target: str) -> Request:
    return replace(request, method="GET", target=target, body=None)


def _whole(path: str, record: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a PUT: a datastore as a whole, of a connection name and type, and what changes."""
    if "/datastores/" in path:
        return {**record, **changes}
    if cleared := [name for name in SECRETS if name in changes and not changes[name]]:
        raise NotAllowed(f"this control plane cannot clear the {cleared[0]}", "give another value")
    body = {"name": record["name"], "type": record.get("type"), **changes}
    if record.get("secrets_manager") is not None:
        body = {"secrets_manager": record["secrets_manager"], **body}
    before, after = record.get("parameters"), changes.get("parameters")
    if isinstance(before, dict) and isinstance(after, dict):
        from qualytics.service.validate import folded_key  # where parameters are changed alone

        replaced = {folded_key(name) for name in after}
        kept = {name: value for name, value in before.items() if folded_key(name) not in replaced}
        body["parameters"] = kept | after
    return body


def _translated(request: Request, reply: Reply) -> Reply:
    path, query = _split(request.target)
    parts, content = _PATH.search(path), _json(reply)
    is_test = bool(parts and parts["action"] and request.method == "POST")
    if reply.status >= 400:
        return _failure(reply, content, is_test=is_test) if isinstance(content, dict) else reply
    if parts is None or reply.status >= 300:
        return reply
    if is_test:
        if not reply.body:  # 204: there is nothing to say against it
            return _answer({"connected": True, "message": "connected"})
        return _answer({"connected": content.get("success"), **content}) if isinstance(content, dict) else reply
    if parts["collection"] == "datastores" and isinstance(content, dict):
        return _answer(_datastores(content, query.get("connection_id")))
    return reply


def _failure(reply: Reply, content: dict[str, Any], *, is_test: bool) -> Reply:
    message, entries = content.get("message"), content.get("detail")
    if "code" in content:
        return reply
    if is_test and reply.status == 400 and isinstance(message, str):
        return _answer({"connected": False, "message": message})
    if isinstance(entries, list):  # one for each bad value
        errors = [entry | {"msg": _message(entry)} for entry in entries if isinstance(entry, dict)]
        return replace(reply, body=json.dumps({"errors": errors}).encode())
    return reply


def _message(entry: Mapping[str, Any]) -> str:
    parts = entry["loc"] if isinstance(entry.get("loc"), list) else []
    field = ".".join(str(part) for part in parts if part not in {"body", "query", "path"})
    return f"{field or 'body'}: {entry.get('msg') or 'has the wrong form'}"


def _datastores(content: dict[str, Any], connection_id: str | None) -> dict[str, Any]:
    items = content.get("items")
    if items is None:
        return _datastore(content)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return content
    records = [_datastore(item) for item in items]
    if connection_id is not None:
        records = [record for record in records if str(record.get("connection_id")) == connection_id]
    return {**content, "items": records}


def _datastore(record: dict[str, Any]) -> dict[str, Any]:
    tags = record["tags"] if record.get("tags") is not None else record.get("global_tags")
    return {**record, "tags": replies.names(tags), "teams": replies.names(record.get("teams"))}


def _json(reply: Reply) -> Any:
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError):
        return None


def _answer(content: Mapping[str, Any]) -> Reply:
    return Reply(200, "OK", {}, json.dumps(content).encode())
