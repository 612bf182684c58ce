"""Texts as they are compared: without blanks, in lower case, each character one character."""

from __future__ import annotations

import re

# No text that anybody compares holds these: blanks, NUL (every second byte of UTF-16), characters without a shape.
BLANK = re.compile("[\\s\0\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_LATIN_BLANKS = bytes(code for code in range(256) if BLANK.match(chr(code)))
_LATIN_MARKS = bytes(120 if code in _LATIN_BLANKS else 32 for code in range(256))
_MARKED = re.compile(b"x+")
_LATIN_LOWER = bytes(ord(chr(code).lower()) for code in range(256))
# Stands between texts that have nothing to do with each other.
BREAK = "\uffff"


def joined(text: str) -> str:
    """Return a text without blanks."""
    try:
        return text.encode("latin-1").translate(None, _LATIN_BLANKS).decode("latin-1")
    except UnicodeEncodeError:
        return BLANK.sub("", text)


def blank_marks(text: str) -> bytes:
    """Return an x for each blank of a text, and a blank for each other character."""
    try:
        return text.encode("latin-1").translate(_LATIN_MARKS)
    except UnicodeEncodeError:
        marks = bytearray(b" " * len(text))
        for start, end in (blank.span() for blank in BLANK.finditer(text)):
            marks[start:end] = b"x" * (end - start)
        return bytes(marks)


def blank_spans(text: str) -> list[tuple[int, int]]:
    """Return where blanks begin and end in a text."""
    return [blank.span() for blank in _MARKED.finditer(blank_marks(text))]


def bare(text: str) -> str:
    """Return a text without blanks and in lower case."""
    try:
        return text.encode("latin-1").translate(_LATIN_LOWER, _LATIN_BLANKS).decode("latin-1")
    except UnicodeEncodeError:
        return lowered(BLANK.sub("", text))


def lowered(text: str) -> str:
    """Return a text in lower case, of the same length: a place in one is the place in the other."""
    lower = text.lower()
    if len(lower) != len(text):
        lower = "".join(small if len(small := sign.lower()) == 1 else sign for sign in text)
    return lower.replace("\u03c2", "\u03c3")  # a sigma at the end of a word
