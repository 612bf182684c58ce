"""Texts in the cells of tables: how values look, how wide they are, and how they are cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.cli._output import dump_json, escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_CUT = "…"


def shown(value: Any) -> str:
    """Return a value as one line: nothing for null, a list by its commas, an object as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, list) and not any(isinstance(one, list | dict) for one in value):
        return ", ".join(map(shown, value))
    return dump_json(value)


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    import wcwidth  # for texts beyond ASCII alone: it takes as long to import as a short command to run

    return int(wcwidth.width(text))


def padded(text: str, columns: int) -> str:
    """Return a text with blanks behind it, as wide as a column."""
    return text + " " * (columns - width(text))


def cut(text: str, columns: int) -> str:
    """Return a text that is no wider than a column; what is too long lacks its middle, for both ends tell most."""
    if width(text) <= columns:
        return text
    characters = _characters(text)
    tail = (columns - 1) // 2
    end = _fitting(reversed(characters), tail)
    return "".join(_fitting(characters, columns - 1 - tail)) + _CUT + "".join(reversed(end))


def wrapped(text: str, columns: int) -> list[str]:
    """Return a text as lines that are no wider than a column, broken at blanks where that is possible."""
    if width(text) <= columns:
        return [text]
    if text.isascii():
        import textwrap

        return textwrap.wrap(text, columns, break_on_hyphens=False) or [""]
    import wcwidth

    return list(wcwidth.wrap(text, columns, break_on_hyphens=False)) or [""]


def _characters(text: str) -> Sequence[str]:
    """Return what a reader takes for a character each: a letter with its marks, an emoji of several parts."""
    if text.isascii():
        return text
    import wcwidth

    return list(wcwidth.iter_graphemes(text))


def _fitting(characters: Iterable[str], columns: int) -> list[str]:
    fitting = []
    for character in characters:
        columns -= width(character)
        if columns < 0:
            break
        fitting.append(character)
    return fitting
