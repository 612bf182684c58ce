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

from qualytics.masking._letters import BREAK, bare
from qualytics.masking._needles import SHORTEST, Needles, parts
from qualytics.masking._own import own_words, read_own_words
from qualytics.masking._views import TooMuch, View, views
from qualytics.secret import MASK

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from qualytics.secret import Secret

__all__ = ["LEFT_OUT", "MAX_TEXT", "Masking", "read_own_words"]

# So much of a text is looked at; nothing behind it is shown.
MAX_TEXT = 16_384
_EDGE = 1_024  # a part of a secret that begins here may end behind what was looked at
LEFT_OUT = "(left out: it could not be cleared of secrets)"
_MAX_GIVEN = 4_096
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
        self._public = public
        self._given = given

    def mask(self, text: str) -> str:
        """Return a foreign text, cut from the first place on that shows a part of a secret."""
        return self._masked(text, ())

    def mask_own(self, text: str) -> str:
        """Return a sentence of this program as it is, and what it says beside our own words masked."""
        masked = self._masked(text, ())
        return text if masked == text else self._masked(text, map(bare, own_words(text)))

    def mask_all(self, found: Any) -> Any:
        """Return a document from elsewhere, each of its texts masked as a sentence of this program may be."""
        if isinstance(found, str):
            return self.mask_own(found)
        if isinstance(found, dict):
            return {key: self.mask_all(value) for key, value in found.items()}
        return [self.mask_all(value) for value in found] if isinstance(found, list) else found

    def _masked(self, text: str, own: Iterable[str]) -> str:
        if not text or not self._needles:
            return text
        looked_at = text[:MAX_TEXT]
        try:
            # The forms of given values are made in any case: a right guess takes hardly longer than a wrong one.
            first = min(self._places(looked_at, (*self._shown, *own)), default=None)
        except TooMuch:
            return LEFT_OUT
        if first is not None:
            return looked_at[:first] + MASK
        return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - _EDGE] + "…"

    @cached_property
    def _needles(self) -> Needles:
        return Needles(part for value in self._secrets for part in parts(value, self._public))

    @cached_property
    def _shown(self) -> frozenset[str]:
        # Only what has something in common with a secret can be taken for a part of one.
        forms = (frozenset(_forms(value)) for value in _texts(self._given))
        return frozenset().union(*(known for known in forms if any(any(self._needles.hits(form)) for form in known)))

    def _places(self, text: str, shown: Collection[str]) -> Iterator[int]:
        looked_at = [(view, bare(view.text)) for view in views(text, self._needles.shortest)]
        spans = None
        for view, comparable in looked_at:
            for start, end in self._needles.hits(comparable):
                spans = spans or _Spans(looked_at, shown)
                place = view.solid.root_place(start)
                if not spans.hold(place, view.solid.root_place(end - 1)):
                    yield place
                    break


class _Spans:
    """Where a text repeats values that may be shown, in any form: in another it looks like a part of one."""

    def __init__(self, looked_at: Iterable[tuple[View, str]], shown: Iterable[str]) -> None:
        found = []
        for view, comparable in looked_at:
            for start, end in (span for value in shown for span in _repeated(comparable, value)):
                found.append((view.solid.root_place(start), view.solid.root_place(end - 1)))
        found.sort()
        self._starts = [start for start, _ in found]
        self._ends = list(accumulate((end for _, end in found), max))

    def hold(self, start: int, end: int) -> bool:
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


def _texts(found: Any) -> Iterator[str]:
    if isinstance(found, str):
        yield found[:_MAX_GIVEN]
    elif isinstance(found, dict):
        yield from _texts([*found, *found.values()])
    elif isinstance(found, int | float):
        yield str(found)
    elif found is not None:
        for value in found:
            yield from _texts(value)


def _forms(value: str) -> Iterator[str]:
    # As a text is looked at, so is what it repeats.
    try:
        for view in views(value, SHORTEST):
            yield from (form for piece in view.text.split(BREAK) if len(form := bare(piece)) >= SHORTEST)
    except TooMuch:
        yield bare(value)
