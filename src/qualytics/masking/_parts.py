"""Parts of secrets that are looked for, in the forms that a text without blanks may hold."""

from __future__ import annotations

import binascii
import json
import re
from array import array
from itertools import combinations, compress, count
from typing import TYPE_CHECKING, Any

from qualytics.fields import MAX_SECRET
from qualytics.masking._decoding import DOUBLED_SIGNS, ESCAPE_SIGNS, single, undone
from qualytics.masking._normal import bare, blank_spans, joined, lowered
from qualytics.text import normalized

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

# What so many characters of a secret in a row are, is masked; of a shorter one all, unless it is too short for that.
RUN = 8
MIN_LENGTH = 4
_MIN_BINARY = 24
_APART = "\ufffe"  # and not what stands between the pieces of a view
_ARMOUR = re.compile(r"-----(?:BEGIN|END) [^-\n]{1,64}-----")


class Parts:
    """The parts of secrets, without blanks and in one case, and a quick way to see that a text holds none."""

    def __init__(self, parts: Iterable[str]) -> None:
        parts = list(dict.fromkeys(parts))
        long = dict.fromkeys(bare(part) for part in parts if len(part) >= RUN)
        whole = [text for part in parts if len(part) < RUN and len(text := bare(part)) >= MIN_LENGTH]
        cut = (text for part in parts if len(part) >= RUN for text in _around_blanks(part) if len(text) >= MIN_LENGTH)
        self._short = {*whole, *cut}
        self._long = _APART.join((*long, *whole))
        self._lengths = sorted({len(text) for text in self._short})
        self.min_length = min([RUN, *self._lengths])
        # A text is looked at in steps of four characters, or of fewer where fewer are all that need be there.
        self._steps = range(0, 4, 4 if self.min_length > 6 else 2 if self.min_length > 4 else 1)
        self._seeds: set[int] = set()
        for raw in map(_low_bytes, (*long, *whole)):
            for shift in range(4):
                self._seeds.update(_fours(raw, shift))

    def __bool__(self) -> bool:
        """Say whether there is anything to look for."""
        return bool(self._seeds)

    def spans_in(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where parts stand in a text, the first place first."""
        raw = _low_bytes(text)
        for start in self._candidates(text, raw):
            run = text[start : start + RUN]
            if len(run) == RUN and run in self._long:
                yield start, start + RUN
            for length in self._lengths:
                if text[start : start + length] in self._short:
                    yield start, start + length

    def _candidates(self, text: str, raw: bytes) -> Iterator[int]:
        seeds = self._seeds
        places: list[int] = []
        for shift in self._steps:
            fours = _fours(raw, shift)
            if not seeds.isdisjoint(fours):
                places += compress(count(shift, 4), map(seeds.__contains__, fours))
        done = 0
        for at in sorted(places):
            # Most are alike by chance, and no two characters before or behind are.
            near = text[at : at + 6] in self._long or text[max(0, at - 2) : at + 4] in self._long
            if near or self.min_length < RUN - 1:
                yield from range(max(done, at - RUN + 4), at + 1)
                done = at + 1


def _low_bytes(text: str) -> bytes:
    # What is compared first; letters that differ beyond it are told apart afterwards.
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-32-le", "surrogatepass")[::4]


def _fours(raw: bytes, shift: int) -> array[int]:
    return array("I", raw[shift : shift + (len(raw) - shift) // 4 * 4])


def _around_blanks(part: str) -> Iterator[str]:
    # Eight characters of which some are blanks, but none at an end: else they are fewer.
    folded = lowered(part)
    blanks = blank_spans(part)
    bounds = [(-RUN, -RUN), *blanks, (len(part) + RUN, len(part) + RUN)]
    for (_, before), (start, end), (after, _) in zip(bounds, blanks, bounds[2:], strict=False):
        if end - start == 1 and start - before >= RUN - 1 and after - end >= RUN - 1:  # as between the lines of a PEM
            near = folded[max(0, start - RUN + 2) : start] + folded[end : end + RUN - 2]
            yield from (near[at : at + RUN - 1] for at in range(len(near) - RUN + 2))
            continue
        for at in range(max(0, start - RUN + 2), min(start, len(part) - RUN + 1)):
            run = folded[at : at + RUN]
            if run.strip() == run:
                yield "".join(run.split())


def parts(value: str, public: Collection[str] = ()) -> Iterator[str]:
    """Yield all texts that are secret in a secret: itself, or the strings inside JSON and PEM, in their own forms."""
    for part in _inner(value, public, depth=2):
        if isinstance(part, bytes):
            yield joined(part.decode("latin-1"))
            continue
        for text in (part, part.replace(" ", "+")):  # as in the query of a URL
            yield from _undone_or_not(text)
            if not text.isascii():
                yield from _other_letters(text)


def _undone_or_not(text: str) -> Iterator[str]:
    # What looks like an escape in a secret may be undone with those of the text around it, or not.
    once = {undone(text, signs) for signs in _some_of([sign for sign in ESCAPE_SIGNS if sign in text])}
    for form in {text, *once, *map(undone, once)}:
        yield form
        if any(sign in form for sign in DOUBLED_SIGNS):
            yield single(form)


def _some_of(signs: Collection[str]) -> Iterator[str]:
    for number in range(1, len(signs) + 1):
        yield from map("".join, combinations(signs, number))


def _inner(value: str, public: Collection[str], depth: int) -> Iterator[str | bytes]:
    strings = list(_strings(_parsed(value), public)) if value.lstrip()[:1] in {"{", "["} else []
    if any(len(text) >= MIN_LENGTH for text in strings):
        for text in strings:
            yield from _inner(text, public, depth - 1) if depth else (text,)
        if public:
            return
    for text in _ARMOUR.split(value):
        yield text
        if depth and (binary := _from_base64(text)) is not None:
            try:
                yield from _inner(binary.decode(), public, depth - 1)
            except UnicodeDecodeError:
                yield binary


def _parsed(value: str) -> Any:
    try:
        return json.loads(value, strict=False)
    except (ValueError, RecursionError):
        return None


_URL_SAFE = str.maketrans("-_", "+/")


def _strings(value: Any, public: Collection[str]) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in public:
                yield from _strings(item, public)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item, public)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield str(value)


def _from_base64(text: str) -> bytes | None:
    # The bytes of a key, which a driver may show in place of its text.
    bare = joined(text.replace("\\n", "")).translate(_URL_SAFE)
    if len(bare) < _MIN_BINARY or len(bare) % 4:
        return None
    try:
        return binascii.a2b_base64(bare, strict_mode=True)
    except ValueError:
        return None


def _other_letters(text: str) -> Iterator[str]:
    # Letters beyond ASCII as other bytes, in other cases and compositions.
    wide = text.encode("utf-16-le", "surrogatepass")
    yield "".join(chr(wide[at] | wide[at + 1] << 8) for at in range(0, len(wide), 2))  # JSON's pairs of \u
    yield wide.decode("latin-1")
    yield text.encode("utf-16-be", "surrogatepass").decode("latin-1")
    for form in {
        text,
        text.upper(),
        text.lower(),
        normalized(text, "NFC", MAX_SECRET) or text,
        normalized(text, "NFD", MAX_SECRET) or text,
    }:
        yield form
        yield form.encode("utf-8", "surrogatepass").decode("latin-1")
