"""What somebody pastes into a form: a connection as another tool writes it, or an error message of any tool."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from qualytics import connectors
from qualytics.errors import InvalidInput, Problem
from qualytics.fields import MAX_SECRET
from qualytics.service.connections.explain import explain
from qualytics.service.foreign import strings, urls
from qualytics.service.foreign.entries import Entry, Unreadable
from qualytics.service.foreign.matching import Candidate, match
from qualytics.structs import Struct

if TYPE_CHECKING:
    from qualytics.types import Verdict

_TOOL, _PLACE = "paste", "the pasted text"


class Pasted(Struct):
    """What a pasted text is: the `candidate` of a connection, or the `verdict` on a message."""

    candidate: Candidate | None = None
    verdict: Verdict | None = None


def read(text: str, type_name: str | None = None) -> Pasted:
    """Return what a pasted text is: a URL, another connection string, or else a message.

    `type_name` is the type of connection that it is about, None where that is not known. A file that the text
    names is not read, as it is one of another machine. Nothing of a text is repeated in an error.

    Raises:
        InvalidInput: it is empty or too long, a URL or string that cannot be read, or a message that says nothing.

    """
    words = text.strip()
    if len(words) > MAX_SECRET:
        raise InvalidInput([Problem("paste", "the pasted text is too long", f"{MAX_SECRET:,} characters are the most")])
    if (entry := _entry(words, type_name)) is None:
        return Pasted(verdict=explain(type_name, words))
    candidate = match(entry, reads_files=False)
    if candidate.type is None:
        raise InvalidInput([Problem("paste", f"this is no connection that is known here: {candidate.reason}")])
    return Pasted(candidate)


def _entry(words: str, type_name: str | None) -> Entry | None:
    """Return a text as an entry of another tool, None for one that is a message."""
    try:
        if (entry := strings.parse(words, _TOOL, _PLACE, type_name=type_name)) is not None:
            return entry
    except Unreadable as exc:
        raise InvalidInput([Problem("paste", exc.problem)]) from None
    if not urls.is_url(words) or re.search(r"\s", words):
        return None
    if word := _word_of_files(words):
        return Entry(None, _TOOL, word, _PLACE, {"uri": words})
    try:
        return urls.parse(words, _TOOL, _PLACE)
    except Unreadable as exc:
        raise InvalidInput([Problem("paste", f"the URL cannot be read: {exc.problem}")]) from None


def _word_of_files(url: str) -> str | None:
    """Return the word for the type of a store of files whose address this is, None where it is another URL."""
    for connector in connectors.all_connectors():
        if connector.kind == "dfs" and connector.clean_uri is not None and connector.foreign is not None:
            with contextlib.suppress(ValueError):
                connector.clean_uri(url)
                return connector.foreign.names[0]
    return None
