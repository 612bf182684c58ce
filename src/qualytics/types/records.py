"""Documents on records of every sort: a page, a reference, what was deleted, the history."""

from typing import Generic, NotRequired, TypedDict, TypeVar

T = TypeVar("T")


class Page(TypedDict, Generic[T]):
    """One page of a list."""

    items: list[T]
    total: int
    page: int
    size: int
    pages: int


class Deleted(TypedDict):
    """What was deleted, or with a dry run, where `deleted` is false, would be."""

    id: int
    name: str | None
    deleted: bool


class Reference(TypedDict):
    """A record that another document names."""

    id: int
    name: str


class Author(TypedDict):
    """Who changed something; without an id, the owner of the store."""

    id: int | None
    name: str


class Version(TypedDict):
    """What was done to a record: by whom, when, and the names of fields, never their values.

    `given` are those that a test put in place of stored ones, `what` a listing showed, `source` was copied, `purpose`
    is that of a use.
    """

    id: int
    created: str
    user: Author
    action: str
    version: NotRequired[int]
    changed: NotRequired[list[str]]
    given: NotRequired[list[str]]
    what: NotRequired[str]
    source: NotRequired[int]
    purpose: NotRequired[str]


class History(TypedDict):
    """Who changed a record and when, the newest first."""

    id: int
    created: str
    versions: list[Version]
