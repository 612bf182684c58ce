"""Calls of a control plane's API: JSON out, JSON or an error back, pages one after the other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from qualytics.client.http import replies
from qualytics.client.http.foreign import ApiTransport
from qualytics.client.http.paths import COPY, Query, with_query
from qualytics.errors import InvalidInput, NotSignedIn, Problem, TestFailed, Unreachable
from qualytics.fields import SECRETS
from qualytics.secret import Secret
from qualytics.settings import (
    API_LEVEL_HEADER,
    BY_NAME,
    MAX_PAGE_SIZE,
    PAGE_SIZE,
    TEST_TIMEOUT_MAX_S,
    TEST_TIMEOUT_S,
    TEST_WAIT_S,
    TEST_WAY_S,
)
from qualytics.transport.http import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from qualytics import types
    from qualytics.client.config import ControlPlane
    from qualytics.masking import Masking
    from qualytics.model import OnStage
    from qualytics.transport.http import Reply, Transport

T = TypeVar("T")

# The level of servers that take names in place of ids.
_LEVEL_OF_NAMES = 2
# What changes, makes or drops a name.
_CHANGES = ("PUT", "PATCH", "DELETE")
_MADE_BY_POST = ("/connections", "/datastores", "/users", COPY)


class Api:
    """One control plane, as calls; `warnings` are those that came with the last reply."""

    def __init__(self, control_plane: ControlPlane, transport: Transport | None = None) -> None:
        self.warnings: tuple[str, ...] = ()
        self.is_ours: bool | None = None  # whether the last reply was of a control plane of ours
        self.control_plane = control_plane
        self._transport = transport or ApiTransport(control_plane.endpoint)
        self._takes_names = True  # until it answers as a server that does not

    @property
    def url(self) -> str:
        """Return the URL of the control plane."""
        return self.control_plane.url

    def call(  # noqa: PLR0913 - one argument a part of a request
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: Mapping[str, Any] | None = None,
        *,
        version: int | None = None,
        wait_s: float = 0.0,
        is_public: bool = False,
        on_line: Callable[[bytes], None] | None = None,
    ) -> tuple[Any, int | None]:
        """Return the JSON of a reply, None when it has no body, and the version of the record in it.

        `version` is the one that the record must still have; `is_public` sends no token; `on_line` is as in a request.

        Raises:
            QualyticsError: what the control plane answered, or why it did not.

        """
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        if method == "DELETE":
            headers["Prefer"] = "return=representation"  # RFC 7240: with what was deleted, else it is read before
        shown = [(name, _as_text(value)) for name, value in query or () if value is not None]
        path = with_query(path, shown)
        more: dict[str, Any] = {
            "body": None if body is None else _encode(body),
            "headers": headers,
            "wait_s": wait_s,
            "is_public": is_public,
            "on_line": on_line,
        }
        reply = self._send_named(method, path, more) if BY_NAME in path else self.send(method, path, **more)
        if reply.status >= 400:
            from qualytics.client.http import problems  # what succeeds does not need it

            is_record = any(part.isdigit() or part == BY_NAME for part in path.partition("?")[0].split("/"))
            problems.raise_for(reply, self.url, self._masking(body), is_record=is_record)
        if method in _CHANGES or (method == "POST" and path.partition("?")[0].endswith(_MADE_BY_POST)):
            from qualytics.client import names_file

            names_file.forget()
        content = replies.content(reply, self.url)
        self.warnings = replies.warnings(reply)
        if self.warnings:
            self.warnings = tuple(map(self._masking(body).mask_own, self.warnings))
        return content, replies.version(reply)

    def _send_named(self, method: str, path: str, more: dict[str, Any]) -> Reply:
        # Other servers, and older ones of ours, refuse what has a name in place of an id.
        if self._takes_names:
            reply = self.send(method, path, **more)
            if reply.status >= 500 or (reply.status < 400 and method != "GET") or _level(reply) >= _LEVEL_OF_NAMES:
                return reply
            self._takes_names = False
        from qualytics.client.http import foreign_names

        return self.send(method, foreign_names.with_id(self.pages, path), **more)

    def test(
        self,
        path: str,
        timeout_s: float | None,
        query: Query | None = None,
        body: Mapping[str, Any] | None = None,
        on_stage: OnStage | None = None,
    ) -> types.TestReport:
        """Run a test and return its report; `on_stage` is called as each stage begins and ends. See `call`."""
        query = [("timeout_s", timeout_s), *(query or ())]
        wait_s = test_wait(timeout_s)
        if on_stage is None:
            report, _ = self.call("POST", path, query, body, wait_s=wait_s)
            return replies.report(replies.masked_report(report, self._masking(body)))
        from qualytics.client.http import streams

        stages = streams.Stages(on_stage, self._masking(body), self.url)
        with streams.own_errors():
            last, _ = self.call("POST", path, query, body, wait_s=wait_s, on_line=stages.take)
            return stages.report_of(last)

    def tested(  # noqa: PLR0913 - as `call`
        self,
        method: str,
        path: str,
        timeout_s: float | None,
        query: Query,
        body: Mapping[str, Any],
        *,
        version: int | None = None,
        on_stage: OnStage | None = None,
    ) -> tuple[Any, int | None]:
        """Make a change that is tested first, as `call` does; `on_stage` is as in `test`."""
        query = [("timeout_s", timeout_s), *query]
        how: dict[str, Any] = {"version": version, "wait_s": test_wait(timeout_s)}
        if on_stage is None:
            return self.call(method, path, query, body, **how)
        from qualytics.client.http import streams

        stages = streams.Stages(on_stage, self._masking(body), self.url)
        with streams.own_errors():
            try:
                last, number = self.call(method, path, query, body, **how, on_line=stages.take)
                last = stages.changed_of(last)
            except TestFailed as exc:
                stages.take_report(exc.report)
                raise
        if not isinstance(last, dict) or "connection" not in last:
            return last, number  # of a server that does not send lines
        self.warnings = tuple(map(self._masking(body).mask_own, replies.texts(last.get("warnings"))))
        number = last.get("version")
        return last["connection"], number if type(number) is int else None

    def tests(self, path: str, query: Query, body: Mapping[str, Any], wait_s: float) -> types.ConfigTests:
        """Run many tests and return how many, and the reports of those that failed. See `call`."""
        record, _ = self.call("POST", path, query, body, wait_s=wait_s)
        return replies.tests(record, self._masking(body))

    def send(  # noqa: PLR0913 - one argument a part of a request
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        wait_s: float = 0.0,
        is_public: bool = False,
        on_line: Callable[[bytes], None] | None = None,
    ) -> Reply:
        """Send a request with the token and return the reply, whatever its status; `is_public` sends no token.

        Raises:
            NotSignedIn: there is no token to send.
            Unreachable: there is no reply.

        """
        whole = {"Content-Type": "application/json", **(headers or {})}
        if on_line is not None:
            whole["Accept"] = "application/jsonl, application/json;q=0.9"
        if not is_public:
            token = self.control_plane.token
            if token is None:
                raise NotSignedIn(f"there is no token for {self.url}", "qualytics auth login gets one")
            whole["Authorization"] = f"Bearer {token.reveal()}"
        request = Request(method, f"{self.control_plane.prefix}{path}", whole, body, wait_s, on_line)
        try:
            reply = self._transport.handle(request)
        except Unreachable as exc:
            if method == "GET" or not self._transport.is_sent:
                raise
            message = f"{exc.message}; the request may have been carried out all the same"
            raise Unreachable(message, "check what is stored before you repeat it") from exc
        self.is_ours = API_LEVEL_HEADER in reply.headers
        return reply

    def _masking(self, body: Mapping[str, Any] | None) -> Masking:
        from qualytics.masking import Masking  # no listing needs it

        token, fields = self.control_plane.token, list(_fields("", body or {}))
        secrets = [Secret(value) for name, value in fields if name in SECRETS and isinstance(value, str)]
        public = [part for name, value in fields if name not in SECRETS for part in (name, value)]
        return Masking([token, *secrets] if token else secrets, given=public)

    def delete(self, path: str, *, dry_run: bool = False, version: int | None = None) -> types.Deleted:
        """Delete the record of a path, or say what would be deleted: `{id, name, deleted}`."""
        record, _ = self.call("DELETE", path, [("dry_run", dry_run or None)], version=version)
        last = path.rpartition("/")[2]
        return replies.deleted(record, int(last) if last.isdigit() else None)

    def pages(self, path: str, query: Query, size: int = MAX_PAGE_SIZE) -> Iterator[list[Any]]:
        """Yield the records of one page after the other."""
        number = 1
        while True:
            page, _ = self.call("GET", path, [*query, ("page", number), ("size", size)])
            records = replies.items(page)
            yield records
            total, page_size = page.get("total"), page.get("size")
            if isinstance(total, int):
                is_last = number * (page_size if isinstance(page_size, int) else size) >= total
            else:
                is_last = len(records) < min(size, PAGE_SIZE)  # which some servers have, whatever is asked for
            if is_last or not records:
                return
            number += 1

    def listed(self, path: str, query: Query, view: Callable[[Any], T], limit: int | None = None) -> Iterator[T]:
        """Yield records, each as `view` shows it, while the pages come; `limit` is at most so many."""
        left = limit
        for page in self.pages(path, query, MAX_PAGE_SIZE if limit is None else min(limit, MAX_PAGE_SIZE)):
            for record in page if left is None else page[:left]:
                yield view(record)
            if left is not None and (left := left - len(page)) <= 0:
                return

    def cancel(self) -> None:
        """End, from another thread, the request that runs, and let no other begin."""
        self._transport.cancel()

    def usable(self) -> Api:
        """Return itself, or one that can still be asked, where it was cancelled."""
        return Api(self.control_plane) if self._transport.is_cancelled else self

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()


def test_wait(timeout_s: float | None) -> float:
    """Return how long the reply to a test is waited for: its own time, that in the queue, and the way.

    Raises:
        InvalidInput: the time limit is out of range.

    """
    if timeout_s is not None and not 0 < timeout_s <= TEST_TIMEOUT_MAX_S:
        from qualytics.service.connections.tests import checked_timeout

        checked_timeout(timeout_s)  # which says so
    return (timeout_s or TEST_TIMEOUT_S) + TEST_WAIT_S + TEST_WAY_S


def _fields(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and value of each field of a body, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _fields(key, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _fields(name, inner)
    else:
        yield name, value


def _level(reply: Reply) -> int:
    level = reply.headers.get(API_LEVEL_HEADER, "")
    return int(level) if level.isascii() and level.isdigit() and len(level) < 4 else 0


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _encode(body: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as exc:
        raise InvalidInput(
            [Problem("body", "a value cannot be written as JSON", "give texts, numbers and lists")]
        ) from exc
