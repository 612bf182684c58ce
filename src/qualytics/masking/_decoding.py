"""A text in other forms: what its readers may undo, each with the place in the text where a character stood."""

from __future__ import annotations

import binascii
import functools
import re
from bisect import bisect_right
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING

from qualytics.masking._normal import BREAK, blank_marks, joined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ESCAPE_SIGNS = "\\%&"
DOUBLED_SIGNS = ("''", '""', "``", "{{", "}}", "]]", "%%", "$$")
# All views of a text together hold at most so many times its characters, and so many more.
_BUDGET = 48
_BASE = 16_384
_BLOCK = 64


class TooMuch(Exception):
    """Undoing the forms of a text takes more than it may."""


class View:
    """A text as another reads it; `place` gives the place in the view that it was made from."""

    def __init__(self, text: str, origin: View | None = None, place: Callable[[int], int] = int) -> None:
        self.text, self.origin, self.place = text, origin, place

    @functools.cached_property
    def solid(self) -> View:
        """The view without its blanks."""
        text = joined(self.text)
        return self if len(text) == len(self.text) else View(text, self, self._place_with_blanks)

    def _place_with_blanks(self, at: int) -> int:
        marks, counts = self._counted
        block = bisect_right(counts, at) - 1
        place = block * _BLOCK - 1
        for _ in range(at - counts[block] + 1):
            place = marks.find(b" ", place + 1)
        return place

    @functools.cached_property
    def _counted(self) -> tuple[bytes, list[int]]:
        # Where blanks are, and how many characters beside them stand before each block; most texts are asked but once.
        marks = blank_marks(self.text)
        blocks = range(0, len(marks), _BLOCK)
        return marks, [0, *accumulate(marks.count(b" ", start, start + _BLOCK) for start in blocks)]

    def root_place(self, at: int) -> int:
        """Return where a character stood in the text that all began with."""
        view: View | None = self
        while view is not None:
            at, view = view.place(at), view.origin
        return at


def views(text: str, shortest: int) -> Iterator[View]:
    """Yield a text in every form in which a part of a secret of at least so many characters may be read in it.

    Raises:
        TooMuch: undoing its forms takes more than a text is worth.

    """
    left = _BUDGET * len(text) + _BASE
    for view in _all(View(text), shortest):
        left -= len(view.text)
        if left < 0:
            raise TooMuch
        yield view


def _all(root: View, shortest: int) -> Iterator[View]:
    for sign in ESCAPE_SIGNS:  # what looks like an escape of another kind may be meant as it stands
        if (only := _without_escapes(root, sign)) is not None:
            yield only
    for base in _undone_twice(root):
        yield base
        if (single := _without_doubles(base)) is not None:
            yield single
        for outer in _decoded(base, shortest):
            yield outer
            if (readable := _readable(outer, shortest)) is not None:
                yield from _decoded(readable, shortest)
                if (inner := _without_escapes(readable)) is not None:
                    yield inner


def _undone_twice(view: View) -> Iterator[View]:
    yield view
    if (once := _without_escapes(view)) is not None:
        yield once
        if (twice := _without_escapes(once)) is not None:
            yield twice


def _decoded(view: View, shortest: int) -> Iterator[View]:
    yield from _of_base64(view.solid)
    yield from _of_hex(view.solid, shortest)
    yield from _of_numbers(view, shortest)
    for columns in _without_columns(view):
        yield columns
        yield from _of_hex(columns.solid, shortest)
        yield from _of_numbers(columns, shortest)


def _gathered(view: View, pieces: list[tuple[str, int, int]], between: str = BREAK) -> Iterator[View]:
    # Each piece with where it began, and how many characters made one of its own.
    if not pieces:
        return
    outs = [0, *accumulate(len(text) + len(between) for text, _, _ in pieces)]

    def place(at: int) -> int:
        index = min(bisect_right(outs, at), len(pieces)) - 1
        _, start, width = pieces[index]
        return start + (at - outs[index]) * width

    yield View(between.join(text for text, _, _ in pieces), view, place)


def _substituted(view: View, pattern: re.Pattern[str], other: Callable[[re.Match[str]], str]) -> View | None:
    pieces: list[str] = []
    outs, ins = [0], [0]  # of each stretch that is the same in both, and of each that is not
    last = out = 0
    for match in pattern.finditer(view.text):
        start, end = match.span()
        new = other(match)
        pieces += (view.text[last:start], new)
        out += start - last
        outs += (out, out + len(new))
        ins += (start, end)
        out += len(new)
        last = end
    if not pieces:
        return None
    pieces.append(view.text[last:])

    def place(at: int) -> int:
        index = bisect_right(outs, at) - 1
        return ins[index] + (0 if index % 2 else at - outs[index])

    return View("".join(pieces), view, place)


