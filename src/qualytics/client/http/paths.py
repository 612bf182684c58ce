"""Paths of requests: a record by its id, or by its name in the query, and what else a query asks."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from qualytics.model import Word
from qualytics.settings import BY_NAME, MAX_QUERY_TEXT

Query = list[tuple[str, Any]]
# The action that makes a record of another one.
COPY = "/copy"
# The action that gives its secrets.
USE = "/use"
# The filter of a list that looks at more than names.
SEARCH = "search"
# The filter by how connections do, and what sorts by it.
STATE = "state"
BY_STATE = "sort_state"


def path_of(collection: str, record: int | str, action: str = "") -> str:
    """Return the path of an action on a record, by its id or by its name.

    Raises:
        NotFound: no record has such a name.

    """
    if isinstance(record, int):
        return f"{collection}/{record}{action}"
    if not record or is_too_long(record):
        from qualytics.service import lookup  # no other request needs it

        raise lookup.missing(what_of(collection), record)
    key = "word" if isinstance(record, Word) and record.number is not None else "name"
    return with_query(f"{collection}/{BY_NAME}{action}", [(key, record)])


def what_of(collection: str) -> str:
    """Return what messages call a record of a collection."""
    return collection.rpartition("-")[2].strip("/").removesuffix("s")


def is_too_long(text: str | None) -> bool:
    """Say whether a filter is longer than any name, so that nothing can match it."""
    return text is not None and len(text) > MAX_QUERY_TEXT


def with_query(path: str, query: Query) -> str:
    """Return a path with more of a query."""
    if not query:
        return path
    return f"{path}{'&' if '?' in path else '?'}{urlencode(query, errors='surrogatepass')}"
