"""Connection URLs, SQLAlchemy's and JDBC's, taken apart; nothing of one that is refused is repeated."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote

from qualytics.service.foreign import strings
from qualytics.service.foreign.entries import Entry, Unreadable
from qualytics.service.foreign.matching import connector_of

MAX_URL = 16_384
_MAX_PAIRS = 200
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+_.-]*\Z")
_HOST = re.compile(
    r"(?P<host>\[[^\[\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{0,5}))?\Z",
)
_AT = "write %40 for @, %2F for /, %3F for ? and %23 for # in its user and password"
# Properties of JDBC stand behind one of these.
_MARK = re.compile("[?;]")


def is_url(text: str) -> bool:
    """Say whether a text is a connection URL: a scheme and ://, or jdbc:."""
    scheme, found, _ = text.partition("://")
    return text.lower().startswith("jdbc:") or bool(found and _SCHEME.match(scheme))


def parse(text: str, tool: str, place: str, name: str | None = None) -> Entry:
    """Take a URL apart.

    Raises:
        Unreadable: it is none, or where its password ends cannot be told.

    """
    text = text.strip()
    if len(text) > MAX_URL:
        raise Unreadable(f"the URL is longer than {MAX_URL:,} characters")
    if text.lower().startswith("jdbc:"):
        return _jdbc(text[5:], tool, place, name)
    scheme, found, rest = text.partition("://")
    if not found or not _SCHEME.match(scheme):
        raise Unreadable("not a connection URL, as postgresql://user@host/database")
    authority, rest = _split(rest, "/?#")
    path, query = rest.partition("?")[::2]
    _require_clear(path, query)
    login, at, place_of = authority.rpartition("@")
    user, colon, password = login.partition(":")
    values = _query(query)
    values |= {"username": unquote(user)} if at and user else {}
    values |= {"password": unquote(password)} if colon and password else {}
    values |= _host(place_of)
    word = scheme.partition("+")[0].lower()
    if "odbc_connect" in values:
        given = strings.pairs(values.pop("odbc_connect"), "{")
        values |= dict(reversed(given))  # the first of a key counts
    return Entry(name, tool, word, place, values, path=unquote(path[1:]))


def _split(text: str, marks: str) -> tuple[str, str]:
    match = re.search(f"[{re.escape(marks)}]", text)
    return (text[: match.start()], text[match.start() :]) if match else (text, "")


def _require_clear(path: str, query: str) -> None:
    # A / ? or # in a password ends the host early, and leaves its @ behind.
    if "@" in path or any("@" in pair.partition("=")[0] for pair in query.split("&")) or "#" in path + query:
        raise Unreadable(f"where the password of the URL ends cannot be told; {_AT}")


def _host(text: str) -> dict[str, str]:
    match = _HOST.match(text)
    if match is None:
        raise Unreadable(f"host and port of the URL cannot be told apart; {_AT}")
    host = unquote(match["host"]).strip("[]")
    return ({"host": host} if host else {}) | ({"port": match["port"]} if match["port"] else {})


def _query(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_PAIRS)
    except ValueError:
        raise Unreadable(f"the URL has more than {_MAX_PAIRS} parameters") from None
    return {key.lower(): value for key, value in pairs if value}


def _jdbc(text: str, tool: str, place: str, name: str | None) -> Entry:
    word, rest = _word(text)
    connector = connector_of(word)
    if connector is not None and connector.foreign is not None and connector.foreign.jdbc is not None:
        special = connector.foreign.jdbc(rest)
        if special is not None:
            return Entry(name, tool, word, place, special)
    if not rest.startswith("//"):
        path, values = ("", _properties(rest)) if "=" in rest.partition(";")[0] else (rest, {})
        return Entry(name, tool, word, place, values, path=path)
    authority, rest = _split(rest[2:], "/?;")
    if "=" in authority:  # properties alone, as Athena has them
        return Entry(name, tool, word, place, _properties(authority + rest))
    path, properties = _path(rest)
    login, at, server = authority.rpartition("@")
    values = _properties(properties)
    if at:
        user, _, password = login.partition(":")
        values = {"username": unquote(user), "password": unquote(password)} | values
    if "@" in path:
        raise Unreadable(f"where the password of the URL ends cannot be told; {_AT}")
    if connector is None and connector_of(word, server) is None:
        return _other(word, server, path, values, Entry(name, tool, "jdbc", place, {}))
    instance = re.search(r"\\([^:]*)", server)
    values |= _host(server.replace(instance[0], "") if instance else server)
    values |= {"instance": instance[1]} if instance else {}
    return Entry(name, tool, word, place, values, path=unquote(path))


def _word(text: str) -> tuple[str, str]:
    # The name of a driver may have two parts, as jtds:sqlserver.
    match = re.match(r"([A-Za-z0-9-]+):(?:([A-Za-z0-9]+):(?=//))?(.*)\Z", text, re.DOTALL)
    if match is None:
        raise Unreadable("not a JDBC URL, as jdbc:postgresql://host:port/database")
    return (f"{match[1]}:{match[2]}" if match[2] else match[1]).lower(), match[3]


def _path(rest: str) -> tuple[str, str]:
    """Return path and properties of what stands behind the host of a JDBC URL."""
    path, properties = _split(rest, "?;")
    if "=" in path:  # as Db2's /database:user=…; and Teradata's /USER=…,PASSWORD=…
        database, colon, first = path[1:].partition(":")
        is_db2 = bool(colon) and "=" not in database
        path, properties = (f"/{database}", first + properties) if is_db2 else ("", _commas(path[1:]) + properties)
    return path[1:], properties


def _commas(text: str) -> str:
    # A comma divides properties; in a value it stands in quotes.
    return ";".join(re.findall(r"(?:'[^']*'|[^,'])+", text))


def _properties(text: str) -> dict[str, str]:
    if text.startswith("?"):
        return _query(text[1:])
    return dict(strings.pairs(text, "{'", is_strict=False))


def _other(word: str, server: str, path: str, values: dict[str, str], blank: Entry) -> Entry:
    """Return the entry of a database that only its driver for Java knows."""
    login = {key: values.pop(key) for key in ("user", "username", "uid", "password", "pwd") if key in values}
    mark = "?&" if "?" in word else ";;"
    properties = mark[1].join(f"{key}={value}" for key, value in values.items())
    uri = f"jdbc:{word}://{server}/{path}" + (f"{mark[0]}{properties}" if properties else "")
    return Entry(blank.name, blank.tool, blank.word, blank.place, login | {"uri": uri})
