"""Paths of requests: a record by its id, or by its name in the query, and what else a query asks."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from qualytics.errors import NotFound
from qualytics.model import Word
from qualytics.settings import MAX_QUERY_TEXT

Query = list[tuple[str, Any]]
# What stands in a path in place of an id where the query names the record.
BY_NAME = "by-name"


def path_of(collection: str, record: int | str, action: str = "") -> str:
    """Return the path of an action on a record, by its id or by its name.

    Raises:
        NotFound: no record has such a name.

    """
    if isinstance(record, int):
        return f"{collection}/{record}{action}"
    if not record or is_too_long(record):
        raise no_record(collection, record)
    key = "word" if isinstance(record, Word) and record.number is not None else "name"
    return with_query(f"{collection}/{BY_NAME}{action}", [(key, record)])


def no_record(collection: str, name: str, guess: str | None = None) -> NotFound:
    """Return the error that no record of a collection has a name, with the nearest name."""
    what = collection.strip("/")
    listing = "users list and service-accounts list show" if what == "users" else f"{what} list shows"
    hint = f"did you mean {guess!r}?" if guess else f"qualytics {listing} all"
    return NotFound(f"there is no {what.removesuffix('s')} {str(name)!r}", hint)


def is_too_long(text: str | None) -> bool:
    """Say whether a filter is longer than any name, so that nothing can match it."""
    return text is not None and len(text) > MAX_QUERY_TEXT


def with_query(path: str, query: Query) -> str:
    """Return a path with more of a query."""
    if not query:
        return path
    return f"{path}{'&' if '?' in path else '?'}{urlencode(query, errors='surrogatepass')}"
