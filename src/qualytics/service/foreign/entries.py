"""What readers return: entries of a file as its tool has them, and what of a file could not be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.structs import Struct, field

if TYPE_CHECKING:
    from collections.abc import Mapping


class Entry(Struct):
    """One connection as another tool has it.

    `word` is that tool's word for the type; `place` is the file and line, or the variable; `values` have keys in lower
    case and texts, which may be secrets; `path` is that of a URL; `notes` are what the reader itself left out, as
    `what: why`, without values. `problem` is why a part of a file is no connection at all.
    """

    name: str | None
    tool: str
    word: str
    place: str
    values: dict[str, str]
    path: str = ""
    notes: tuple[str, ...] = ()
    problem: str | None = None


class Source(Struct):
    """One file or place that was looked at: what was read of it, or the `problem` that kept it from being read."""

    tool: str
    place: str
    entries: list[Entry] = field(default_factory=list)
    problem: str | None = None


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return values of a file as texts under keys in lower case, without those that are empty."""
    found = {str(key).strip().lower(): _text(value) for key, value in values.items()}
    return {key: value for key, value in found.items() if value}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        import json

        return json.dumps(value)
    return str(value)


class Unreadable(Exception):
    """Raised by a reader for a file that is not what it should be; `problem` repeats nothing of it."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
