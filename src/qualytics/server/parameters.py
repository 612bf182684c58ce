"""What paths and queries of the API may hold, once: numbers of pages, ids, types, texts, orders and seconds."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.datastructures import State
from litestar.params import Parameter, QueryParameter

from qualytics import connectors
from qualytics.model import MAX_ID
from qualytics.settings import MAX_PAGE_SIZE, MAX_QUERY_TEXT, TEST_TIMEOUT_MAX_S

AnyRequest = Request[Any, Any, State]
Reply = Response[bytes]
Page = Annotated[int, Parameter(ge=1, le=1_000_000_000, description="number of the page, from 1")]
Size = Annotated[int, Parameter(ge=1, le=MAX_PAGE_SIZE, description="records of a page")]
Order = Annotated[str | None, Parameter(pattern="^(asc|desc)$", description="asc or desc")]
Id = Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]
Ids = Annotated[list[Id] | None, QueryParameter(name="id", max_items=100, description="ids that are wanted")]
Types = Annotated[list[str] | None, QueryParameter(name="type", max_items=100, description="types that are wanted")]
Text = Annotated[str | None, Parameter(max_length=MAX_QUERY_TEXT)]
Seconds = Annotated[float | None, Parameter(gt=0, le=TEST_TIMEOUT_MAX_S, description="seconds from a test's start")]
DryRun = Annotated[bool, Parameter(description="check all of it and answer as it would be, but store nothing")]


def order(**given: str | None) -> tuple[str, str]:
    """Return what a list is sorted by, and the direction; by id where nothing is given."""
    return next(((name, direction) for name, direction in given.items() if direction), ("id", "asc"))


def types_of(names: list[str] | None) -> tuple[str, ...]:
    """Return the types of a query, by their own names."""
    return tuple(dict.fromkeys(connectors.get(name).type for name in names or ()))
