"""From an entry of another tool to the fields of a connection: what each key is, and what cannot be carried over."""

from __future__ import annotations

import functools
import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from qualytics import connectors, text
from qualytics.connectors.foreign import TLS_MODES
from qualytics.fields import BY_NAME, MAX_NAME, MAX_SECRET, SCOPES
from qualytics.structs import Struct

if TYPE_CHECKING:
    from qualytics.connectors.contract import Connector, Param
    from qualytics.connectors.foreign import Foreign
    from qualytics.service.foreign.entries import Entry

# What most tools call the same; a type's own words come first.
_USUAL = {
    **dict.fromkeys(("server", "servername", "hostname"), "host"),
    **dict.fromkeys(("user", "login", "uid", "user_name", "userid", "user id"), "username"),
    **dict.fromkeys(("pass", "pwd", "passwd"), "password"),
    **dict.fromkeys(("dbname", "db", "databasename", "database_name", "initial catalog"), "database"),
    **dict.fromkeys(("driver", "description", "trace", "servertype"), ""),
}
_MAX_LEFT = 30
_KEY = re.compile(r"[A-Za-z][\w .-]{0,63}")
_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class Candidate(Struct):
    """A connection that an entry would become.

    `fields` are those of a create, secrets among them; `scope` is what a datastore would have; `left` says what is not
    carried over, as `what: why`, without values; `reason` is why it becomes none.
    """

    entry: Entry
    type: str | None
    fields: dict[str, Any]
    scope: dict[str, str]
    left: tuple[str, ...]
    reason: str | None = None


@functools.cache
def _by_name() -> dict[str, Connector]:
    return {
        name: connector
        for connector in connectors.all_connectors()
        if connector.foreign is not None
        for name in connector.foreign.names
    }


def connector_of(word: str, host: str = "") -> Connector | None:
    """Return the connector of another tool's word for a type, which a host may tell, None where there is none."""
    if (found := _by_name().get(word.lower())) is not None:
        return found
    return next(
        (
            connector
            for connector in _by_name().values()
            if connector.foreign is not None
            and host.lower().partition(":")[0].endswith(connector.foreign.hosts.get(word.lower(), ()))
        ),
        None,
    )


def decoded(word: str, values: dict[str, str]) -> dict[str, str]:
    """Return the values of an ODBC data source with the password that the driver of this type takes it for."""
    connector = connector_of(word)
    if connector is None or connector.foreign is None or not connector.foreign.odbc_decoded:
        return values
    return values | {key: unquote_plus(values[key]) for key in ("pwd", "password") if key in values}


def word_of_driver(driver: str) -> str | None:
    """Return the word for the type that an ODBC driver is for, by its name or file; the longest part of it counts."""
    lower = driver.lower()
    parts = [
        (len(part), connector.foreign.names[0])
        for connector in connectors.all_connectors()
        if connector.foreign is not None
        for part in connector.foreign.odbc
        if part in lower
    ]
    return max(parts)[1] if parts else None


def match(entry: Entry, *, reads_files: bool = True) -> Candidate:
    """Return the connection that an entry becomes, or why it becomes none.

    `reads_files` says that files which an entry names are the user's own, and are read.
    """
    connector = connector_of(entry.word, entry.values.get("host", ""))
    if entry.problem is not None:
        return Candidate(entry, None, {}, {}, entry.notes, entry.problem)
    if connector is None or connector.foreign is None:
        reason = f"there is no connection type for {text.shown(entry.word)!r}" if entry.word else "its type is not said"
        return Candidate(entry, None, {}, {}, entry.notes, reason)
    return _Matching(entry, connector, connector.foreign, reads_files=reads_files).candidate()


