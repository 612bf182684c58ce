"""Connection strings that are no URLs, by the quoting of each: ODBC's, ADO.NET's, libpq's, and types' own."""

from __future__ import annotations

import re

from qualytics import connectors
from qualytics.service.foreign.entries import Entry, Unreadable
from qualytics.service.foreign.matching import decoded, note, word_of_driver
from qualytics.structs import replace

_LIBPQ = "libpq"
# PostgreSQL's documentation, "Keyword/Value Connection Strings".
_PAIR = re.compile(r"\s*([a-z_]+)\s*=\s*('(?:\\.|[^'\\])*'|(?:\\.|[^\s'\\])*)(?=\s|\Z)")
_LIBPQ_KEYS = frozenset(("host", "hostaddr", "dbname", "user", "service"))
# How a string of either kind begins, and a message does not.
_KEYED = re.compile(r"[\s;]*[A-Za-z][\w .-]{0,63}=")
_DRIVER = re.compile(r"(?:\A|;)\s*(?:driver|dsn)\s*=", re.IGNORECASE)
_BRACED_PASSWORD = re.compile(r"(?:\A|;)\s*(?:pwd|password)\s*=\s*\{", re.IGNORECASE)
_MAX_PAIRS = 200
_QUOTED = "a value with a ; in it stands in braces, or in quotes, as its tool has it"
_BETWEEN = re.compile(r"[\s;]*")
_KEY = re.compile(r"([^=;]*)=\s*")
_ADO_KEY = re.compile(r"((?:[^=;]|==)*)=(?!=)\s*")
_OPEN_END = re.compile(r"[^;]*")
_CLOSED = {
    "{": re.compile(r"\{((?:[^}]|\}\})*)\}\s*(?:;|\Z)"),
    "'": re.compile(r"'((?:[^']|'')*)'\s*(?:;|\Z)"),
    '"': re.compile(r'"((?:[^"]|"")*)"\s*(?:;|\Z)'),
}
_DOUBLED = {"{": "}", "'": "'", '"': '"'}
# Microsoft Learn, "SqlConnection.ConnectionString": names of one keyword; what Npgsql and MySqlConnector write apart.
_SAME = {
    **dict.fromkeys(("data source", "datasource", "address", "addr", "network address"), "server"),
    **dict.fromkeys(("user id", "user name"), "username"),
    "initial catalog": "database",
    "application intent": "applicationintent",
    "multi subnet failover": "multisubnetfailover",
    "ssl mode": "sslmode",
    "trust server certificate": "trustservercertificate",
}
_PLACES = frozenset(("server", "host", "account", "hostname"))
# The provider that .NET brings itself is meant where no keyword tells another.
_USUAL_ADO = "sqlclient"


def pairs(text: str, signs: str, *, is_strict: bool = True) -> list[tuple[str, str]]:
    """Return keys, in lower case, and values of a text `key=value;key={va;lue}`.

    `signs` are those that a value may stand in; the one that ends it is doubled inside. Where it is not strict, a value
    that begins with a sign and does not end with it is taken as it stands.

    Raises:
        Unreadable: a part has no =, a value does not end as it begins, or there are too many.

    """
    key_of = _ADO_KEY if '"' in signs else _KEY
    found: list[tuple[str, str]] = []
    start = _BETWEEN.match(text).end()  # type: ignore[union-attr]  # it matches everywhere
    while start < len(text):
        key = key_of.match(text, start)
        if key is None:
            raise Unreadable(f"a part of the connection string has no =; {_QUOTED}")
        if len(found) == _MAX_PAIRS:
            raise Unreadable(f"the connection string has more than {_MAX_PAIRS} values")
        start = key.end()
        sign = text[start : start + 1]
        closed = _CLOSED[sign].match(text, start) if sign and sign in signs else None
        if closed is None and is_strict and sign and sign in signs:
            raise Unreadable(f"a value of the connection string does not end as it begins, with a {sign}; {_QUOTED}")
        end = _OPEN_END.match(text, start) if closed is None else closed
        value = end[0].strip() if closed is None else closed[1].replace(_DOUBLED[sign] * 2, _DOUBLED[sign])  # type: ignore[index]  # it matches everywhere
        found.append((key[1].strip().replace("==", "=").lower(), value))
        start = _BETWEEN.match(text, end.end()).end()  # type: ignore[union-attr]  # as above
    return found