@functools.cache
def _escapes() -> re.Pattern[str]:
    return re.compile(
        r"""\\(?: u\{(?P<braced>[0-9A-Fa-f]{1,6})\} | x\{(?P<perl>[0-9A-Fa-f]{1,6})\}
              | U(?P<long>[0-9A-Fa-f]{8}) | u(?P<json>[0-9A-Fa-f]{4}) | x(?P<byte>[0-9A-Fa-f]{2})
              | (?P<octal>[0-3]?[0-7]{1,2}) | (?P<sign>.) )
          | %u(?P<script>[0-9A-Fa-f]{4}) | %(?P<percent>[0-9A-Fa-f]{2})
          | &\#[xX](?P<entity>[0-9A-Fa-f]{1,6});? | &\#(?P<number>[0-9]{1,7});?
          | &(?P<name>[A-Za-z][A-Za-z0-9]{1,31});""",
        re.VERBOSE | re.DOTALL,
    )


_SIGNS = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b"}


def _undo(match: re.Match[str]) -> str:
    kind, value = str(match.lastgroup), match[str(match.lastgroup)]
    if kind == "sign":
        return _SIGNS.get(value, value)
    if kind == "name":
        import html

        return html.unescape(match[0])
    number = int(value, 8 if kind == "octal" else 10 if kind == "number" else 16)
    return chr(number) if number < 0x110000 else ""


def _without_escapes(view: View, signs: str = ESCAPE_SIGNS) -> View | None:
    if not any(sign in view.text for sign in signs):
        return None
    undo = _undo if signs == ESCAPE_SIGNS else lambda match: _undo(match) if match[0][0] in signs else match[0]
    return _substituted(view, _escapes(), undo)


def undone(text: str, signs: str = ESCAPE_SIGNS) -> str:
    """Return a text with the escapes that begin with these signs undone."""
    return _escapes().sub(lambda match: _undo(match) if match[0][0] in signs else match[0], text)


_DOUBLED = re.compile(r"""(['"`{}\]%$])\1+""")


def single(text: str) -> str:
    """Return a text with each sign once that some write twice."""
    return _DOUBLED.sub(r"\1", text)


def _without_doubles(view: View) -> View | None:
    # A quote inside quotes may be written twice, and so may a brace.
    if not any(sign in view.text for sign in DOUBLED_SIGNS):
        return None
    return _substituted(view, _DOUBLED, lambda match: match[1])


_SIX_BITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
# Whatever is no character of base64 counts as one, and does no harm beside a run of them.
_AS_BASE64 = bytes(code if code in _SIX_BITS else 43 if code == 45 else 47 for code in range(256))


