"""Documents on datastores: what creates and changes them, and what is shown."""

from typing import Literal, NotRequired, TypedDict

from qualytics.types.connections import ConnectionFields, ConnectionKind


class DatastoreSettings(TypedDict, total=False):
    """The settings of a datastore."""

    enrichment_prefix: str | None
    enrichment_source_record_limit: int | None
    enrichment_remediation_strategy: Literal["none", "append", "overwrite"] | None
    high_count_rollup_threshold: int | None
    folder_globbing_enabled: bool | None
    group_id: int | None
    group: str | None
    favorite: bool | None


class DatastoreValues(DatastoreSettings, total=False):
    """What every change and every new datastore may hold, beside the name."""

    connection_id: int
    database: str | None
    schema: str | None
    root_path: str | None
    description: str | None
    tags: list[str] | None
    teams: list[str] | None
    enrichment_only: bool
    enrichment_datastore_id: int | None


class DatastoreChanges(DatastoreValues, total=False):
    """Changes of a datastore; None unsets a text, a list or a setting."""

    name: str


class DatastoreFields(DatastoreValues):
    """The fields of a new datastore, on the connection of `connection_id` or a new `connection`."""

    name: str
    connection: NotRequired[ConnectionFields]


class Datastore(TypedDict):
    """A datastore: one database, schema or folder that is read over a connection."""

    id: int
    name: str
    type: str
    store_type: ConnectionKind
    connection_id: int
    connection_name: str
    database: str | None
    schema: str | None
    root_path: str | None
    description: str | None
    tags: list[str]
    teams: list[str]
    enrichment_only: bool
    connected: bool | None
    created: str
