"""Frozen data that the layers hand to each other: connections, datastores and test reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias

from qualytics.structs import Struct, field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qualytics.secret import Secret

# How a connection does, the worst first: as its last test ended, unless it was changed since or there was none.
STATES = ("fails", "unknown", "never", "works")
# How what stands in the audit log ended, as one asks for it: done, a test that failed, or refused with any error.
OUTCOMES = ("done", "failed", "refused")
# No record has a greater id, and no number of a program in JavaScript is exact beyond it (RFC 8259 section 6).
MAX_ID = 2**53
_MAX_DIGITS = 18


class Word(str):
    """A record as a user typed it: plain digits are its id, unless they are the name of another; else its name."""

    __slots__ = ()

    @property
    def number(self) -> int | None:
        """Return the id that the word is, None for a name."""
        return int(self) if self.isascii() and self.isdigit() and len(self) <= _MAX_DIGITS else None


def id_of(record: int | str | None) -> int | None:
    """Return the id that a record is named by, as a number or as a word of digits; None for a name."""
    return record.number if isinstance(record, Word) else record if isinstance(record, int) else None


class Document(dict[str, Any]):
    """A record as a document; `version` travels beside it, never as a key."""

    version: int | None = None

    @classmethod
    def of(cls, keys: dict[str, Any], version: int | None) -> Self:
        """Return the document of a version of a record."""
        document = cls(keys)
        document.version = version
        return document


def version_of(document: Mapping[str, object]) -> int | None:
    """Return the version of the record that a document shows; None where it came without one, as in lists."""
    return document.version if isinstance(document, Document) else None


class Connection(Struct):
    """A stored connection without its secrets; `secrets_set` names those that are set.

    `values` holds the set non-secret fields by name; `detected` what its last good test found out.
    """

    id: int
    name: str
    type: str
    values: dict[str, Any]
    secrets_set: frozenset[str]
    detected: dict[str, str | None]
    created: str
    version: int


class Datastore(Struct):
    """A stored datastore: one database, schema or folder that is read over a connection.

    `settings` are kept for others and returned as given; nothing here depends on them.
    """

    id: int
    name: str
    connection_id: int
    connection_name: str
    type: str
    database: str | None
    schema: str | None
    root_path: str | None
    description: str | None
    tags: list[str]
    teams: list[str]
    enrichment_only: bool
    connected: bool | None
    settings: dict[str, Any]
    created: str
    version: int


class ListQuery(Struct):
    """Which records a list asks for, and in which order.

    `contains` is a part of the folded name, `name_key` the whole; `search` is a part of anything that a connection is
    found by, as given, and `search_key` that text folded; `types` and `ids` select none when empty; all of the `tags`
    must be there, folded ones of connections; `owner` is folded, and empty for no owner; `states` are of STATES, and
    select none when empty; `sort` is id, name, type or, of connections, state, which begins with the worst;
    `skip` and `limit` count records; `after_id` is the last one of the page before.
    """

    contains: str | None = None
    name_key: str | None = None
    search: str | None = None
    search_key: str | None = None
    types: tuple[str, ...] = ()
    ids: tuple[int, ...] = ()
    connection_id: int | None = None
    tags: tuple[str, ...] = ()
    owner: str | None = None
    states: tuple[str, ...] = ()
    is_enrichment: bool = False
    sort: str = "id"
    is_descending: bool = False
    skip: int = 0
    limit: int | None = None
    after_id: int = 0


class StageResult(Struct):
    """One stage of a test: its name, whether it passed, and how long it took in milliseconds."""

    name: str
    ok: bool
    ms: float


class StageEvent(NamedTuple):
    """A stage of a test that runs: it has begun, with `ok` and `ms` still None, or has ended."""

    stage: str
    ok: bool | None = None
    ms: float | None = None


# What is told of each stage; what it raises ends the test.
OnStage: TypeAlias = "Callable[[StageEvent], object]"


class Failure(Struct):
    """Where and why a test failed, in words that show no secret.

    `code` is the driver's or server's own; `trace` is the text of the driver that `detail` is made of.
    """

    stage: str
    failure_class: str
    retryable: bool
    message: str
    hint: str
    detail: str | None
    trace: str | None = None
    code: str | None = None


# Items of a page of discovery: by default, and at most.
LISTING_SIZE, MAX_LISTING_SIZE = 1_000, 10_000


class Listing(Struct):
    """What discovery asks for: `what` is catalogs, schemas or tables; `skip` and `limit` count items."""

    what: str
    prefix: str = ""
    skip: int = 0
    limit: int = LISTING_SIZE


class Item(NamedTuple):
    """One item of a listing: `kind` is catalog, schema, table, view, prefix or object.

    `is_system` marks what the engine itself keeps; it is shown, not hidden.
    """

    name: str
    kind: str
    is_system: bool = False


class Scope(Struct):
    """What of a connection a test looks at, beside the login.

    `login_databases` are databases to log in to where none is named: those of the connection's datastores.
    """

    database: str | None = None
    schema: str | None = None
    root_path: str | None = None
    login_databases: tuple[str, ...] = ()

    @property
    def names_place(self) -> bool:
        """Say whether it is more than the login that is asked for."""
        return any((self.database, self.schema, self.root_path))


EVERYWHERE = Scope()


# Characters of what a connection is used for.
MAX_PURPOSE = 200


class UsedConnection(Struct):
    """A connection as whoever uses it gets it: `values` by field, as stored, and `secrets` by field, in clear.

    `ssl_mode` is the one in effect where `parameters` of the values have none. Only `reveal()` of a secret shows it.
    """

    id: int
    name: str
    type: str
    values: Mapping[str, Any]
    secrets: Mapping[str, Secret]
    ssl_mode: str
    version: int


class ShellCommand(Struct):
    """The client of an engine, as it is started for a connection.

    `words` are its first arguments. The path of a file with each text of `files` follows that beginning of a further
    argument.
    """

    program: str
    words: tuple[str, ...]
    files: Mapping[str, Secret]


class CommandEnvironment(Struct):
    """The environment of a command that uses a connection.

    `texts` and `files` are by variable: its text, or what the file that it names holds. `cleared` are taken away; one
    that ends with `*` stands for all that begin so. `name` and `secrets`, by field, are those of the connection.
    """

    name: str
    secrets: Mapping[str, Secret]
    texts: Mapping[str, Secret]
    files: Mapping[str, Secret]
    cleared: tuple[str, ...]


class TestReport(Struct):
    """What a test of a connection found; `failure` is None when connected.

    `items` is what discovery found, where it was asked for, and `more` says whether there is more of it.
    """

    __test__ = False  # not a test case, whatever a test runner thinks of its name

    failure: Failure | None
    stages: tuple[StageResult, ...]
    duration_ms: float
    message: str
    detected: dict[str, str | None] = field(default_factory=dict)
    address: str | None = None
    local_address: str | None = None
    tls: dict[str, Any] | None = None
    warnings: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()
    more: bool = False
