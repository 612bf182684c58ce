"""Replies as the embedded store would have given them: errors by their code, documents with keys in order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from qualytics import errors
from qualytics.errors import InvalidInput, Problem, QualyticsError, Unreachable
from qualytics.fields import DATASTORE_KEYS, DETECTED, KEYS, SECRETS
from qualytics.secret import MASK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qualytics.masking import Masking
    from qualytics.transport.http import Reply

_MAX_SHOWN = 500
_REPORT_KEYS = (
    *("connected", "stage", "class", "retryable", "message", "hint", "detail"),
    *DETECTED,
    *("address", "local_address", "tls", "stages", "duration_ms", "warnings"),
)
_WORDS = ("message", "hint", "detail", *DETECTED, "tls", "warnings")
# What a status means where the body has no code of ours.
_BY_STATUS: dict[int, type[QualyticsError]] = {
    400: errors.UsageError,
    401: errors.NotSignedIn,
    403: errors.NotAllowed,
    404: errors.NotFound,
    409: errors.Conflict,
    412: errors.VersionChanged,
    415: errors.UsageError,
    422: errors.UsageError,
}
_HINTS = {
    401: "qualytics auth status shows what is sent; qualytics auth login gets a new token",
    403: "ask an Admin of the control plane",
    412: "read it again, then decide",
}
_NO_PLANE = "check the URL, and QUALYTICS_API_PATH: usually the API is under /api"


class Document(dict[str, Any]):
    """A record as a document; `version` travels beside it, never as a key."""

    version: int | None = None


def content(reply: Reply, url: str) -> Any:
    """Return the JSON of a reply that is none of an error; None when it has no body.

    Raises:
        Unreachable: it is a redirect, or no JSON.

    """
    if 300 <= reply.status < 400:
        place = _line(reply.headers.get("location", "nowhere"))
        raise Unreachable(
            f"{url} redirects to {place}, which is not followed", "set the URL to where the API itself is"
        )
    if reply.status == 204 or not reply.body:
        return None
    try:
        return json.loads(reply.body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        what = "a page of HTML" if _is_html(reply) else "something else than JSON"
        raise Unreachable(f"{url} answered {what}, as no control plane does", _NO_PLANE) from None


def raise_for(reply: Reply, url: str, masking: Masking, *, is_record: bool) -> None:
    """Raise the error that a reply tells of, if it does; `is_record` says that it is about one record.

    Raises:
        QualyticsError: of the class that its code names, else its status.

    """
    if reply.status < 400:
        return
    try:
        body = json.loads(reply.body)
    except (ValueError, RecursionError):
        body = None
    told = body if isinstance(body, dict) else {}
    message, hint = (_text(told.get(name), masking) for name in ("message", "hint"))
    kind = _classes().get(str(told.get("code")))
    is_ours = kind is not None and hint is not None
    if reply.status in {404, 405, 501} and not is_ours and (kind or not is_record or _is_html(reply)):
        raise Unreachable(f"{url} has no such path, as a control plane does", _NO_PLANE)
    if problems := _problems(told, masking):
        raise InvalidInput(problems)
    message = message or _text(told.get("detail"), masking) or _foreign(reply, url, masking)
    hint = hint or (None if kind else _HINTS.get(reply.status))
    if kind is InvalidInput:
        raise InvalidInput([Problem("body", message, hint)])
    raise _made(kind or _BY_STATUS.get(reply.status), reply, told, message, hint, masking)


def connection(found: Any, version: str | None = None, *, in_list: bool = False) -> Document:
    """Return a connection with its keys in order, and every secret masked whatever was sent."""
    known = _object(found, "id", "name", "type")
    kind = known.get("connection_type")
    if kind not in KEYS:
        return _versioned(_masked(known), version)
    shown = _masked(known)
    document = {key: shown.get(key) for key in KEYS[str(kind)] if key != "uri" or kind != "jdbc" or "uri" in known}
    if in_list:
        document["datastores"] = None
    return _versioned(document, version)


def datastore(found: Any, version: str | None = None) -> Document:
    """Return a datastore with its keys in order."""
    known = _object(found, "id", "name")
    document = {key: known.get(key) for key in DATASTORE_KEYS}
    for key, more in (("tags", "global_tags"), ("teams", "teams")):
        entries = document[key] if document[key] is not None else known.get(more)
        document[key] = [entry.get("name") if isinstance(entry, dict) else entry for entry in entries or []]
    return _versioned(document, version)


def pruned(found: Any) -> dict[str, Any]:
    """Return what was dropped of the audit log."""
    known = _object(found, "before", "deleted")
    return {name: known[name] for name in ("before", "deleted")}


def record(found: Any, version: str | None = None) -> Document:
    """Return a record that has no order of keys of its own: a user, a token."""
    return _versioned(_object(found, "id", "name"), version)


def warnings(reply: Reply) -> tuple[str, ...]:
    """Return the warnings that came beside a document: of the test that a change asked for, or of its name."""
    try:
        found = json.loads(reply.headers.get("test-warnings", "[]"))
    except (ValueError, RecursionError):
        return ()
    return tuple(text for text in found if isinstance(text, str)) if isinstance(found, list) else ()


def foreign_failure(reply: Reply) -> dict[str, Any] | None:
    """Return the report of a failed test as other servers of this API answer it: a 400 with a message alone."""
    try:
        told = json.loads(reply.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or "code" in told or not isinstance(told.get("message"), str):
        return None
    return {"connected": False, "message": _line(told["message"])}


def masked(found: Any, masking: Masking) -> Any:
    """Return a test report whose words show no secret of the call."""
    if not isinstance(found, dict):
        return found
    return {key: masking.mask_all(value) if key in _WORDS else value for key, value in found.items()}


def report(found: Any) -> dict[str, Any]:
    """Return a test report with its keys in order; a reply without a body says that the test passed."""
    known = {"connected": True, "message": "connected"} if found is None else _object(found)
    is_connected = known.get("connected", known.get("success")) is True
    usual = dict.fromkeys(_REPORT_KEYS) | {"retryable": None, "stages": [], "duration_ms": None, "warnings": []}
    if not is_connected:
        usual |= {"stage": "test", "class": "unknown", "message": "the test failed", "retryable": False}
    return {key: known.get(key, usual[key]) for key in _REPORT_KEYS} | {"connected": is_connected}


def items(page: Any) -> list[Any]:
    """Return the records of a page.

    Raises:
        Unreachable: it is none.

    """
    found = page.get("items") if isinstance(page, dict) else None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Unreachable("the control plane answered something else than a page of records", _NO_PLANE)
    return found


def id_of(found: dict[str, Any]) -> int:
    """Return the id of a record of a page."""
    known = _object(found, "id")["id"]
    if not isinstance(known, int):
        raise Unreachable("the control plane answered a record without a number", _NO_PLANE)
    return known


def _object(found: Any, *needed: str) -> dict[str, Any]:
    if not isinstance(found, dict) or any(found.get(name) is None for name in needed):
        raise Unreachable("the control plane answered something else than a record", _NO_PLANE)
    return found


def _masked(known: Mapping[str, Any]) -> dict[str, Any]:
    shown = {key: MASK if key in SECRETS and value is not None else value for key, value in known.items()}
    manager = shown.get("secrets_manager")
    if isinstance(manager, dict) and manager.get("credentials_payload") is not None:
        shown["secrets_manager"] = manager | {"credentials_payload": MASK}
    return shown


def _versioned(known: dict[str, Any], version: str | None) -> Document:
    document = Document(known)
    number = (version or "").removeprefix("W/").strip('"')
    document.version = int(number) if number.isascii() and number.isdigit() and len(number) < 19 else None
    return document


def _classes() -> dict[str, type[QualyticsError]]:
    return {kind.code: kind for kind in errors.all_errors()}


def _problems(told: Mapping[str, Any], masking: Masking) -> list[Problem]:
    # `errors` is ours; a list as `detail` is what other servers of this API send.
    entries = told.get("errors", told.get("detail"))
    found = []
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            continue
        place = entry.get("loc") if isinstance(entry.get("loc"), list) else []
        loc = ".".join(str(part) for part in place or [] if part not in {"body", "query", "path"}) or "body"
        said = _text(entry.get("msg"), masking) or "has the wrong form"
        message = said if "errors" in told else f"{_line(loc)}: {said}"
        code = entry.get("type") if entry.get("type") in errors.PROBLEM_CODES else "invalid-value"
        found.append(Problem(loc, message, _text(entry.get("hint"), masking), str(code)))
    return found


def _made(
    kind: type[QualyticsError] | None,
    reply: Reply,
    told: Mapping[str, Any],
    message: str,
    hint: str | None,
    masking: Masking,
) -> QualyticsError:
    if kind is errors.TooMany or (kind is None and reply.status == 429):
        after = reply.headers.get("retry-after", "")
        seconds = float(after) if after.isascii() and after.isdigit() and len(after) < 7 else 1.0
        return errors.TooMany(message, hint or f"try again in {seconds:g} s", seconds)
    if kind is errors.ConnectionInUse:
        users = told.get("datastores")
        return errors.ConnectionInUse(message, hint or "", users if isinstance(users, list) else ())
    if kind is errors.TestFailed:
        found = told.get("report")
        return errors.TestFailed(
            message, hint, report(masked(found, masking) if isinstance(found, dict) else {"connected": False})
        )
    return (kind or QualyticsError)(message, hint)


def _foreign(reply: Reply, url: str, masking: Masking) -> str:
    # What another server, or a proxy before it, says; HTML says nothing in a line.
    status = f"{reply.status} {reply.reason}".strip()
    said = "" if _is_html(reply) else reply.body[: 4 * _MAX_SHOWN].decode("utf-8", "replace")
    return f"{url} answered {_line(status)}" + (f": {_line(masking.mask(said))}" if said.strip() else "")


def _text(value: Any, masking: Masking) -> str | None:
    return masking.mask_own(value)[: 8 * _MAX_SHOWN] if isinstance(value, str) and value else None


def _line(text: str) -> str:
    return " ".join(text.split())[:_MAX_SHOWN]


def _is_html(reply: Reply) -> bool:
    return "html" in reply.headers.get("content-type", "").lower() or reply.body.lstrip()[:1] == b"<"


def _refuse(name: str) -> Any:
    raise ValueError(name)
