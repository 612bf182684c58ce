"""Masking by content: foreign text loses whatever is part of a secret, in whatever form it stands there.

A text is looked at in several views: as it is, and with escapes, entities, base64, hexadecimal digits and lists of
numbers undone, each once more on top of another. Each view can say where one of its characters stood in the text.
A view shows a part of a secret when eight characters in a row are the same, blanks, line ends and case aside. From
the first such place on the text is cut.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from qualytics.masking._decoding import TooMuch, View, views
from qualytics.masking._normal import BREAK, bare
from qualytics.masking._own_words import own_words, read_own_words
from qualytics.masking._parts import MIN_LENGTH, Parts, parts
from qualytics.secret import MASK

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from qualytics.secret import Secret

__all__ = ["LEFT_OUT", "MAX_TEXT", "Masking", "read_own_words"]

# So much of a text is looked at; nothing behind it is shown.
MAX_TEXT = 16_384
_EDGE = 1_024  # a part of a secret that begins here may end behind what was looked at
LEFT_OUT = "(left out: it could not be cleared of secrets)"
_MAX_PUBLIC = 4_096
# A server may have cut a value that it repeats, but not to less.
_ANCHOR = 16


class Masking:
    """Masks foreign text by the secrets of one call.

    `public` names members of JSON secrets that are none; `given` are the values of the call that are no secrets,
    and the names of its parameters: where a text repeats one of them it stays, whatever it has in common with a secret.
    """

    def __init__(
        self, secrets: Iterable[Secret], *, public: Collection[str] = (), given: Iterable[object] = ()
    ) -> None:
        self._secrets = [secret.reveal() for secret in secrets]
        self._public_members = public
        self._public_values = given

    def mask(self, text: str) -> str:
        """Return a foreign text, cut from the first place on that shows a part of a secret."""
        return self._masked(text, ())

    def mask_own(self, text: str) -> str:
        """Return a sentence of this program as it is, and what it says beside our own words masked."""
        masked = self._masked(text, ())
        return text if masked == text else self._masked(text, map(bare, own_words(text)))

    def mask_all(self, document: Any) -> Any:
        """Return a document from elsewhere, each of its texts masked as a sentence of this program may be."""
        if isinstance(document, str):
            return self.mask_own(document)
        if isinstance(document, dict):
            return {key: self.mask_all(value) for key, value in document.items()}
        return [self.mask_all(value) for value in document] if isinstance(document, list) else document

    def _masked(self, text: str, own: Iterable[str]) -> str:
        if not text or not self._parts:
            return text
        # The forms of public values are made in any case: a right guess takes hardly longer than a wrong one.
        public = (*self._public_forms, *own)
        shown = text[:MAX_TEXT]
        try:
            # Where the text itself shows a part, and nothing excuses it, what stands behind need not be decoded.
            if not public and (place := next(self._places([View(shown)], ()), None)) is not None:
                shown = shown[:place]
            place = min(self._places(views(shown, self._parts.min_length), public), default=len(shown))
        except TooMuch:
            return LEFT_OUT
        if place < min(len(text), MAX_TEXT):
            return shown[:place] + MASK
        return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - _EDGE] + "…"

    @cached_property
    def _parts(self) -> Parts:
        return Parts(part for value in self._secrets for part in parts(value, self._public_members))

    @cached_property
    def _public_forms(self) -> frozenset[str]:
        # Only what has something in common with a secret can be taken for a part of one.
        forms = (frozenset(_forms(value)) for value in _texts(self._public_values))
        return frozenset().union(*(those for those in forms if any(any(self._parts.spans_in(form)) for form in those)))

    def _places(self, decoded: Iterable[View], public: Collection[str]) -> Iterator[int]:
        """Yield where in the text the first part stands that each view of it shows."""
        compared = [(view, bare(view.text)) for view in decoded]
        spans = None
        for view, comparable in compared:
            for start, end in self._parts.spans_in(comparable):
                place = view.solid.root_place(start)
                if public:
                    spans = spans or _PublicSpans(compared, public)
                    if spans.cover(place, view.solid.root_place(end - 1)):
                        continue
                yield place
                break


class _PublicSpans:
    """Where a text repeats values that may be shown, in any form: in another it looks like a part of one."""

    def __init__(self, compared: Iterable[tuple[View, str]], public: Iterable[str]) -> None:
        spans = sorted(
            (view.solid.root_place(start), view.solid.root_place(end - 1))
            for view, comparable in compared
            for value in public
            for start, end in _repeated(comparable, value)
        )
        self._starts = [start for start, _ in spans]
        self._ends = list(accumulate((end for _, end in spans), max))

    def cover(self, start: int, end: int) -> bool:
        """Say whether such a value covers the characters from one to another."""
        index = bisect_right(self._starts, start) - 1
        return index >= 0 and self._ends[index] >= end


def _repeated(text: str, value: str) -> Iterator[tuple[int, int]]:
    anchor = value[:_ANCHOR]
    start = text.find(anchor)
    while start >= 0:
        end, most = start + len(anchor), min(len(text), start + len(value))
        while end < most and text[end] == value[end - start]:
            end += 1
        yield start, end
        start = text.find(anchor, max(start, end - len(anchor)) + 1)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value[:_MAX_PUBLIC]
    elif isinstance(value, dict):
        yield from _texts([*value, *value.values()])
    elif isinstance(value, int | float):
        yield str(value)
    elif value is not None:
        for item in value:
            yield from _texts(item)


def _forms(value: str) -> Iterator[str]:
    # As a text is looked at, so is what it repeats.
    try:
        for view in views(value, MIN_LENGTH):
            yield from (form for piece in view.text.split(BREAK) if len(form := bare(piece)) >= MIN_LENGTH)
    except TooMuch:
        yield bare(value)
