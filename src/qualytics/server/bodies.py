"""Bodies of requests and replies: JSON read strictly, versions as ETags."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException

from qualytics import strict_json
from qualytics.errors import InvalidInput, Problem
from qualytics.server.runtime import answer, opened, runtime_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from qualytics.server.runtime import AnyRequest

JSON = "application/json"
# Proxies that compress make a tag weak; the version in it is the same.
_ETAG = re.compile(r'(?:W/)?"([0-9]{1,18})"')
# What takes a few milliseconds to read: more than almost every body has.
_SMALL = 16_384


def fields(request: AnyRequest, body: bytes) -> dict[str, Any]:
    """Return the object in a body; an empty body is an empty object.

    A large one is read for whoever has signed in, and belongs into a thread: see `read`.

    Raises:
        HTTPException: it is not said to be JSON (415).
        InvalidInput: it is not JSON, or no object.
        NotSignedIn, TooMany: it is large, and there is no good token or no request left.

    """
    if not body:
        return {}
    if len(body) > _SMALL:
        with opened(request):
            pass
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in {
        JSON,
        "application/merge-patch+json",
    }:
        raise HTTPException(status_code=415)
    try:
        value = strict_json.loads(body.decode())
    except UnicodeDecodeError:
        raise _wrong("is not valid UTF-8") from None
    except ValueError as exc:
        raise _wrong(f"is {exc}") from None
    if not isinstance(value, dict):
        raise _wrong("must be an object")
    return value


def require(given: Mapping[str, Any], *names: str) -> None:
    """Raise InvalidInput unless a body has these fields."""
    if missing := [name for name in names if given.get(name) is None]:
        raise InvalidInput([Problem(name, f"{name} is missing", None, "missing-value") for name in missing])


async def read(request: AnyRequest, body: bytes) -> dict[str, Any]:
    """Return the object in a body; a large one takes tenths of a second, in a thread that delays nobody.

    Raises:
        HTTPException, InvalidInput, NotSignedIn, TooMany: as `fields` does.

    """
    return fields(request, body) if len(body) <= _SMALL else await asyncio.to_thread(fields, request, body)


@contextlib.asynccontextmanager
async def read_set(request: AnyRequest) -> AsyncIterator[dict[str, Any]]:
    """Give the object in a body that may be large: for whoever has signed in, and of few at once, which bounds memory.

    Raises:
        HTTPException, InvalidInput, NotSignedIn, TooMany: as `fields` does.

    """
    await answer(request, lambda _context: None)
    async with runtime_of(request).sets:
        yield await read(request, await request.body())


def reply(content: Any, status: int = 200, warnings: Sequence[str] = ()) -> Response[bytes]:
    """Return a document as a response, with its version as ETag where it has one, and warnings beside it."""
    version = getattr(content, "version", None)
    headers = {"ETag": f'"{version}"'} if version is not None else {}
    if warnings:
        headers["Test-Warnings"] = json.dumps(list(warnings))  # ASCII, as a header must be
    return Response(msgspec.json.encode(content), status_code=status, media_type=JSON, headers=headers)


def deleted(request: AnyRequest, document: Mapping[str, Any]) -> Response[bytes]:
    """Answer a deletion without a body; with `{id, name, deleted}` after a dry run, and where that is preferred.

    RFC 7240 section 4.2: our own client asks with `Prefer: return=representation`, and needs no request before.
    """
    if document["deleted"] and request.headers.get("prefer", "").replace(" ", "") != "return=representation":
        return Response(b"", status_code=204)
    return reply(document)


def version_of(request: AnyRequest) -> int | None:
    """Return the version that If-Match asks for, None when it asks for none.

    Raises:
        InvalidInput: it is no ETag of ours.

    """
    text = request.headers.get("if-match", "").strip()
    if text in {"", "*"}:
        return None
    match = _ETAG.fullmatch(text)
    if match is None:
        raise InvalidInput(
            [Problem("If-Match", "If-Match is not an ETag of this control plane", "send that of the last GET")]
        )
    return int(match[1])


def _wrong(what: str) -> InvalidInput:
    return InvalidInput([Problem("body", f"the body {what}", None, "invalid-value")])
