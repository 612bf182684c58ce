"""JDBC URLs: taken apart by an allow list, and put together again from the parts; no other text reaches a driver."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from qualytics.connectors.shared.preamble import MYSQL, begins_mysql, nothing
from qualytics.structs import Struct, field

if TYPE_CHECKING:
    from collections.abc import Callable

_FORM = "must be such as jdbc:name://host:port/database"
_URL = re.compile(
    r"jdbc:([a-z][a-z0-9]*(?::[a-z]+)?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?\.?)"
    r"(?::(\d{1,5}))?(?:/([^?;]*))?(?:[?;](.*))?\Z"
)
# Names that lead elsewhere than to a server of their own: files, directories of objects, wrappers of other URLs.
_ELSEWHERE = frozenset(
    (
        *("h2", "hsqldb", "sqlite", "duckdb", "ucanaccess", "csv", "file", "mem", "jar", "http", "https", "ftp"),
        *("jndi", "rmi", "ldap", "ldaps", "dns", "iiop", "corba", "p6spy", "log4jdbc", "tc", "calcite"),
    )
)
# What C reads as an address, in octal or in hexadecimal, Java reads as another one.
_NUMERIC = re.compile(r"(?:[0-9.]|0[xX][0-9A-Fa-f]*)+\Z")
_DATABASE = re.compile(r"[\w$@#.+-]{0,128}\Z")
_PATH = re.compile(r"(?:mem:|nio:|nioMapped:)?[\w$@#.+~/ -]{1,512}\Z")  # of an H2 server: its file, or its memory
_VALUE = re.compile(r"[\w.*-]{1,128}\Z")


class Dialect(Struct):
    """What is known of one kind of URL.

    `allowed` are the properties that a URL may hold, those in `tls` turn encryption on; `fixed` are ours,
    `verified` those beside them where the URL has a certificate verified by name of its mode, and
    `seconds` and `millis` name those that take the time limit; `query` is the cheapest true query;
    `is_catalog` says that the URL's database is what discovery calls a catalog; `mark` divides properties;
    `like` is the type that speaks the same protocol; `protocol` is what messages call the server's protocol, `may_begin` knows what a server says before it is spoken
    to; None where that is not known.
    """

    port: int | None = None
    allowed: tuple[str, ...] = ()
    tls: tuple[str, ...] = ()
    fixed: dict[str, str] = field(default_factory=dict)
    verified: dict[str, str] = field(default_factory=dict)
    seconds: tuple[str, ...] = ()
    millis: tuple[str, ...] = ()
    query: str | None = None
    is_catalog: bool = False
    mark: str = "?&"
    database: re.Pattern[str] = _DATABASE
    like: str | None = None
    protocol: str = "this driver's protocol"
    may_begin: Callable[[bytes], bool] | None = nothing


_MYSQL = Dialect(
    3306,
    tls=("useSSL", "requireSSL", "verifyServerCertificate", "trustServerCertificate", "sslMode"),
    # A server could ask the driver for files of this machine, or for a class to be made of its bytes.
    fixed={
        "allowLocalInfile": "false",
        "allowLoadLocalInfile": "false",
        "allowUrlInLocalInfile": "false",
        "autoDeserialize": "false",
        "autoReconnect": "false",
    },
    millis=("connectTimeout", "socketTimeout"),
    query="select 1",
    is_catalog=True,
    like="mysql",
    protocol=MYSQL,
    may_begin=begins_mysql,
)
_TDS_TLS = ("encrypt", "trustServerCertificate", "hostNameInCertificate")
_H2 = {"fixed": {"IFEXISTS": "TRUE"}, "query": "select 1", "mark": ";;", "database": _PATH}
_HSQLDB = {"query": "values (1)", "mark": ";;"}

DIALECTS: dict[str, Dialect] = {
    "postgresql": Dialect(
        5432,
        ("currentSchema", "ApplicationName"),
        tls=("ssl", "sslmode"),
        # Not a file below the home: the roots that Java trusts, as all other drivers do.
        fixed={"gssEncMode": "disable"},
        verified={"sslfactory": "org.postgresql.ssl.DefaultJavaSSLFactory"},
        seconds=("loginTimeout", "connectTimeout", "socketTimeout"),
        query="select 1",
        is_catalog=True,
        like="postgresql",
    ),
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
    "sqlserver": Dialect(1433, ("databaseName", "applicationName"), _TDS_TLS, seconds=("loginTimeout",), millis=("socketTimeout",), query="select 1", mark=";;", like="sqlserver"),
    "jtds:sqlserver": Dialect(1433, ("appName",), ("ssl",), seconds=("loginTimeout", "socketTimeout"), query="select 1", is_catalog=True, mark=";;", like="sqlserver"),
    "h2:tcp": Dialect(9092, **_H2),  # type: ignore[arg-type]
    "h2:ssl": Dialect(9092, **_H2),  # type: ignore[arg-type]
    "hsqldb:hsql": Dialect(9001, **_HSQLDB),  # type: ignore[arg-type]
    "hsqldb:hsqls": Dialect(554, **_HSQLDB),  # type: ignore[arg-type]
    "derby": Dialect(1527, tls=("ssl",), query="values (1)", mark=";;", like="db2"),
    "db2": Dialect(50_000, query="values (1)", like="db2"),
}  # fmt: skip
_UNKNOWN = Dialect(may_begin=None)
_TLS_SCHEMES = frozenset({"h2:ssl", "hsqldb:hsqls"})
_TLS_ON = frozenset({"ssl", "sslmode", "encrypt", "usessl", "requiressl"})
_TLS_OFF = frozenset({"false", "off", "disable", "disabled", "no", "prefer", "allow", "preferred", "optional"})


class Url(Struct, eq=True):
    """The parts of a URL; `host` is without brackets."""

    scheme: str
    host: str
    port: int
    database: str
    properties: dict[str, str]

    @property
    def dialect(self) -> Dialect:
        """Return what is known of this kind of URL."""
        return DIALECTS.get(self.scheme, _UNKNOWN)

    @property
    def demands_tls(self) -> bool:
        """Say whether the URL itself asks for encryption, and so not whether the server agreed."""
        asked = (value for name, value in self.properties.items() if name.lower() in _TLS_ON)
        return self.scheme in _TLS_SCHEMES or any(value.lower() not in _TLS_OFF for value in asked)

    @property
    def fixed(self) -> dict[str, str]:
        """Return our own properties."""
        verifies = any(value.lower().startswith("verify") for value in self.properties.values())
        return self.dialect.fixed | (self.dialect.verified if verifies else {})

    def text(self, database: str | None = None) -> str:
        """Return the URL put together anew, with another database if one is given.

        Raises:
            ValueError: no database can have this name.

        """
        name = self.database if database is None else database
        _check_database(self.dialect, name)
        host = f"[{self.host}]" if ":" in self.host else self.host
        first, further = self.dialect.mark[0], self.dialect.mark[1]
        properties = further.join(f"{key}={value}" for key, value in self.properties.items())
        place = f"/{name}" if name or first == "?" else ""
        return f"jdbc:{self.scheme}://{host}:{self.port}{place}" + (f"{first}{properties}" if properties else "")


def parse(text: str) -> Url:
    """Take a URL apart.

    Raises:
        ValueError: it is of another form, goes elsewhere than to a server, or holds what is not on the list; what was
            given is not repeated, as it may hold a password.

    """
    if not text.isascii():
        raise ValueError(f"{_FORM}; give only ASCII characters")
    match = _URL.match(text)
    if match is None:
        raise ValueError(f"{_FORM}, without user or password")
    scheme, host, port, database, properties = match.groups()
    if scheme not in DIALECTS and (":" in scheme or scheme in _ELSEWHERE):
        raise ValueError(f"{_FORM}; files, memory, wrappers and directories are refused, as jdbc:{scheme}")
    dialect = DIALECTS.get(scheme, _UNKNOWN)
    number = int(port) if port else dialect.port
    if number is None or not 1 <= number <= 65_535:
        raise ValueError(f"{_FORM}; the port of jdbc:{scheme} must be 1 to 65535")
    _check_database(dialect, database or "")
    if _NUMERIC.match(host) and not _is_address(host):
        raise ValueError(f"{_FORM}; an address has four decimal numbers without zeros before them")
    return Url(scheme, host.strip("[]").lower(), number, database or "", _properties(scheme, dialect, properties or ""))


def _is_address(host: str) -> bool:
    try:
        return str(ipaddress.IPv4Address(host)) == host
    except ValueError:
        return False


def _check_database(dialect: Dialect, name: str) -> None:
    if not dialect.database.match(name):
        raise ValueError("holds no name of a database between host and properties")
    if name and set(name.split("/")) & {".."}:
        raise ValueError("holds a path that leads upwards")


def _properties(scheme: str, dialect: Dialect, text: str) -> dict[str, str]:
    accepted = {name.lower(): name for name in (*dialect.allowed, *dialect.tls)}
    properties: dict[str, str] = {}
    for part in filter(None, re.split("[&;]", text)):
        key, equals, value = part.partition("=")
        name = accepted.get(key.lower())
        if name is None:
            allowed = ", ".join(accepted.values()) or "none"
            # Without a value it may be the end of a password, after a sign that divides properties.
            shown = key if equals and re.fullmatch(r"[A-Za-z]\w{0,63}", key) else "something else"
            raise ValueError(f"holds the property {shown}; jdbc:{scheme} may have {allowed}")
        if name in properties or not _VALUE.match(value):
            raise ValueError(f"holds {name} twice, or with a value that is no word")
        properties[name] = value
    return properties
