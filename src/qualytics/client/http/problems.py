"""Replies that are errors: the same class, message and hint as on the embedded store, or what any server says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from qualytics import errors
from qualytics.client.http import replies
from qualytics.errors import InvalidInput, Problem, QualyticsError, Unreachable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qualytics.masking import Masking
    from qualytics.transport.http import Reply

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
    429: errors.TooMany,
}
_NO_PATH = ("Not Found", "Method Not Allowed")
_HINTS = {
    401: "qualytics auth status shows what is sent; qualytics auth login gets a new token",
    403: "ask an Admin of the control plane",
    412: "read it again, then decide",
}


def raise_for(reply: Reply, url: str, masking: Masking, *, is_record: bool) -> NoReturn:
    """Raise the error that a reply tells of; `is_record` says that one record was asked for.

    Raises:
        QualyticsError: of the class that its code names, else its status.

    """
    try:
        body = json.loads(reply.body)
    except (ValueError, RecursionError):
        body = None
    problem = body if isinstance(body, dict) else {}
    message, hint = (_text(problem.get(name), masking) for name in ("message", "hint"))
    error = {error.code: error for error in errors.all_errors()}.get(str(problem.get("code")))
    is_ours = error is not None and hint is not None
    # What frameworks say of a path that they do not have is no message about a record.
    has_path = is_record or problem.get("detail", "Not Found") not in _NO_PATH
    if reply.status in {404, 405, 501} and not is_ours and (error or not has_path or replies.is_html(reply)):
        raise Unreachable(f"{url} is not a control plane: it does not have the path of the request", replies.URL_HINT)
    problems = _problems(problem, masking)
    if problems and error in {None, InvalidInput}:
        raise InvalidInput(problems)
    message = message or _text(problem.get("detail"), masking) or _any_text(reply, url, masking)
    hint = hint or (None if error else _HINTS.get(reply.status))
    error = error or _BY_STATUS.get(reply.status, QualyticsError)
    if error is InvalidInput:
        raise InvalidInput([Problem("body", message, hint)])
    if error is errors.TooMany:
        seconds = _seconds(reply)
        raise errors.TooMany(message, hint or f"try again in {seconds:g} s", seconds)
    if error is errors.SecretNeeded:
        raise errors.SecretNeeded(message, hint, [one.loc for one in problems])
    if error is errors.ConnectionInUse:
        users = problem.get("datastores")
        raise errors.ConnectionInUse(message, hint or "", users if isinstance(users, list) else ())
    if error is errors.TestFailed:
        report = problem.get("report")
        report = replies.masked_report(report, masking) if isinstance(report, dict) else {}
        failures = replies.failures(problem.get("failures"), masking)
        raise errors.TestFailed(message, hint, replies.report(report), failures)
    raise error(message, hint)


def _problems(problem: Mapping[str, Any], masking: Masking) -> list[Problem]:
    entries = problem.get("errors")
    problems = []
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            continue
        parts = entry["loc"] if isinstance(entry.get("loc"), list) else []
        loc = ".".join(str(part) for part in parts if part not in {"body", "query", "path"}) or "body"
        message = _text(entry.get("msg"), masking) or "has the wrong form"
        code = entry.get("type") if entry.get("type") in errors.PROBLEM_CODES else "invalid-value"
        problems.append(Problem(loc, message, _text(entry.get("hint"), masking), str(code)))
    return problems


def _seconds(reply: Reply) -> float:
    after = reply.headers.get("retry-after", "")
    return float(after) if after.isascii() and after.isdigit() and len(after) < 7 else 1.0


def _any_text(reply: Reply, url: str, masking: Masking) -> str:
    # What another server, or a proxy before it, says; HTML says nothing in a line.
    status = replies.one_line(f"{reply.status} {reply.reason}".strip())
    text = "" if replies.is_html(reply) else reply.body[: 4 * replies.MAX_SHOWN].decode("utf-8", "replace")
    return f"{url} answered {status}" + (f": {replies.one_line(masking.mask(text))}" if text.strip() else "")


def _text(value: Any, masking: Masking) -> str | None:
    return masking.mask_own(value)[: 8 * replies.MAX_SHOWN] if isinstance(value, str) and value else None
