"""JSON from outside, read strictly: no doubled keys, NaN or Infinity, no depth over 32, no 1,001 keys."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 32
_MAX_KEYS = 1_000
_MAX_DIGITS = 100


def loads(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: not JSON, a key twice in one object, NaN or Infinity (a number too large to be
            one, too), half of a character, too many keys or too deep. The message repeats no value,
            which may be a secret.

    """
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_whole, parse_float=_number
        )
    except json.JSONDecodeError as exc:
        what = exc.msg.lower().removesuffix(" at")
        raise ValueError(f"not JSON: {what} at line {exc.lineno} column {exc.colno}") from None
    except RecursionError:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels") from None
    check_depth(value)
    if "\\ud" in text.lower():
        _check_characters(value)
    return value


def check_depth(value: object, depth: int = 1) -> None:
    """Raise ValueError when lists and objects are nested deeper than the limit."""
    if depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            check_depth(item, depth + 1)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > _MAX_KEYS:
        raise ValueError(f"an object has more than {_MAX_KEYS:,} keys")
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return value


def _check_characters(value: object) -> None:
    # JSON can write one half of a surrogate pair, which is no character and cannot be stored.
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("a text holds half of a surrogate pair") from None


def _whole(digits: str) -> int:
    if len(digits.lstrip("-")) > _MAX_DIGITS:
        raise ValueError(f"a number has more than {_MAX_DIGITS} digits")
    return int(digits)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
