"""The one table of connection fields: name, type, help, secret?, `${VAR}`?, verbs, short flag, range."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.structs import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

# The last is a create together with a datastore, which has a name of its own.
CREATE, UPDATE, TEST, INLINE = "create", "update", "test", "inline"
EVERY = frozenset({CREATE, UPDATE, TEST, INLINE})

# Generous, but bounded: the longest real value is a service account's JSON or a PEM chain.
MAX_TEXT = 2_000
MAX_SECRET = 65_536
MAX_NAME = 255
MAX_TAG = 64
MAX_TAGS = 100


class Field(Struct):
    """One field of a connection.

    `type` is the JSON type of its value; `noun` is what sentences call it, `help` the first words of
    its help where those are others, `note` the last; `takes_refs` says whether `${VAR}` is resolved
    in it; `minimum` and `maximum` bound numbers, `max_length` texts (characters).

    A field binds the stored secret: below Admin, nobody changes it on a control plane and keeps the secret. The
    exception is one that decides neither who receives the secret, nor who checks it, nor how well it is protected
    on the way; `harmless` says why. `same` returns what values that mean the same have in common.
    """

    name: str
    type: type
    noun: str
    help: str = ""
    note: str = ""
    is_secret: bool = False
    takes_refs: bool = False
    verbs: frozenset[str] = EVERY
    short: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    max_length: int = MAX_TEXT
    hint: str | None = None
    harmless: str = ""
    same: Callable[[Any], Any] = lambda value: value

    @property
    def option(self) -> str:
        """Return the long option of the CLI: `jdbc_fetch_size` becomes `--jdbc-fetch-size`, `tags` a `--tag` each."""
        return "--" + (self.name.removesuffix("s") if self.type is list else self.name).replace("_", "-")


def _secret(name: str, noun: str, text: str = "", harmless: str = "") -> Field:
    return Field(name, str, noun, text, is_secret=True, takes_refs=True, max_length=MAX_SECRET, harmless=harmless)


def _same_host(host: str) -> str:
    return host.lower().removesuffix(".")


_TYPE_HELP = "connection type (e.g., postgresql, snowflake, mysql, bigquery)"
_PARAMETERS_HELP = "JSON string for type-specific params"
_PARAMETERS_NOTE = "or @file.json; qualytics connections types TYPE shows them, with an example"
_UNHEARD = "what people call and sort the connection by; no server hears it"
_TAG_HELP = "tag to find the connection by"
_OWNER_HELP = "who answers for the connection: a person or a team"
_EACH = "an object; each parameter in it binds the secret, or does not, by itself"
_LATER = "which catalog is looked into after the login; the secret goes to the same host"
_ROWS = "how many rows one answer holds, after the login"
_READS = "how many reads run side by side, after the login"
_SENT_ALREADY = "the access key beside it goes where it went before"
_DEFAULT_HINT = "leave it out for the default, or drop a stored one: --unset max_parallelization"

FIELDS: tuple[Field, ...] = (
    Field("type", str, "type", _TYPE_HELP, verbs=EVERY - {UPDATE}, short="-t", max_length=MAX_NAME),
    Field(
        "name",
        str,
        "connection name",
        verbs=EVERY - {TEST, INLINE},
        short="-n",
        max_length=MAX_NAME,
        harmless=_UNHEARD,
    ),
    Field("tags", list, "tag", _TAG_HELP, verbs=EVERY - {TEST, INLINE}, max_length=MAX_TAG, harmless=_UNHEARD),
    Field("owner", str, "owner", _OWNER_HELP, verbs=EVERY - {TEST, INLINE}, max_length=MAX_NAME, harmless=_UNHEARD),
    Field("host", str, "host", takes_refs=True, max_length=253, same=_same_host),
    Field("port", int, "port", "port number", minimum=1, maximum=65_535),
    # Another account is another check: a password tried on all of them, a rule of its own (pg_hba.conf) that asks
    # some other server, or an account that wants the password in clear text.
    Field("username", str, "username", takes_refs=True),
    _secret("password", "password"),
    _secret("passphrase", "passphrase", "passphrase of a private key"),
    Field("uri", str, "URI", "URI for DFS connections", "path of a database file, or jdbc:… for JDBC", takes_refs=True),
    _secret("access_key", "access key", "access key for DFS connections"),
    _secret("secret_key", "secret key", "secret key for DFS connections", _SENT_ALREADY),
    Field("catalog", str, "catalog", "catalog for native connections", harmless=_LATER),
    Field("catalog_type", str, "catalog type", "catalog type for native connections"),
    Field(
        "jdbc_fetch_size",
        int,
        "JDBC fetch size",
        note="rows per round trip",
        minimum=1,
        maximum=1_000_000,
        harmless=_ROWS,
    ),
    Field(
        "max_parallelization",
        int,
        "max parallelization level",
        minimum=1,
        maximum=100,
        hint=_DEFAULT_HINT,
        harmless=_READS,
    ),
    Field("parameters", dict, "parameters", _PARAMETERS_HELP, _PARAMETERS_NOTE, takes_refs=True, harmless=_EACH),
)

# Parameters with an option of their own, beside --parameters: by name, and what they are called.
PARAMETER_OPTIONS = {
    "authentication_type": "authentication type",
    "role_arn": "ARN of the role to assume",
    "external_id": "external id of the role",
}

BY_NAME: dict[str, Field] = {field.name: field for field in FIELDS}
SECRETS: tuple[str, ...] = tuple(field.name for field in FIELDS if field.is_secret)

# Changes to the tags of a connection that keep the others; an update takes them beside its fields.
TAG_CHANGES = ("add_tags", "remove_tags")

# What a stored record holds beside its fields.
_HEAD = ("id", "name", "tags", "owner", "type", "connection_type")
DETECTED = ("product_name", "product_version", "driver_name", "driver_version")
_TAIL = (*DETECTED, "datastores", "created")

# The keys of a connection's document, in order, by kind; `uri` stands only where the type takes it.
KEYS: dict[str, tuple[str, ...]] = {
    "jdbc": (
        *_HEAD,
        *("host", "port", "uri", "username", "password", "passphrase", "parameters"),
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

# What a document holds beside fields: whoever sends one back changes nothing by it.
READ_ONLY = frozenset((*_HEAD, *_TAIL)) - BY_NAME.keys()

# What a datastore's document holds, in order.
DATASTORE_KEYS = (
    *("id", "name", "type", "store_type", "connection_id", "connection_name", "database", "schema"),
    *("root_path", "description", "tags", "teams", "enrichment_only", "connected", "created"),
)
# What a datastore reads of its connection. It binds no secret: whoever may make datastores chooses what they read. The
# login goes to the same address, as the same account and with the same protection; where a server or a proxy there
# has its databases is up to whom the secret was given to.
SCOPES = ("database", "schema", "root_path")