def parse(text: str, tool: str, place: str, name: str | None = None, type_name: str | None = None) -> Entry | None:
    """Take a connection string apart; return None for a text that is none.

    `type_name` is the type of connection that it is expected to be of.

    Raises:
        Unreadable: it is one, and where its values end cannot be told.

    """
    words = text.strip()
    values = _libpq(words)
    if values.keys() & _LIBPQ_KEYS and ";" not in values.get("host", ""):
        return Entry(name, tool, _LIBPQ, place, values)
    if own := _of_a_type(words, type_name):
        return Entry(name, tool, own[0], place, own[1])
    if not _KEYED.match(words):
        return None
    if _DRIVER.search(words):
        values, notes = _once(pairs(words, "{"), is_first=True)
        word = word_of_driver(values.get("driver", "")) or ""
        if not _BRACED_PASSWORD.search(words):
            values = decoded(word, values)
        return Entry(name, tool, word, place, values, notes=notes)
    return _of_ado(words, Entry(name, tool, "", place, {}), type_name) if ";" in words else None


def _of_ado(words: str, entry: Entry, type_name: str | None) -> Entry | None:
    given = pairs(words, "\"'")
    values, notes = _once([(_SAME.get(key, key), value) for key, value in given], is_first=False)
    if not values.keys() & _PLACES:
        return None
    # Oracle's provider has all of the place in one value.
    own = _of_a_type(values.get("server", ""), type_name, is_place=True)
    if own is not None and own[1].keys() - {"host", "port"}:
        del values["server"]
        return replace(entry, word=own[0], values=values | own[1], notes=notes)
    return replace(entry, word=_word_of_keys({key for key, _ in given}, type_name), values=values, notes=notes)


def _once(given: list[tuple[str, str]], *, is_first: bool) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return each key once, by its first or last value, and what was left out therefore."""
    values: dict[str, str] = {}
    notes = []
    for key, value in given:
        if values.setdefault(key, value) != value:
            notes.append(note(key, f"is there twice; the {'first' if is_first else 'last'} counts"))
        if not is_first:
            values[key] = value
    return values, tuple(notes)


def _of_a_type(text: str, type_name: str | None, *, is_place: bool = False) -> tuple[str, dict[str, str]] | None:
    """Return the word for the type whose own grammar a text has, and its values."""
    for connector in connectors.all_connectors():
        foreign = connector.foreign
        if foreign is not None and foreign.string is not None:
            values = foreign.string(text, is_place=is_place or connector.type == type_name)
            if values is not None:
                return foreign.names[0], values
    return None


def _word_of_keys(keys: set[str], type_name: str | None) -> str:
    """Return the word for the type of a string of ADO.NET: by its keywords, else the expected one, else .NET's own."""
    words = {one.type: (one.foreign.names[0], one) for one in connectors.all_connectors() if one.foreign is not None}
    told = {
        type_: (len(foreign.ado & keys), any(protocol.type == type_ for protocol in one.protocols))
        for type_, (_, one) in words.items()
        if (foreign := one.foreign) is not None
    }
    best = max(told, key=lambda type_: told[type_])
    if type_name in told and (told[type_name][0] or not told[best][0]):
        return words[type_name][0]
    return words[best][0] if told[best][0] else _USUAL_ADO


def _libpq(words: str) -> dict[str, str]:
    """Return the values of a text that is keywords and values alone."""
    values: dict[str, str] = {}
    end = 0
    while pair := _PAIR.match(words, end):
        value = pair[2][1:-1] if pair[2][:1] == "'" else pair[2]
        values[pair[1]] = re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
        end = pair.end()
    return values if not words[end:].strip() else {}
