"""What paths and queries of the API may hold, once: numbers of pages, ids, types, texts, orders and seconds."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.datastructures import State
from litestar.params import Parameter, QueryParameter

from qualytics import connectors
from qualytics.errors import InvalidInput, Problem
from qualytics.model import MAX_ID, OUTCOMES, STATES, Word
from qualytics.settings import BY_NAME, MAX_PAGE_SIZE, MAX_QUERY_TEXT, TEST_TIMEOUT_MAX_S
from qualytics.text import alternatives

if TYPE_CHECKING:
    from collections.abc import Sequence

_ID_IN_PATH = re.compile(r"\{\w+:int\}")

AnyRequest = Request[Any, Any, State]
Reply = Response[bytes]
Page = Annotated[int, Parameter(ge=1, le=1_000_000_000, description="number of the page, from 1")]
Size = Annotated[int, Parameter(ge=1, le=MAX_PAGE_SIZE, description="records of a page")]
Order = Annotated[str | None, Parameter(pattern="^(asc|desc)$", description="asc or desc")]
Id = Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]
Ids = Annotated[list[Id] | None, QueryParameter(name="id", max_items=100, description="ids that are wanted")]
Types = Annotated[list[str] | None, QueryParameter(name="type", max_items=100, description="types that are wanted")]
Tags = Annotated[list[str] | None, QueryParameter(name="tag", max_items=100, description="tags that all must be there")]
States = Annotated[
    list[str] | None,
    QueryParameter(name="state", max_items=100, description=f"states that are wanted: {alternatives(STATES)}"),
]
Text = Annotated[str | None, Parameter(max_length=MAX_QUERY_TEXT)]
# What a query has several texts of is short, so that all of them together make no address that is too long.
Moment = Annotated[str | None, Parameter(max_length=40, description="a day in UTC, or a moment, as ISO 8601 has it")]
Outcome = Annotated[str | None, Parameter(max_length=20, description=f"how it ended: {alternatives(OUTCOMES)}")]
Seconds = Annotated[float | None, Parameter(gt=0, le=TEST_TIMEOUT_MAX_S, description="seconds from a test's start")]
DryRun = Annotated[bool, Parameter(description="check all of it and answer as it would be, but store nothing")]


def with_names(routes: Sequence[Any]) -> list[Any]:
    """Return routes, and beside each of a record one that takes a name in the query in place of the id in the path.

    No path carries every name unchanged: proxies decode slashes in it, and take dots away.
    """
    return [*routes, *(_by_name(route) for route in routes if _ID_IN_PATH.search(min(route.paths)))]


def _by_name(route: Any) -> Any:
    named = copy.copy(route)
    named.paths = {_ID_IN_PATH.sub(BY_NAME, path) for path in route.paths}
    return named


def record_of(request: AnyRequest) -> int | str:
    """Return which record a request is about: its id, or its `name`, or the `word` that a user typed.

    Raises:
        InvalidInput: there is neither, or more than one, or what is too long for any name.

    """
    if request.path_params:
        return int(next(iter(request.path_params.values())))
    given = [(key, value) for key in ("name", "word") for value in request.query_params.getall(key, [])]
    if len(given) != 1 or not given[0][1]:
        raise InvalidInput([Problem("name", "one name is needed", "as in by-name?name=prod", "missing-value")])
    key, value = given[0]
    if len(value) > MAX_QUERY_TEXT:
        raise InvalidInput([Problem(key, f"{key} has {len(value):,} characters", f"{MAX_QUERY_TEXT:,} is the most")])
    return Word(value) if key == "word" else str(value)


def order(**given: str | None) -> tuple[str, str]:
    """Return what a list is sorted by, and the direction; by id where nothing is given."""
    return next(((name, direction) for name, direction in given.items() if direction), ("id", "asc"))


def types_of(names: list[str] | None) -> tuple[str, ...]:
    """Return the types of a query, by their own names."""
    return tuple(dict.fromkeys(connectors.get(name).type for name in names or ()))
