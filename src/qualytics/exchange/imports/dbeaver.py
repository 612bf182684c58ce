"""DBeaver's data-sources.json; its credentials stand encrypted in another file, and are not carried over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qualytics.exchange.imports import json_lines
from qualytics.service.foreign import urls
from qualytics.service.foreign.entries import Entry, Unreadable, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qualytics.exchange.imports.files import File

DBEAVER = "dbeaver"
_LATER = "DBeaver keeps it encrypted in credentials-config.json"
# What configures DBeaver itself, not the way to the server.
_OWN = ("url", "type", "configurationtype", "auth-model", "closeidleconnection", "bootstrap", "properties", "handlers")
_PROVIDERS = ("provider", "driver")


def data_sources(file: File) -> Iterator[Entry | tuple[str, str]]:
    """Read each connection; its URL counts where host and port are not said."""
    for key, given, line in json_lines.members(file.text, ("connections",)):
        place = file.place(line)
        if not isinstance(given, dict) or not isinstance(given.get("configuration"), dict):
            yield place, "has no configuration"
            continue
        try:
            yield _entry(key, given, given["configuration"], place)
        except Unreadable as exc:
            yield place, exc.problem


def _entry(key: str, given: dict[str, Any], configuration: dict[str, Any], place: str) -> Entry:
    name = str(given.get("name") or key)
    known = {key: value for key, value in configuration.items() if key.lower() not in _OWN}
    login = known.pop("auth-properties", {})
    login = texts(login) if isinstance(login, dict) else {}
    if "name" in login:
        login["username"] = login.pop("name")
    values = texts(known) | login
    notes = [] if "password" in values else [f"username and password: {_LATER}"]
    url = str(configuration.get("url") or "")
    # The words of drivers say more than those of providers, which other databases share.
    words = [str(given.get(name, "")).lower().replace("-", "_") for name in _PROVIDERS]
    if urls.is_url(url):
        inner = urls.parse(url, DBEAVER, place, name)
        values = inner.values | values
        return Entry(name, DBEAVER, inner.word, place, values, "" if "database" in values else inner.path, tuple(notes))
    return Entry(name, DBEAVER, words[0], place, values, notes=tuple(notes))
