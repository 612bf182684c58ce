"""Types of the documents that verbs take and return; for type checkers alone, nothing of the program imports them.

A key that not every document has, `NotRequired`, is read with `.get`.
"""

from typing import Any, Generic, Literal, NotRequired, TypedDict, TypeVar

T = TypeVar("T")

ConnectionKind = Literal["jdbc", "dfs", "native", "embedded"]
FailureClass = Literal[
    "auth", "permission", "dns", "refused", "network", "timeout", "tls", "unknown_db", "quota", "config", "blocked",
    "driver_missing", "transient", "internal", "unknown",
]  # fmt: skip
Role = Literal["Admin", "Manager", "Member"]
UserKind = Literal["user", "service"]


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


# Connections


class _ConnectionValues(TypedDict, total=False):
    name: str
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


class ConnectionChanges(_ConnectionValues, total=False):
    """Changes of a connection; None unsets a field, or a parameter inside `parameters`.

    `tags` replace those there are; `add_tags` and `remove_tags` keep the others.
    """

    add_tags: list[str] | None
    remove_tags: list[str] | None


class ConnectionFields(_ConnectionValues):
    """The fields of a new connection; which of them a type needs, `qualytics connections types TYPE` shows."""

    type: str


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


class Author(TypedDict):
    """Who changed something; without an id, the owner of the store."""

    id: int | None
    name: str


class Version(TypedDict):
    """What was done to a record: by whom, when, and the names of fields, never their values.

    `given` are those that a test put in place of stored ones, `what` a listing showed, `source` was copied.
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


class History(TypedDict):
    """Who changed a record and when, the newest first."""

    id: int
    created: str
    versions: list[Version]


# Tests


class Stage(TypedDict):
    """One stage of a test; `ms` is how long it took, in milliseconds."""

    name: str
    ok: bool
    ms: float


class Tls(TypedDict):
    """What a TLS handshake agreed on; `not_after`, the end of the server's certificate, is RFC 3339."""

    version: str | None
    cipher: str | None
    verified: bool
    not_after: str | None


_Class = TypedDict("_Class", {"class": FailureClass | None})  # a keyword, which no body of a class takes
_FailureClass = TypedDict("_FailureClass", {"class": FailureClass})


class TestReport(_Class):
    """The report of a test; what says why it failed is None when connected."""

    connected: bool
    stage: str | None
    code: str | None
    retryable: bool | None
    message: str
    hint: str | None
    detail: str | None
    product_name: str | None
    product_version: str | None
    driver_name: str | None
    driver_version: str | None
    address: str | None
    local_address: str | None
    tls: Tls | None
    stages: list[Stage]
    duration_ms: float | None
    warnings: list[str]


class Verdict(_FailureClass):
    """What an error message, or a code alone, means."""

    code: str | None
    retryable: bool
    cause: str
    hint: str


# Discovery


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


# Datastores


class _DatastoreFields(TypedDict, total=False):
    connection_id: int
    database: str | None
    schema: str | None
    root_path: str | None
    description: str | None
    tags: list[str] | None
    teams: list[str] | None
    enrichment_only: bool
    enrichment_datastore_id: int | None
    enrichment_prefix: str | None
    enrichment_source_record_limit: int | None
    enrichment_remediation_strategy: Literal["none", "append", "overwrite"] | None
    high_count_rollup_threshold: int | None
    folder_globbing_enabled: bool | None
    group_id: int | None
    group: str | None
    favorite: bool | None


class DatastoreChanges(_DatastoreFields, total=False):
    """Changes of a datastore; None unsets a text, a list or a setting."""

    name: str


class DatastoreFields(_DatastoreFields):
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


# Users, tokens and the audit log


class _UserFields(TypedDict, total=False):
    role: Role
    email: str | None
    password: str | None
    issuer: str | None
    subject: str | None


class UserChanges(_UserFields, total=False):
    """Changes of a user; None clears an address, a password or a link to a login provider."""

    name: str


class UserFields(_UserFields):
    """The fields of a new user or service account; without a role a Member."""

    name: str
    kind: NotRequired[UserKind]


class User(TypedDict):
    """A user or service account; the first Admin comes with a `bearer_token`, once."""

    id: int
    name: str
    kind: UserKind
    role: Role
    email: str | None
    issuer: str | None
    subject: str | None
    created: str
    bearer_token: NotRequired[str]


class CurrentUser(TypedDict):
    """Who asks: a user, or the owner of an embedded store, who has a name and a role alone."""

    id: int | None
    name: str
    kind: UserKind | None
    role: Role
    email: str | None
    issuer: str | None
    subject: str | None
    created: str | None


class Token(TypedDict):
    """A token of a user, without the token itself."""

    id: int
    name: str
    user: Reference
    active: bool
    expiration: str
    last_used: str | None
    revoked: str | None
    created: str


class NewToken(Token):
    """A token that was just made; what is sent is `bearer_token`, shown this once."""

    bearer_token: str


class AuditEntry(TypedDict):
    """One entry of the audit log; `outcome` is done, failed, or the code of a refusal."""

    id: int
    created: str
    actor: str
    actor_id: int | None
    token_id: int | None
    address: str | None
    request_id: str | None
    action: str
    object_id: int | None
    object_name: str | None
    outcome: str
    detail: dict[str, Any]


class Pruned(TypedDict):
    """What was dropped of the audit log: so many entries of before a moment."""

    before: str
    deleted: int
