"""Errors as problem details (RFC 9457); what was sent is never repeated."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException, ValidationException

from qualytics.errors import InvalidInput, KeyProblem, NotSignedIn, Problem, QualyticsError, StoreError, TooMany

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qualytics.server.runtime import AnyRequest

_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    412: "Precondition Failed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    499: "Client Closed Request",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    507: "Insufficient Storage",
}
_HTTP_CODES = {
    404: "not-found",
    408: "too-slow",
    405: "method-not-allowed",
    413: "too-large",
    415: "unsupported-media-type",
}
_MAX_PROBLEMS = 100
_log = logging.getLogger("qualytics.server")


def document(status: int, code: str, message: str, hint: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a problem as a document."""
    title = _TITLES.get(status, "Error")
    known = {"type": "about:blank", "title": title, "status": status, "detail": message, "code": code}
    return known | {"message": message, "hint": hint} | more


def respond(status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> Response[bytes]:
    """Return a problem as a response."""
    body = msgspec.json.encode(content)
    return Response(body, status_code=status, media_type="application/problem+json", headers=headers)


def of_product(request: AnyRequest, error: QualyticsError) -> Response[bytes]:
    """Answer with an error of the product."""
    more: dict[str, Any] = {}
    headers: dict[str, str] = {}
    if isinstance(error, InvalidInput):
        return _invalid(error, "body")
    if isinstance(error, TooMany):
        headers["Retry-After"] = retry_after(error)
    if isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = "Bearer"
    if error.problems:
        more["errors"] = _entries(error.problems, "body")
    for name in ("datastores", "report", "failures"):
        if (found := getattr(error, name, None)) is not None and found != ():
            more[name] = found
    if error.http_status >= 500:
        _log.error("%s: %s", error.code, error.message)
    is_known = request.scope.get("state", {}).get("is_known", False)
    message, hint = (error.message, error.hint) if is_known else for_anybody(error)
    return respond(error.http_status, document(error.http_status, error.code, message, hint, **more), headers)


def retry_after(error: TooMany) -> str:
    """Return after how many seconds to come again, as the header says it."""
    return str(max(1, round(error.retry_after_s)))


def for_anybody(error: QualyticsError) -> tuple[str, str | None]:
    """Return what is said to somebody who is not known: not where the store is, nor as whom it is asked."""
    if isinstance(error, StoreError | KeyProblem):
        return error.meaning(), "the log of the server says more"
    return error.message, error.hint


def _invalid(error: InvalidInput, place: str) -> Response[bytes]:
    if (more := len(error.problems) - _MAX_PROBLEMS) > 0:
        rest = Problem("", f"and {more:,} more problems")
        return _invalid(InvalidInput([*error.problems[: _MAX_PROBLEMS - 1], rest]), place)
    entries = _entries(error.problems, place)
    return respond(
        error.http_status, document(error.http_status, error.code, error.message, error.hint, errors=entries)
    )


def _entries(found: Sequence[Problem], place: str) -> list[dict[str, Any]]:
    return [
        {"loc": [place, *problem.loc.split(".")], "msg": problem.message, "type": problem.code, "hint": problem.hint}
        for problem in found
    ]


def of_http(_request: AnyRequest, error: HTTPException) -> Response[bytes]:
    """Answer with an error of the framework: no such path, a parameter of the wrong form."""
    if isinstance(error, ValidationException):
        return _invalid(of_query(error), "query")
    status = error.status_code
    message = _TITLES.get(status, "error").lower()
    code = _HTTP_CODES.get(status, "usage" if status < 500 else "internal")
    allowed = {name.lower(): value for name, value in (error.headers or {}).items()}.get("allow")
    headers = {"Allow": allowed} if allowed else None
    return respond(status, document(status, code, message), headers)


def of_query(error: ValidationException) -> InvalidInput:
    """Return what is wrong with the parameters of a request."""
    extra = error.extra if isinstance(error.extra, list) else []
    names = [str(entry.get("key", "query")) for entry in extra if isinstance(entry, dict)] or ["query"]
    return InvalidInput([Problem(name, f"{name} has the wrong form or is out of range") for name in names])


def of_fault(_request: AnyRequest, error: Exception) -> Response[bytes]:
    """Answer with a fault of our own; its words stay in the log."""
    _log.error("internal fault", exc_info=error)
    return respond(500, document(500, QualyticsError.code, "internal fault", "the log of the server says more"))
