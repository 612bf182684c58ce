"""What other tools call a connection type, its fields and their values: data of each type, for both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.structs import Struct, field

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# What tools say of TLS, in lower case, as `ssl_mode` says it.
TLS_MODES = {
    **dict.fromkeys(("disable", "disabled", "false", "0", "no", "off", "http", "none"), "disable"),
    **dict.fromkeys(("auto", "allow", "prefer", "preferred", "optional"), "auto"),
    **dict.fromkeys(("require", "required"), "require"),
    **dict.fromkeys(("verify", "verify-ca", "verify_ca", "verify-full", "verify_full", "verify_identity"), "verify"),
    **dict.fromkeys(("verifyca", "verifyfull"), "verify"),  # of Npgsql and MySqlConnector
    **dict.fromkeys(("true", "1", "yes", "on", "https", "full"), "verify"),
}


class Environment(Struct, kw_only=True):
    """The variables that tools of one type read.

    `texts` says of each what it holds: names of ours in braces, of fields, of parameters, or `database` and `schema`;
    one is left out where a name in it has no value, or is what `defaults` says. `files` says whose value stands in the file that a variable names;
    `words` translates a value, by our name. `url` is the scheme of DATABASE_URL, whose path ends with what `path` names
    and whose query is what `query` holds. `cleared` are variables by which a tool would go elsewhere, or log in as
    somebody else; one that ends with `*` stands for all that begin so. `complete` sees all values first and does what
    no table can say, or raises UsageError where no variables can say how to log in.
    """

    texts: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    url: str | None = None
    path: tuple[str, ...] = ("database",)
    query: Mapping[str, str] = field(default_factory=dict)
    cleared: tuple[str, ...] = ()
    complete: Callable[[dict[str, str]], None] | None = None


class Shell(Struct):
    """The client that an engine brings, which the environment of its type already tells most.

    `words` are its first arguments, with names of ours in braces; one is left out where a name in it has no value, and
    none may name a secret. `files` says whose value stands in the file whose path follows such a beginning of an
    argument, `tls` which words say an `ssl_mode`; a mode that is not there is refused.
    """

    program: str
    words: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    tls: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


# What libpq calls each `ssl_mode`; tools that are built on it do, too.
LIBPQ_MODES = {"disable": "disable", "auto": "prefer", "require": "require", "verify": "verify-full"}

# Parts of a connection in Airflow, and in SQLAlchemy's URLs; further keys are those of `extra`, and of the query.
USUAL_AIRFLOW = {"host": "host", "port": "port", "username": "login", "password": "password", "database": "schema"}
USUAL_URL = {name: name for name in ("username", "password", "host", "port", "database")}
# The same in URLs of JDBC, whose login stands in properties; in dbt's profiles; in odbc.ini.
USUAL_JDBC = {"host": "host", "port": "port", "database": "database", "username": "user", "password": "password"}
USUAL_DBT = {"host": "host", "port": "port", "username": "user", "password": "password"}
USUAL_ODBC = {"host": "Host", "port": "Port", "database": "Database", "username": "UID", "password": "PWD"}


class Properties(Struct):
    """How a JDBC URL divides its properties: before the first, between two, after the last.

    `quotes` are the signs around a value that holds what divides, the second of them doubled in it; `is_encoded` says
    that values are percent-encoded instead. A value that holds one of `refused` cannot be written.
    """

    opening: str
    between: str
    closing: str = ""
    quotes: str = ""
    is_encoded: bool = False
    refused: str = ""


# PostgreSQL's, MySQL's and most others' ("?user=…&password=…"); those of drivers that Simba makes, which have no quotes.
QUERY = Properties("?", "&", is_encoded=True)
SEMICOLONS = Properties(";", ";", refused=";{}")


class Form(Struct):
    """How one tool writes connections of a type.

    `word` is its word for the type: the beginning of a URL, a driver's name or class; `keys` its key for each field,
    parameter or part of a datastore that it knows; `words` its values, by our name and value: one that has none there
    is left out; `fixed` are keys with a value of their own, `needs` what it cannot do without. `path` is what the path
    of a URL holds, `properties` how a JDBC URL divides them, and `place` makes what stands before them, if that is not
    host, port and path; it takes what it uses out of the values. `driver` is the class of a JDBC driver. `json` are names of values that are JSON, and that the
    tool has as objects. `comment` is a line for who reads the file. `complete` sees all values first and does what no table can say, or raises UsageError where the
    tool cannot log in so.
    """

    word: str
    keys: Mapping[str, str]
    words: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ("database",)
    properties: Properties = QUERY
    place: Callable[[dict[str, str]], str] | None = None
    driver: str | None = None
    json: tuple[str, ...] = ()
    comment: str | None = None
    complete: Callable[[dict[str, Any]], None] | None = None


class Foreign(Struct, kw_only=True):
    """What other tools call one type.

    `names` are their words for it, `odbc` parts of the names of its ODBC drivers, all in lower case. `keys` says which
    field or parameter of ours, or of a datastore (`database`, `schema`), a key of theirs is, "" for one that has no
    meaning here; `files` the same of keys that name a file with the value in it. `path` says what the segments of a
    URL's path are. `words` translates values, by our name. `complete` sees all values first and does what no table can
    say; keys and values are texts. `jdbc` takes apart what stands behind the name of the type in a JDBC URL of a form
    of its own, and returns None for one that it does not know; `string` does so with a connection string of a grammar
    of the type's own, of which `is_place` says that it is known to be one. `ado` are keywords, in lower case, by which
    a connection string of .NET is one for the type. `environment` says which variables hold what we have,
    `odbc_decoded` says that its ODBC driver takes a password without braces for percent-encoded. `hosts` says of words of
    other tools that mean several types by which ends of host names they mean this one.
    `shells` which programs are its own client, the first choice first, `forms` how tools write it.
    """

    names: tuple[str, ...] = ()
    odbc: tuple[str, ...] = ()
    odbc_decoded: bool = False
    hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = ("database",)
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    complete: Callable[[dict[str, str]], None] | None = None
    jdbc: Callable[[str], dict[str, str] | None] | None = None
    string: Callable[..., dict[str, str] | None] | None = None
    ado: frozenset[str] = frozenset()
    environment: Environment = Environment()
    shells: tuple[Shell, ...] = ()
    forms: Mapping[str, Form] = field(default_factory=dict)
