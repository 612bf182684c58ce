"""The one table of connection fields: name, type, help, secret?, `${VAR}`?, verbs, short flag, range."""

from __future__ import annotations

from dataclasses import dataclass

CREATE, UPDATE, TEST = "create", "update", "test"
EVERY = frozenset({CREATE, UPDATE, TEST})

# Generous, but bounded: the longest real value is a service account's JSON or a PEM chain.
MAX_TEXT = 2_000
MAX_SECRET = 65_536
MAX_NAME = 255


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a connection.

    `type` is the JSON type of its value; `help` completes "…" in the CLI's help, lower case first
    except for names; `takes_refs` says whether `${VAR}` is resolved in it; `minimum` and `maximum`
    bound numbers, `max_length` texts (characters).
    """

    name: str
    type: type
    help: str
    is_secret: bool = False
    takes_refs: bool = False
    verbs: frozenset[str] = EVERY
    short: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    max_length: int = MAX_TEXT
    hint: str | None = None

    @property
    def option(self) -> str:
        """Return the long option of the CLI: `jdbc_fetch_size` becomes `--jdbc-fetch-size`."""
        return "--" + self.name.replace("_", "-")


FIELDS: tuple[Field, ...] = (
    Field(
        "type",
        str,
        "connection type (e.g., postgresql, snowflake, mysql, bigquery)",
        verbs=frozenset({CREATE, TEST}),
        short="-t",
    ),
    Field("name", str, "connection name", verbs=frozenset({CREATE, UPDATE}), short="-n", max_length=MAX_NAME),
    Field("host", str, "host", takes_refs=True, max_length=253),
    Field("port", int, "port number", minimum=1, maximum=65_535),
    Field("username", str, "username", takes_refs=True),
    Field("password", str, "password", is_secret=True, takes_refs=True, max_length=MAX_SECRET),
    Field(
        "passphrase",
        str,
        "passphrase of a private key",
        is_secret=True,
        takes_refs=True,
        max_length=MAX_SECRET,
    ),
    Field("uri", str, "URI for DFS connections, path for database files", takes_refs=True),
    Field(
        "access_key",
        str,
        "access key for DFS connections",
        is_secret=True,
        takes_refs=True,
        max_length=MAX_SECRET,
    ),
    Field(
        "secret_key",
        str,
        "secret key for DFS connections",
        is_secret=True,
        takes_refs=True,
        max_length=MAX_SECRET,
    ),
    Field("catalog", str, "catalog for native connections"),
    Field("catalog_type", str, "catalog type for native connections"),
    Field("jdbc_fetch_size", int, "JDBC fetch size, rows per round trip", minimum=1, maximum=1_000_000),
    Field(
        "max_parallelization",
        int,
        "max parallelization level",
        minimum=1,
        maximum=100,
        hint="leave it out, or unset it, for the default",
    ),
    Field("parameters", dict, "JSON object of type-specific params, or @file.json", takes_refs=True),
)

BY_NAME: dict[str, Field] = {field.name: field for field in FIELDS}
SECRETS: tuple[str, ...] = tuple(field.name for field in FIELDS if field.is_secret)

# What a stored record holds beside its fields.
_HEAD = ("id", "name", "type", "connection_type")
SEEN = ("product_name", "product_version", "driver_name", "driver_version")
_TAIL = (*SEEN, "datastores", "created")

# The keys of a connection's document, in order, by kind.
KEYS: dict[str, tuple[str, ...]] = {
    "jdbc": (
        *_HEAD,
        *("host", "port", "username", "password", "passphrase", "parameters"),
        *("jdbc_fetch_size", "max_parallelization", "secrets_manager"),
        *_TAIL,
    ),
    "dfs": (
        *_HEAD,
        *("uri", "access_key", "secret_key", "parameters", "max_parallelization", "secrets_manager"),
        *_TAIL,
    ),
    "native": (
        *_HEAD,
        *("host", "catalog", "catalog_type", "username", "password", "parameters"),
        *("max_parallelization", "secrets_manager"),
        *_TAIL,
    ),
    "embedded": (*_HEAD, "uri", "parameters", "jdbc_fetch_size", "max_parallelization", *_TAIL),
}

# What a datastore's document holds, in order.
DATASTORE_KEYS = (
    *("id", "name", "type", "store_type", "connection_id", "connection_name", "database", "schema"),
    *("root_path", "description", "tags", "teams", "enrichment_only", "connected", "created"),
)
SCOPES = ("database", "schema", "root_path")
