"""Names of records on servers of this API that take ids alone: looked up there, page by page."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from qualytics import text
from qualytics.client.http import replies
from qualytics.client.http.paths import Query, is_too_long, what_of, with_query
from qualytics.errors import UsageError
from qualytics.model import Word
from qualytics.service import lookup
from qualytics.service.validate import fold
from qualytics.settings import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Pages = Callable[[str, Query], Iterator[list[Any]]]

# How each list is asked for a whole name; a server that does not know the filter gives all, or a part's.
_FILTERS = {"/connections": "name_exact", "/datastores": "name", "/users": "name", "/user-tokens": "name"}


def with_id(pages: Pages, path: str) -> str:
    """Return the path of a request with the id in place of the name; `pages` gives the records of a list.

    Raises:
        NotFound: there is no record of that name.
        UsageError: the name means more than one, or a word of digits is the name of another record.

    """
    path, _, query = path.partition("?")
    collection, _, action = path.partition(f"/{BY_NAME}")
    (key, name), *rest = parse_qsl(query, keep_blank_values=True, errors="surrogatepass")
    record = _id_of(pages, collection, Word(name) if key == "word" else name)
    return with_query(f"{collection}/{record}{action}", rest)


def _id_of(pages: Pages, collection: str, name: str) -> int:
    what = what_of(collection)
    similar = _of_name(pages, collection, name)
    exact = [record for record in similar if record.get("name") == name]
    ids = sorted({replies.id_of(record) for record in exact or similar})
    if isinstance(name, Word) and name.number is not None:
        lookup.require_one_meaning(what, name, next((number for number in ids if number != name.number), None))
        return name.number
    if len(ids) > 1:
        listed = ", ".join(map(str, ids))
        raise UsageError(f"{len(ids)} {what}s are named {name!r}: {listed}", f"give --id {ids[0]}, or another of them")
    if not ids:
        raise lookup.missing(what, str(name), _guess(pages, collection, name))
    return ids[0]


def _of_name(pages: Pages, collection: str, name: str) -> list[dict[str, Any]]:
    wanted = fold(name)
    return [
        record
        for page in ([] if is_too_long(name) else pages(collection, [(_FILTERS[collection], name.strip())]))
        for record in page
        if fold(str(record.get("name"))) == wanted
    ]


def _guess(pages: Pages, collection: str, name: str) -> str | None:
    if collection.startswith("/user") or is_too_long(name):
        return None
    names = (str(record.get("name")) for page in pages(collection, []) for record in page)
    return text.nearest(name, islice(names, lookup.MAX_GUESSED))