def _of_base64(view: View) -> Iterator[View]:
    # A run may begin anywhere in a group of four characters, for something else may stand right before it.
    raw = view.text.encode("latin-1", "replace").translate(_AS_BASE64)
    for shift in range(min(4, len(raw))):
        part = raw[shift : shift + (len(raw) - shift) // 4 * 4]
        if part:
            yield View(binascii.a2b_base64(part).decode("latin-1"), view, partial(_place_of_base64, shift))


def _place_of_base64(shift: int, at: int) -> int:
    return shift + at * 4 // 3


_DIGITS = bytes(120 if chr(code) in "0123456789ABCDEFabcdef" else 32 for code in range(256))


def _of_hex(view: View, shortest: int) -> Iterator[View]:
    marks = view.text.encode("latin-1", "replace").translate(_DIGITS)
    pieces = []
    for start, end in _runs(marks, 2 * shortest):
        for first in (start, start + 1):  # another digit may stand right before it
            digits = view.text[first : first + (end - first) // 2 * 2]
            pieces.append((bytes.fromhex(digits).decode("latin-1"), first, 2))
    yield from _gathered(view, pieces)


def _runs(marks: bytes, least: int) -> Iterator[tuple[int, int]]:
    """Yield where at least so many x stand in a row."""
    start = marks.find(b"x" * least)
    while start >= 0:
        end = marks.find(b" ", start)
        end = len(marks) if end < 0 else end
        yield start, end
        start = marks.find(b"x" * least, end)


@functools.cache
def _number_lists() -> re.Pattern[str]:
    # What may stand before a number is looked at behind its first digit: so most characters are passed over quickly.
    number = r"[0-9A-Fa-f]{1,16}\b"
    return re.compile(
        rf"[0-9A-Fa-f](?<![0-9A-NP-WYZa-np-wyz].)[0-9A-Fa-f]{{0,15}}\b(?:[^0-9A-Za-z./]{{1,24}}(?:0[xXoO]|\\?[xX]|[uU]\+)?{number})+"
    )


_NUMBER = re.compile(r"((?<![0-9A-Za-z])-)?(?:0[xXoO]|\\[xX]|[uU]\+)?([0-9A-Fa-f]{1,16})\b")
# As JSON.stringify shows an array of bytes: {"0":104,"1":117}.
_INDEX = re.compile(r'"[0-9]{1,6}"\s*:')


def _of_numbers(view: View, shortest: int) -> Iterator[View]:
    if '":' in view.text and (unnumbered := _substituted(view, _INDEX, lambda _match: "")) is not None:
        view = unnumbered
    numbers: list[tuple[int, str | None, str]] = []
    for region in _number_lists().finditer(view.text):
        here = [(match.start() + region.start(), match[1], match[2]) for match in _NUMBER.finditer(region[0])]
        if sum(len(digits) + 1 >> 1 for _, _, digits in here) >= shortest:
            numbers += (*here, (region.end(), None, ""))
    if numbers:
        for read in (_decimal, _octal, _hexadecimal, _swapped):
            yield _listed(view, numbers, read)


def _listed(view: View, numbers: list[tuple[int, str | None, str]], read: Callable[[str | None, str], str]) -> View:
    pieces = [read(sign, digits) if digits else BREAK for _, sign, digits in numbers]

    outs = [0, *accumulate(map(len, pieces))]
    return View("".join(pieces), view, lambda at: numbers[min(bisect_right(outs, at), len(numbers)) - 1][0])


@functools.lru_cache(4_096)
def _decimal(sign: str | None, digits: str) -> str:
    if not digits.isdigit() or len(digits) > 6:
        return BREAK
    number = int(digits)
    return chr(256 - number if sign and 0 < number <= 128 else min(number, 0x10FFFF))


@functools.lru_cache(4_096)
def _octal(_sign: str | None, digits: str) -> str:
    try:
        return chr(int(digits, 8) & 0xFF) if len(digits) <= 4 else BREAK
    except ValueError:
        return BREAK


@functools.lru_cache(4_096)
def _hexadecimal(_sign: str | None, digits: str) -> str:
    return bytes.fromhex("0" * (len(digits) % 2) + digits).decode("latin-1")


@functools.lru_cache(4_096)
def _swapped(sign: str | None, digits: str) -> str:
    return _hexadecimal(sign, digits)[::-1]  # words of a machine that puts the low byte first


_OFFSET_END = re.compile(r"[0-9A-Fa-f]{4}[:h]?[ \t]")


@functools.cache
def _dump_lines() -> re.Pattern[str]:
    offset = r"(?:^[ \t]*(?:0[xX])?[0-9A-Fa-f]{4,16}[:h]?|(?<![0-9A-Za-z])(?:0[xX])?[0-9A-Fa-f]{4,16}:)[ \t]+"
    number = r"[0-9A-Fa-f]{1,8}"
    return re.compile(rf"{offset}(?:({number}(?:[ \t-]{{1,4}}{number})*)(?![^\s|])|([^\n]+))", re.MULTILINE)


def _without_columns(view: View) -> Iterator[View]:
    # A dump has an offset before the bytes of each line, and their characters behind them.
    if not _OFFSET_END.search(view.text):
        return
    lines = []
    for match in _dump_lines().finditer(view.text):
        group = match.lastindex or 0
        lines.append((match[group], match.start(group), 1))
    if len(lines) > 1:
        yield from _gathered(view, lines, "\n")


_READABLE = bytes(120 if 32 <= code < 127 or code in b"\t\r\n" else 32 for code in range(256))


def _readable(view: View, shortest: int) -> View | None:
    # What was decoded by chance is noise; only where it can be read may something else stand in it.
    runs = _runs(view.text.encode("latin-1", "replace").translate(_READABLE), shortest + 1)
    return next(_gathered(view, [(view.text[start:end], start, 1) for start, end in runs]), None)
