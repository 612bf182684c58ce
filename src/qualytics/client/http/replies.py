"""Replies as documents: their JSON, with keys in order and every secret masked whatever was sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from qualytics.errors import Unreachable
from qualytics.fields import DATASTORE_KEYS, DETECTED, KEYS, SECRETS
from qualytics.model import Document
from qualytics.secret import MASK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qualytics import types
    from qualytics.masking import Masking
    from qualytics.transport.http import Reply

MAX_SHOWN = 500
URL_HINT = "check the URL, and QUALYTICS_API_PATH: usually the API is under /api"
_REPORT_KEYS = (
    *("connected", "stage", "class", "code", "retryable", "message", "hint", "detail"),
    *("product_name", "product_version", "driver_name", "driver_version"),
    *("address", "local_address", "tls", "stages", "duration_ms", "warnings"),
)
_PAST_TEST_KEYS = (
    *("at", "user", "connected", "stage", "class", "code", "duration_ms", "ms", "product_version", "driver_version"),
)
# What a report holds of the words of servers and drivers.
_FREE_TEXT = ("code", "message", "hint", "detail", *DETECTED, "tls", "warnings")


def content(reply: Reply, url: str) -> Any:
    """Return the JSON of a reply that is not an error; None when it has no body.

    Raises:
        Unreachable: it is a redirect, or not JSON.

    """
    if 300 <= reply.status < 400:
        location = one_line(reply.headers.get("location", "nowhere"))
        raise Unreachable(
            f"{url} redirects to {location}, which is not followed", "set the URL to where the API itself is"
        )
    if reply.status == 204 or not reply.body:
        return None
    try:
        return json.loads(reply.body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        what = "a page of HTML" if is_html(reply) else "something that is not JSON"
        raise Unreachable(f"{url} is not a control plane: it answered with {what}", URL_HINT) from None


def version(reply: Reply) -> int | None:
    """Return the version of the record in a reply, as its ETag says it; None where it does not."""
    number = reply.headers.get("etag", "").removeprefix("W/").strip('"')
    return int(number) if number.isascii() and number.isdigit() and len(number) < 19 else None


def warnings(reply: Reply) -> tuple[str, ...]:
    """Return the warnings that came beside a document: of the test that a change asked for, or of its name."""
    try:
        return texts(json.loads(reply.headers.get("test-warnings", "[]")))
    except (ValueError, RecursionError):
        return ()


def texts(entries: Any) -> tuple[str, ...]:
    """Return the texts of a list, none of what is no list."""
    return tuple(text for text in entries if isinstance(text, str)) if isinstance(entries, list) else ()


def connection(record: Any, version: int | None = None, *, in_list: bool = False) -> types.Connection:
    """Return a connection with its keys in order, and every secret masked."""
    shown = _masked(record_of(record, "id", "name", "type"))
    kind = shown.get("connection_type")
    if kind not in KEYS:
        return cast("types.Connection", Document.of(shown, version))
    keys = {key: shown.get(key) for key in KEYS[str(kind)] if key != "uri" or kind != "jdbc" or "uri" in shown}
    keys["tags"] = names(keys["tags"])
    return cast("types.Connection", Document.of(keys | {"datastores": None} if in_list else keys, version))


def datastore(record: Any, version: int | None = None) -> types.Datastore:
    """Return a datastore with its keys in order."""
    keys = {key: record_of(record, "id", "name").get(key) for key in DATASTORE_KEYS}
    keys |= {"tags": names(keys["tags"]), "teams": names(keys["teams"])}
    return cast("types.Datastore", Document.of(keys, version))


def names(entries: Any) -> list[Any]:
    """Return the names of tags or teams, which come as names or as objects with one."""
    entries = entries if isinstance(entries, list) else []
    return [entry.get("name") if isinstance(entry, dict) else entry for entry in entries]


def user(record: Any, version: int | None = None) -> types.User:
    """Return a user, with its keys as they come."""
    return cast("types.User", Document.of(record_of(record, "id", "name"), version))


def token(record: Any, version: int | None = None) -> types.Token:
    """Return a token, with its keys as they come."""
    return cast("types.Token", Document.of(record_of(record, "id", "name"), version))


def deleted(record: Any, record_id: int | None) -> types.Deleted:
    """Return what was deleted, or would be, as `{id, name, deleted}`; the name where the server says it."""
    record = record_of({} if record is None else record)
    number = cast("int", record.get("id", record_id))
    return {"id": number, "name": record.get("name"), "deleted": record.get("deleted", True)}


def plan(record: Any) -> types.Plan:
    """Return the plan of a configuration."""
    keys = ("create", "update", "delete", "unchanged", "changes", "problems", "plan")
    return cast("types.Plan", record_of(record, *keys))


def pruned(record: Any) -> types.Pruned:
    """Return what was dropped of the audit log."""
    record = record_of(record, "before", "deleted")
    return {"before": record["before"], "deleted": record["deleted"]}


def report(record: Any) -> types.TestReport:
    """Return a test report with its keys in order."""
    known = record_of(record)
    is_connected = known.get("connected") is True
    usual = dict.fromkeys(_REPORT_KEYS) | {"retryable": None, "stages": [], "duration_ms": None, "warnings": []}
    if not is_connected:
        usual |= {"stage": "test", "class": "unknown", "message": "the test failed", "retryable": False}
    keys = {key: known.get(key, usual[key]) for key in _REPORT_KEYS} | {"connected": is_connected}
    return cast("types.TestReport", keys)


def past_test(record: Any) -> types.PastTest:
    """Return a past test with its keys in order."""
    return cast("types.PastTest", {key: record_of(record, "at").get(key) for key in _PAST_TEST_KEYS})


def masked_report(record: Any, masking: Masking) -> Any:
    """Return a test report whose free text shows no secret of the call."""
    if not isinstance(record, dict):
        return record
    return {key: masking.mask_all(value) if key in _FREE_TEXT else value for key, value in record.items()}


def tests(record: Any, masking: Masking) -> types.ConfigTests:
    """Return how many were tested and the reports of those that failed, each with what it is of first."""
    whole = record_of(record, "tested", "failures")
    return {"tested": whole["tested"], "failures": failures(whole["failures"], masking)}


def failures(records: Any, masking: Masking) -> list[types.ConfigTestResult]:
    """Return the reports of many tests that failed, each with what it is of first; none where there is no list."""
    found, head = map(record_of, records if isinstance(records, list) else ()), ("id", "name", "type")
    reports = [{**{key: one.get(key) for key in head}, **report(masked_report(one, masking))} for one in found]
    return cast("list[types.ConfigTestResult]", reports)


def items(page: Any) -> list[Any]:
    """Return the records of a page.

    Raises:
        Unreachable: it is not a page.

    """
    records = page.get("items") if isinstance(page, dict) else None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise Unreachable("what the control plane answered is not a page of records", URL_HINT)
    return records


def id_of(record: Mapping[str, Any]) -> int:
    """Return the id of a record of a page."""
    number = record_of(record, "id")["id"]
    if not isinstance(number, int):
        raise Unreachable("the control plane answered with a record whose id is not a number", URL_HINT)
    return number


def one_line(text: str) -> str:
    """Return a foreign text as one line that is not too long."""
    return " ".join(text.split())[:MAX_SHOWN]


def is_html(reply: Reply) -> bool:
    """Say whether a reply is a page for people."""
    return "html" in reply.headers.get("content-type", "").lower() or reply.body.lstrip()[:1] == b"<"


def record_of(record: Any, *needed: str) -> dict[str, Any]:
    """Return a record that has values under these keys.

    Raises:
        Unreachable: it is none.

    """
    if not isinstance(record, dict) or any(record.get(name) is None for name in needed):
        raise Unreachable("what the control plane answered is not a record", URL_HINT)
    return record


def _masked(record: Mapping[str, Any]) -> dict[str, Any]:
    shown = {key: MASK if key in SECRETS and value is not None else value for key, value in record.items()}
    manager = shown.get("secrets_manager")
    if isinstance(manager, dict) and manager.get("credentials_payload") is not None:
        shown["secrets_manager"] = manager | {"credentials_payload": MASK}
    return shown


def _refuse(name: str) -> Any:
    raise ValueError(name)
