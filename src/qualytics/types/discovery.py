"""Documents on what a connection can see."""

from typing import TypedDict

from qualytics.types.records import Reference


class Name(TypedDict):
    """A catalog or a schema; `is_system` marks what the engine itself keeps."""

    name: str
    is_system: bool
    existing_datastores: list[Reference]


class Table(Name):
    """A table or view; of an object store, a prefix or an object."""

    kind: str


class Names(TypedDict):
    """Catalogs or schemas."""

    items: list[Name]
    next: str | None


class Tables(TypedDict):
    """A page of tables; `next` is where the next page begins, None at the end."""

    items: list[Table]
    next: str | None
