"""JSON of other tools, read strictly, with the line of each member."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from qualytics import strict_json
from qualytics.service.foreign.entries import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPACE = re.compile(r"[ \t\r\n]*")


def members(text: str, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any, int]]:
    """Yield key, value and line of each member of an object: of the whole text, or of the one under a path of keys.

    A key that stands twice is yielded twice.

    Raises:
        Unreadable: the text is no object, or is broken; nothing of it is repeated but where.

    """
    start = _SPACE.match(text).end()  # type: ignore[union-attr] # it matches nothing, too
    for key in path:
        start = next((at for name, _, at in _pairs(text, start) if name == key), -1)
        if start < 0:
            return
    line, seen = 1, 0
    for key, raw, at in _pairs(text, start):
        line, seen = line + text.count("\n", seen, at), at
        try:
            value = strict_json.loads(raw)
        except ValueError:
            raise Unreadable(f"the object at line {line} holds a key twice, or what is no JSON") from None
        yield key, value, line


def _pairs(text: str, start: int) -> Iterator[tuple[str, str, int]]:
    """Yield key, text and place of the value of each member of the object that begins at `start`."""
    decoder = json.JSONDecoder()
    try:
        at = _after(text, start, "{")
        if text[at : at + 1] == "}":
            return
        while True:
            key, at = decoder.raw_decode(text, at)
            at = _after(text, at, ":")
            _, end = decoder.raw_decode(text, at)
            yield str(key), text[at:end], at
            at = _SPACE.match(text, end).end()  # type: ignore[union-attr] # it matches nothing, too
            if text[at : at + 1] == "}":
                return
            at = _after(text, at, ",")
    except json.JSONDecodeError as exc:
        raise Unreadable(f"not JSON at line {exc.lineno} column {exc.colno}") from None
    except RecursionError:
        raise Unreadable(f"nested deeper than {strict_json.MAX_DEPTH} levels") from None


def _after(text: str, at: int, mark: str) -> int:
    at = _SPACE.match(text, at).end()  # type: ignore[union-attr] # it matches nothing, too
    if text[at : at + 1] != mark:
        raise json.JSONDecodeError("", text, at)
    return _SPACE.match(text, at + 1).end()  # type: ignore[union-attr] # as above
