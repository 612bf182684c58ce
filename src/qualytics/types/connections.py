"""Documents on connections: what creates and changes them, and what is shown."""

from typing import Any, Literal, NotRequired, TypedDict

from qualytics.types.records import Reference

ConnectionKind = Literal["jdbc", "dfs", "native", "embedded"]


class ConnectionValues(TypedDict, total=False):
    """What every change and every new connection may hold, beside the name."""

    tags: list[str] | None
    owner: str | None
    host: str | None
    port: int | None
    username: str | None
    password: str | None
    passphrase: str | None
    uri: str | None
    access_key: str | None
    secret_key: str | None
    catalog: str | None
    catalog_type: str | None
    jdbc_fetch_size: int | None
    max_parallelization: int | None
    parameters: dict[str, Any] | None


class ConnectionChanges(ConnectionValues, total=False):
    """Changes of a connection; None unsets a field, or a parameter inside `parameters`.

    `tags` replace those there are; `add_tags` and `remove_tags` keep the others.
    """

    name: str
    add_tags: list[str] | None
    remove_tags: list[str] | None


class ConnectionFields(ConnectionValues):
    """The fields of a new connection; which of them a type needs, `qualytics connections types TYPE` shows."""

    type: str
    name: NotRequired[str]


class DatastoreStub(Reference):
    """A datastore as it stands inside a connection."""

    store_type: ConnectionKind
    type: str


class Connection(TypedDict):
    """A connection; its kind, `connection_type`, decides which of the other keys it has. Secrets are masked."""

    id: int
    name: str
    tags: list[str]
    owner: str | None
    type: str
    connection_type: ConnectionKind
    host: NotRequired[str | None]
    port: NotRequired[int | None]
    uri: NotRequired[str | None]
    username: NotRequired[str | None]
    password: NotRequired[str | None]
    passphrase: NotRequired[str | None]
    access_key: NotRequired[str | None]
    secret_key: NotRequired[str | None]
    catalog: NotRequired[str | None]
    catalog_type: NotRequired[str | None]
    parameters: dict[str, Any] | None
    jdbc_fetch_size: NotRequired[int | None]
    max_parallelization: int | None
    secrets_manager: NotRequired[dict[str, Any] | None]
    product_name: str | None
    product_version: str | None
    driver_name: str | None
    driver_version: str | None
    datastores: list[DatastoreStub] | None
    created: str


class Imported(TypedDict):
    """What became of one of a set of new connections.

    `skip` says that the same is there already, `refuse` that it breaks a rule; the id is None unless it was created.
    """

    action: Literal["create", "skip", "refuse"]
    id: int | None
    name: str | None
    reason: str | None
