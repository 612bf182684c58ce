"""Texts that people write: bounded before anything normalises them, compared without case, free of unseen characters.

Sorting the marks of a text takes the square of their number, and so do IDNA and looking for a near name; a text that
came over the network must not hold the interpreter. Whatever of that is done to a text is done here.
"""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# In characters. A name has 255 in its normal form, and before it a few marks for each.
MAX_LENGTH = 1_020
# No language puts more on one letter (UAX #15 section 13, Stream-Safe Text Format).
_MAX_MARKS = 30
# What is longer is like no name of a field, a command or a connection.
_MAX_GUESSED = 64
# How much two names have in common (0 to 1) before one may be meant by the other: `hots` and `host` have 0.75,
# `user` and `uri` 0.57.
_FAIR = 0.7
_DOTS = (".", "\u3002", "\uff0e", "\uff61")  # RFC 3490 section 3.1, and UTS #46
_SHOWN = 100
# What rules read of a message, and what stack traces are looked for in.
_READ, MAX_TRACE = 4_096, 32_768

# General categories whose characters nobody sees (control, format, half a pair, private, unassigned, line and
# paragraph separators), and those beside them that UAX #44 calls default-ignorable or that are blank in every font.
_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_UNSEEN_RANGES = (
    *((0x034F, 0x034F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2800, 0x2800), (0x3164, 0x3164)),
    *((0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xE0100, 0xE01EF)),
)


def normalized(text: str, form: str = "NFC", max_length: int = MAX_LENGTH) -> str | None:
    """Return a text in a Unicode normal form (NFC or NFKC).

    None when it has more than `max_length` characters or more than 30 marks in a row: it is no text of people.
    """
    if len(text) > max_length:
        return None
    if text.isascii():
        return text
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > _MAX_MARKS:
            return None
    return unicodedata.normalize(form, text)  # type: ignore[arg-type]  # either of the two


def folded(text: str, form: str = "NFC", max_length: int = MAX_LENGTH) -> str | None:
    """Return what texts are compared by, in a normal form and without case; None as `normalized` does."""
    normal = normalized(text, form, max_length)
    return normal if normal is None else unicodedata.normalize(form, normal.casefold())  # type: ignore[arg-type]


def is_unseen(character: str) -> bool:
    """Say whether a character is not seen, or only makes others look different."""
    if character.isascii():
        return not character.isprintable()
    return unicodedata.category(character) in _UNSEEN_CATEGORIES or ord(character) in _unseen()


def has_unseen(text: str) -> bool:
    """Say whether a text that people read holds a character that nobody sees."""
    if text.isascii():
        return not text.isprintable()
    return any(map(is_unseen, text))


def unseen_fault(text: str) -> tuple[str, str] | None:
    """Return what is wrong with a text that holds a character nobody sees, and a hint; None when it holds none."""
    unseen = next(filter(is_unseen, text), None) if has_unseen(text) else None
    if unseen is None:
        return None
    hint = "type it anew; such characters come along unseen"
    return f"holds a character that cannot be seen (U+{ord(unseen):04X})", hint


def visible(text: str) -> str:
    """Return the beginning of a text as a name: NFC and trimmed, without the characters that nobody sees."""
    kept = "".join(character for character in text[:MAX_LENGTH] if not is_unseen(character))
    normal = normalized(kept)
    if normal is None:  # nobody wrote so many marks on one letter
        normal = normalized("".join(character for character in kept if not unicodedata.combining(character)))
    return (normal or "").strip()


# What of `confusables.txt` is ASCII; names in it alone need no more.
_CONFUSABLE_ASCII = str.maketrans(
    {
        "`": "'",
        '"': "''",
        "O": "0",
        "I": "1",
        "l": "1",
        "|": "1",
        "m": "rn",
        "%": "º/₀",
    }
)


@lru_cache(maxsize=16_384)
def looks(name: str) -> frozenset[str]:
    """Return what a name may be taken for: two names look alike when they have one of these in common.

    They are the skeletons of UTS #39 section 4, of the name and of its form without case.
    """
    return frozenset(map(_skeleton, (name[:MAX_LENGTH], folded(name) or "")))


def _skeleton(name: str) -> str:
    if name.isascii():
        return name.translate(_CONFUSABLE_ASCII)
    for _ in range(2):  # a character may look like others that have marks of their own
        name = (normalized(name, "NFD") or "").translate(_confusables())
    return name


@cache
def _confusables() -> dict[int, str]:
    import os  # 33 kB, for new names alone

    table = {}
    with open(os.path.join(os.path.dirname(__file__), "confusables.txt"), encoding="utf-8") as lines:
        for line in lines:
            look, _, characters = line.rstrip("\n").partition("\t")
            table.update(dict.fromkeys(map(ord, characters), look))
    return table


def shown(text: str) -> str:
    """Return a text as a message repeats it: its first hundred characters."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def ends(text: str, max_length: int = _READ) -> str:
    """Return the two ends of a long message: it begins with what happened, and a stack trace ends with why."""
    half = max_length // 2
    return text if len(text) <= max_length else f"{text[:half]} {text[-half:]}"


def alternatives(words: Sequence[str]) -> str:
    """Return words as a sentence lists them, one of which is meant: `a`, `a or b`, `a, b or c`."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the name that a mistyped one most likely meant, None when none is near."""
    if len(name) > _MAX_GUESSED:
        return None
    import difflib

    by_fold = {candidate.casefold(): candidate for candidate in names}
    matches = difflib.get_close_matches(name.casefold(), by_fold, n=1, cutoff=_FAIR)
    return by_fold[matches[0]] if matches else None


def ascii_host(host: str) -> str | None:
    """Return a host name as DNS has it: lower width and kind of dot first (UTS #46), then by IDNA 2008 (RFC 5891).

    The case of an ASCII name and a dot at its end stay. None when it is no host name.
    """
    if len(host) > MAX_LENGTH:
        return None
    if host.isascii():
        return host
    import idna  # 9 ms, for names beyond ASCII alone

    ends = host.endswith(_DOTS)
    try:
        name = idna.encode(host[:-1] if ends else host, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return None
    return f"{name}." if ends else name


@cache
def _unseen() -> frozenset[int]:
    return frozenset(code for first, last in _UNSEEN_RANGES for code in range(first, last + 1))