class _Matching:
    """The work on one entry."""

    def __init__(self, entry: Entry, connector: Connector, foreign: Foreign, *, reads_files: bool) -> None:
        self.entry, self.connector, self.foreign, self.reads_files = entry, connector, foreign, reads_files
        self.params = {param.name: param for param in connector.params}
        self.fields: dict[str, Any] = {}
        self.parameters: dict[str, Any] = {}
        self.scope: dict[str, str] = {}
        self.left = [*entry.notes]

    def candidate(self) -> Candidate:
        values = dict(self.entry.values)
        self._add_path(values)
        if self.foreign.complete is not None:
            self.foreign.complete(values)
        for key, value in values.items():
            if value:
                self._take(key, value)
        self._miss_secret()
        if self.parameters:
            self.fields["parameters"] = self.parameters
        name = text.visible(self.entry.name or "")[:MAX_NAME].strip()
        fields = ({"name": name} if name else {}) | {"type": self.connector.type} | self.fields
        left = self.left[:_MAX_LEFT] + (
            [f"and {len(self.left) - _MAX_LEFT} more"] if len(self.left) > _MAX_LEFT else []
        )
        return Candidate(self.entry, self.connector.type, fields, self.scope, tuple(left))

    def _add_path(self, values: dict[str, str]) -> None:
        names = self.foreign.path
        segments = [self.entry.path] if len(names) == 1 else self.entry.path.strip("/").split("/")
        for name, segment in zip(names, segments, strict=False):
            if segment:
                values.setdefault(name, segment)
        if len(segments) > len(names):
            self.left.append("path: has more parts than this type knows")

    def _take(self, key: str, value: str) -> None:
        target = self.foreign.files.get(key) or self.foreign.keys.get(key)
        if target is None:
            target = key if key in self.params or key in BY_NAME or key in SCOPES else _USUAL.get(key)
        if target == "":
            return
        if target is None:
            self._leave(key, f"{self.connector.type} has no such field")
        elif key in self.foreign.files:
            self._take_file(key, target, value)
        else:
            self._put(key, target, value)

    def _take_file(self, key: str, target: str, path: str) -> None:
        if not self.reads_files:
            self._leave(key, "a file of another machine is not read; give what it holds")
            return
        try:
            with open(os.path.expanduser(path), "rb") as file:
                raw = file.read(MAX_SECRET + 1)
            content = raw.decode()
        except (OSError, ValueError):
            self._leave(key, "its file cannot be read")
            return
        if len(raw) > MAX_SECRET:
            self._leave(key, "its file is larger than 64 KiB")
        else:
            self._put(key, target, content)

    def _put(self, key: str, target: str, value: str) -> None:
        if target in self.params:
            self._put_parameter(key, self.params[target], value)
        elif target in SCOPES:
            if target in (*self.connector.scope, *self.connector.scope_optional):
                if self.scope.setdefault(target, value) != value:
                    self._leave(key, f"{target} is there twice")
            else:
                self._leave(key, f"{self.connector.type} has none")
        elif target not in self.connector.fields:
            self._leave(key, f"{self.connector.type} has no such field")
        elif target in self.fields:
            if self.fields[target] != _typed(BY_NAME[target].type, value):
                self._leave(key, f"{target} is there twice")
        elif (typed := _typed(BY_NAME[target].type, value)) is None:
            self._leave(key, "is not a whole number")
        else:
            self.fields[target] = typed

    def _put_parameter(self, key: str, param: Param, value: str) -> None:
        words = self.foreign.words.get(param.name, {})
        if param.name == "ssl_mode":
            words = {**TLS_MODES, **words}
        value = words.get(value.lower(), value)
        typed = _typed(param.type, value)
        if typed is None or (param.choices and typed not in param.choices):
            self._leave(key, f"{self.connector.type} knows no such {param.name}")
        elif self.parameters.setdefault(param.name, typed) != typed:
            self._leave(key, f"{param.name} is there twice")

    def _miss_secret(self) -> None:
        wanted = [name for name in ("password", "secret_key") if name in self.connector.fields]
        if wanted and not self.fields.keys() & set(wanted):
            self._leave(wanted[0], "none is there")

    def _leave(self, what: str, why: str) -> None:
        if (said := note(what, why)) not in self.left:
            self.left.append(said)


def note(key: str, why: str) -> str:
    """Return what is said of a key that is not carried over."""
    # What is no name of a key may be a part of a secret, behind a sign that divides values.
    return f"{key if _KEY.fullmatch(key) else 'a key that is no name'}: {why}"


def _typed(wanted: type, value: str) -> Any:
    """Return a text as a value of a type, None when it is none."""
    if wanted is str:
        return value
    if wanted is int:
        return int(value) if value.isdecimal() and value.isascii() and len(value) < 10 else None
    if wanted is bool:
        return True if value.lower() in _YES else False if value.lower() in _NO else None
    return None
