"""Lines of bash: the words of one that is being typed, and words as they are written into it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDS = ";|&\n("
_SPECIAL = re.compile(r"([^\w@%+,./\x80-\U0010ffff-])")
# What a backslash means in $'…' (bash manual, 3.1.2.4), as far as `_escaped` writes it.
_ANSI = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}
_ANSI_CODE = re.compile(r"x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})")


class Line(Struct):
    """A line up to the cursor: the words that are whole, the current one without its quotes, and the open quote.

    `kept` of the current word's characters stand before what readline will replace.
    """

    words: list[str]
    current: str
    quote: str
    kept: int


def parsed(text: str, breaks: str) -> Line:
    """Return the words of the last command on a line.

    `breaks` holds what begins, outside quotes, the word that readline replaces: COMP_WORDBREAKS.
    """
    words: list[str] = []
    current, quote, kept, is_word, place = "", "", 0, False, 0
    while place < len(text):
        char = text[place]
        place += 1
        if quote:
            if char == quote[-1]:
                quote = ""
            elif char == "\\" and quote == "$'":
                value, place = _ansi(text, place)
                current += value
            elif char == "\\" and quote == '"' and text[place : place + 1] in {'"', "\\", "$", "`"}:
                current += text[place : place + 1]
                place += 1
            else:
                current += char
        elif char == "\\":
            current += text[place : place + 1]
            is_word, place = True, place + 1
        elif char in "'\"" or text.startswith("$'", place - 1):
            quote = "$'" if char == "$" else char
            is_word, kept, place = True, len(current), place + (char == "$")
        elif char in _ENDS:
            words, current, kept, is_word = [], "", 0, False
        elif char.isspace():
            words += [current] if is_word else []
            current, kept, is_word = "", 0, False
        else:
            current, is_word = current + char, True
            kept = len(current) if char in breaks else kept
    return Line(words, current, quote, kept)


def _ansi(text: str, place: int) -> tuple[str, int]:
    if match := _ANSI_CODE.match(text, place):
        return chr(min(int(next(filter(None, match.groups())), 16), 0x10FFFF)), match.end()
    char = text[place : place + 1]
    return _ANSI.get(char, f"\\{char}"), place + 1


def quoted(text: str, quote: str = "") -> str:
    """Return a text as it continues a word of bash: outside quotes, or inside one that is open."""
    return "".join(_in_quote(run, quote) for run in _runs(text, quote))


def visible(text: str) -> str:
    """Return a text with what a terminal would obey, or not show, as escapes."""
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _runs(text: str, quote: str) -> Iterator[tuple[str, bool]]:
    # Runs of characters that stand as they are or with a backslash, and of those that need $'…'.
    run, was_odd = "", False
    for char in text:
        is_odd = not char.isprintable() or (quote == "'" and char == "'") or (quote == '"' and char == "!")
        if run and is_odd != was_odd:
            yield run, was_odd
            run = ""
        run, was_odd = run + char, is_odd
    if run:
        yield run, was_odd


def _in_quote(run: tuple[str, bool], quote: str) -> str:
    text, is_odd = run
    if quote == "$'":
        return "".join(_escaped(char) for char in text)
    if is_odd:
        return f"{quote}$'{''.join(map(_escaped, text))}'{quote}"
    if quote == "'":
        return text
    if quote == '"':
        return re.sub(r'(["\\$`])', r"\\\1", text)
    return _SPECIAL.sub(r"\\\1", text)


def _escaped(char: str) -> str:
    if char in {"'", "\\"}:
        return f"\\{char}"
    if char.isprintable():
        return char
    short = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(char)
    if short is not None:
        return short
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
