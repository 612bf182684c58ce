"""What a browser sends from a form: it counts only from a page of this control plane, and whole."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from qualytics import strict_json
from qualytics.errors import InvalidInput, NotAllowed, Problem
from qualytics.model import Word
from qualytics.server.runtime import runtime_of
from qualytics.urls import split

if TYPE_CHECKING:
    from qualytics.server.parameters import AnyRequest

_FORM = "application/x-www-form-urlencoded"
_MAX_FIELDS = 200


def origin_of(request: AnyRequest) -> str:
    """Return scheme, host and port that users reach this control plane by."""
    public = runtime_of(request).config.public_url
    if public is not None:
        parts = split(public)
        return f"{parts.scheme}://{parts.netloc}"
    return f"http://{request.headers.get('host', '')}"


def read(request: AnyRequest, body: bytes, *, by_any_name: bool = False) -> dict[str, str]:
    """Return what a form holds that was sent from a page of this control plane.

    `by_any_name` takes one of a page that was reached by another name than users know, as through a tunnel.

    Raises:
        NotAllowed: it was sent from elsewhere.
        InvalidInput: it is no form.

    """
    own = {origin_of(request)}
    if by_any_name:
        host = request.headers.get("host", "")
        own |= {f"http://{host}", f"https://{host}"}
    if request.headers.get("origin", "") not in own:
        raise NotAllowed("the form was not sent from a page of this control plane", "open the page again")
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError:
        pairs = []
    if media_type != _FORM or not pairs or len(pairs) != len(dict(pairs)):
        raise not_whole()
    return dict(pairs)


def texts_in(text: str) -> dict[str, str]:
    """Return what a page has kept in a form as JSON, texts by name; nothing where that was changed on the way."""
    try:
        kept = strict_json.loads(text or "{}")
    except ValueError:
        return {}
    return {name: str(value) for name, value in kept.items()} if isinstance(kept, dict) else {}


def id_in(text: str) -> int | None:
    """Return the id that a field of a form names, None where it names none."""
    return Word(text).number


def not_whole() -> InvalidInput:
    """Return the error of a form that lacks a part."""
    return InvalidInput([Problem("body", "the form was not sent whole", "go back and send it again")])
